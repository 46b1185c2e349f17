// Builds the playground and serves it as a static host would: files from a folder, here below a path of its own.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The address of the playground. */
    site: string;
  }
}

const PATH = "/some/folder/";
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

export default async function setup(context: TestProject): Promise<() => Promise<void>> {
  const [build, out] = ["examples/playground/build.mjs", "build/playground"].map((path) =>
    fileURLToPath(new URL(`../../${path}`, import.meta.url)),
  );
  execFileSync(process.execPath, [build, "--out", out], { stdio: "inherit" });
  const server = createServer(({ url = "/" }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    const file = pathname === PATH ? "index.html" : normalize(pathname.slice(PATH.length));
    try {
      if (!pathname.startsWith(PATH) || file.startsWith("..")) throw new Error("elsewhere");
      const bytes = readFileSync(join(out, file));
      response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream").end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.provide("site", `http://127.0.0.1:${(server.address() as AddressInfo).port}${PATH}`);
  return () =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
}
