// Packs convolith as for publishing and installs it in an empty project, beside the oldest TypeScript that is supported.
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { install, pack } from "./pack.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The folder of a project in which the package is installed, with the programs of test/hosts/programs. */
    project: string;
    /** The packed package. */
    tarball: string;
  }
}

const OLDEST_TYPESCRIPT = "typescript@5.4.5";

export default function setup(context: TestProject): () => void {
  const root = fileURLToPath(new URL("../..", import.meta.url));
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "convolith-")));
  const tarball = pack(root, folder);
  install(root, folder, [tarball, OLDEST_TYPESCRIPT, "@types/node@24"]);
  context.provide("project", folder);
  context.provide("tarball", tarball);
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
