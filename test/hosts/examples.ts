// Copies of examples in a project where the packed package is installed.
import { cpSync, existsSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** What examples import besides convolith. */
const PACKAGES = ["fast-png", "fflate", "jpeg-js", "@upscalerjs"];

/**
 * Copies folders of examples/ into the project, as a clone has them, and gives where they are. Packages that the repository has installed
 * are linked; convolith is the one of the project.
 */
export function copyExamples(project: string, ...names: string[]): string {
  const examples = join(project, "examples");
  for (const name of names)
    cpSync(join(root, "examples", name), join(examples, name), {
      recursive: true,
      filter: (path) => !["node_modules", "out", ".next", ".wrangler"].includes(basename(path)),
    });
  for (const name of PACKAGES) {
    const link = join(project, "node_modules", name);
    if (!existsSync(link)) symlinkSync(join(root, "node_modules", name), link, "junction");
  }
  return examples;
}
