// Copies of examples in a project where the packed package is installed.
import { cpSync, existsSync, rmSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";

/** What examples import besides convolith. */
const PACKAGES = ["fast-png", "fflate", "jpeg-js", "@upscalerjs"];

/**
 * Copies folders of the repository's examples/ into the project, as a clone has them, and gives where they are. Other packages are linked
 * to those of the repository; convolith is the project's.
 */
export function copyExamples(root: string, project: string, ...names: string[]): string {
  const examples = join(project, "examples");
  for (const name of names) {
    rmSync(join(examples, name), { recursive: true, force: true });
    cpSync(join(root, "examples", name), join(examples, name), {
      recursive: true,
      filter: (path) => !["node_modules", "out", ".next", ".wrangler"].includes(basename(path)),
    });
  }
  for (const name of PACKAGES) {
    const link = join(project, "node_modules", name);
    // One from before may lead to a clone that is gone.
    if (existsSync(link)) continue;
    rmSync(link, { force: true });
    symlinkSync(join(root, "node_modules", name), link, "junction");
  }
  return examples;
}
