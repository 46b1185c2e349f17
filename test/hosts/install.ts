// Packs convolith as for publishing and installs it in an empty project, beside the oldest TypeScript that is supported.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder of a project in which the package is installed, with the programs of test/hosts/programs. */
    project: string;
    /** The packed package. */
    tarball: string;
  }
}

const OLDEST_TYPESCRIPT = "typescript@5.4.5";

const npm = (folder: string, ...args: string[]): string =>
  execFileSync("npm", args, { cwd: folder, encoding: "utf8", shell: process.platform === "win32" });

export default function setup(context: TestProject): () => void {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "convolith-")));
  // Runs the build first, as publishing does: `prepack`.
  const packed = npm(
    fileURLToPath(new URL("../..", import.meta.url)),
    ...["pack", "--json", "--pack-destination", folder],
  );
  const tarball = join(folder, /"filename": "([^"]+)"/.exec(packed)![1]);
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module", private: true }));
  npm(folder, "install", "--no-audit", "--no-fund", tarball, OLDEST_TYPESCRIPT, "@types/node@24");
  cpSync(fileURLToPath(new URL("programs", import.meta.url)), folder, { recursive: true });
  context.provide("project", folder);
  context.provide("tarball", tarball);
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
