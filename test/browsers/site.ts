// Builds the playground and serves it as a static host would: files from a folder, here below a path of its own; beside it the package.
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
    /** The address of the package's own files, of the same origin. */
    dist: string;
  }
}

const [PATH, DIST] = ["/some/folder/", "/dist/"];
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
  const [build, out, dist] = ["examples/playground/build.mjs", "build/playground", "dist"].map((path) =>
    fileURLToPath(new URL(`../../${path}`, import.meta.url)),
  );
  const folders: readonly (readonly [path: string, folder: string])[] = [
    [PATH, out],
    [DIST, dist],
  ];
  execFileSync(process.execPath, [build, "--out", out], { stdio: "inherit" });
  const server = createServer(({ url = "/" }, response) => {
    const { pathname } = new URL(url, "http://localhost");
    try {
      const [path, folder] = folders.find(([prefix]) => pathname.startsWith(prefix))!;
      const file = pathname === path ? "index.html" : normalize(pathname.slice(path.length));
      if (file.startsWith("..")) throw new Error("elsewhere");
      const bytes = readFileSync(join(folder, file));
      response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream").end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  context.provide("site", origin + PATH);
  context.provide("dist", origin + DIST);
  return () =>
    new Promise((resolve) => {
      server.closeAllConnections();
      server.close(() => resolve());
    });
}
