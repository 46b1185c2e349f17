// Bun and Deno, and what Bun bundles; binaries come from the packages that npm's `bun` and `deno` choose among by platform.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { type Cell, judge, type Report } from "./cell.ts";
import { runProgram } from "./process.ts";
import { folderIn, type Project, tools } from "./project.ts";

const arm = process.arch === "arm64";

function bun(version: string): string {
  const name = `@oven/bun-${process.platform}-${arm ? "aarch64" : "x64"}`;
  return join(tools(`${name}@${version}`), "node_modules", name, "bin/bun");
}

function deno(): string {
  const name = `@deno/${process.platform}-${process.arch}${process.platform === "linux" ? "-glibc" : ""}`;
  return join(tools(name), "node_modules", name, "deno");
}

const versionOf = (command: string): string =>
  /\d+\.\d+\.\d+/.exec(execFileSync(command, ["--version"], { encoding: "utf8" }))![0];

/** Runs a program of the folder with one command; by default the one that the folder has. */
async function report(
  project: Project,
  command: readonly [string, ...string[]],
  folder: string,
  more: Partial<Report> = {},
): Promise<Report> {
  const { answers, exit } = await runProgram(command[0], command.slice(1), folder);
  const { checks, build } = judge(answers, project);
  return { version: "", ...more, build, checks: { ...checks, exit } };
}

const runtimes: readonly Cell[] = [
  ...["1.2", "latest"].map(
    (wanted): Cell => ({
      name: wanted === "latest" ? "Bun" : `Bun ${wanted}`,
      group: "runtime",
      core: true,
      async run(project) {
        const command = bun(wanted);
        const version = wanted === "latest" ? versionOf(command) : "";
        return report(project, [command, "main.js"], folderIn(project, `bun ${wanted}`), { version });
      },
    }),
  ),
  {
    name: "Deno",
    group: "runtime",
    core: true,
    async run(project) {
      const command = deno();
      // What a program may do without asking: read its own modules and nothing else.
      const folder = folderIn(project, "deno");
      return report(project, [command, "run", "--no-prompt", "main.js"], folder, {
        version: versionOf(command),
      });
    },
  },
];

/** One file with everything in it: Bun, too, puts chunks apart only when it is asked to. */
function built(project: Project, name: string, ...args: string[]): { command: string; folder: string } {
  const [command, folder] = [bun("latest"), folderIn(project, name)];
  execFileSync(command, ["build", "main.js", "--minify", ...args], { cwd: folder, stdio: "pipe" });
  return { command, folder };
}

const bundles: readonly Cell[] = [
  {
    name: "bun build, run by Bun",
    group: "bundler",
    async run(project) {
      const { command, folder } = built(project, "bun build", "--target=bun", "--outfile=out.js");
      return report(project, [command, "out.js"], folder);
    },
  },
  {
    name: "bun build for browsers, run by Node",
    group: "bundler",
    core: true,
    async run(project) {
      const { folder } = built(project, "bun build web", "--target=browser", "--outfile=out.js");
      return report(project, [process.execPath, "out.js"], folder);
    },
  },
  {
    name: "bun build --compile",
    group: "bundler",
    async run(project) {
      const { folder } = built(project, "bun compile", "--compile", "--outfile=program");
      return report(project, [join(folder, "program")], folder);
    },
  },
];

export const bunAndDeno: readonly Cell[] = [...runtimes, ...bundles];
