// What cells work with: the packed package, folders it is installed in, and what Node answers.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { install, npm, pack } from "../pack.ts";
import { type Answers, NotRun } from "./cell.ts";
import { runProgram } from "./process.ts";

/** The packed package, installed once; its programs lie beside it. */
export interface Project {
  /** The repository. */
  readonly root: string;
  /** A project that has nothing but the package and test/hosts/programs in it. Cells write into folders of their own below. */
  readonly folder: string;
  readonly tarball: string;
  /** What this Node answers, which all others are compared with. */
  readonly expected: Answers;
}

/** Packages of other people, kept from one run to the next: in CONVOLITH_HOSTS or the system's temporary folder. */
export const KEPT = process.env.CONVOLITH_HOSTS ?? join(tmpdir(), "convolith-hosts");

/** A program that imports the package as it is and prints what everywhere.js answers; without `await` at the top, which not every bundle can have. */
export const MAIN = `import * as convolith from "convolith";
import * as worker from "convolith/worker";
import { everywhere } from "./everywhere.js";
everywhere(convolith, { worker }).then((answers) => console.log(JSON.stringify(answers)));
`;

/** Packs and installs into a new temporary folder, which `remove` deletes. */
export async function openProject(root: string): Promise<Project & { remove(): void }> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "convolith-")));
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    const tarball = pack(root, folder);
    install(root, folder, [tarball]);
    return { ...(await projectIn(root, folder, tarball)), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** A project that is installed already. */
export async function projectIn(root: string, folder: string, tarball: string): Promise<Project> {
  writeFileSync(join(folder, "main.js"), MAIN);
  const { answers, exit } = await runProgram(process.execPath, ["main.js"], folder);
  const wrong = Object.values(answers.answers).find((answer) => typeof answer !== "string");
  if (wrong || exit !== "ok") throw new Error(`Node itself fails: ${JSON.stringify({ answers, exit })}`);
  return { root, folder, tarball, expected: answers };
}

/** An empty folder below the project, with its programs in it. Imports of "convolith" find the package in the project. */
export function folderIn(project: Project, name: string): string {
  const folder = join(project.folder, name.replace(/\W+/g, "-"));
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const file of ["everywhere.js"])
    writeFileSync(join(folder, file), readFileSync(join(project.folder, file)));
  writeFileSync(join(folder, "package.json"), '{ "type": "module", "private": true }');
  writeFileSync(join(folder, "main.js"), MAIN);
  return folder;
}

/** A folder with packages of other people in its node_modules, installed once. Throws NotRun where they cannot be installed. */
export function tools(...packages: string[]): string {
  const folder = join(KEPT, packages.join("+").replace(/[^\w.+-]+/g, "_"));
  if (!existsSync(join(folder, "node_modules"))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{ "private": true }');
    try {
      npm(folder, "install", "--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline", ...packages);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw new NotRun(
        `${packages.join(", ")} cannot be installed: ${(error as Error).message.split("\n")[0]}`,
      );
    }
  }
  return folder;
}

/** A project of its own, for tools that ask for one: packages of other people and the package together. Kept like `tools`. */
export function ownProject(project: Project, name: string, packages: readonly string[]): string {
  const folder = join(KEPT, `project-${name.replace(/[^\w.]+/g, "-")}`);
  try {
    install(project.root, folder, [project.tarball, ...packages]);
  } catch (error) {
    throw new NotRun(
      `${packages.join(", ")} cannot be installed: ${(error as Error).message.split("\n")[0]}`,
    );
  }
  return folder;
}
