// Declarations of the packed package under versions of TypeScript, all of them checked: nobody has to set skipLibCheck.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { type Cell, NotRun, type Verdict } from "./cell.ts";
import { ownProject, type Project } from "./project.ts";

/** The oldest that reads the declarations; docs/hosts.md says so. */
export const OLDEST_TYPESCRIPT = "5.2";

const VERSIONS = [OLDEST_TYPESCRIPT, "5.4", "5.9", "6", "7"];

interface Library {
  readonly name: string;
  readonly options: readonly string[];
}

/** What a project has told the compiler about its host. */
const LIBRARIES: readonly Library[] = [
  { name: "es2022 and DOM", options: ["--lib", "es2022,dom", "--types", ""] },
  { name: "es2022 and Node", options: ["--lib", "es2022", "--types", "node"] },
  { name: "es2022 alone", options: ["--lib", "es2022", "--types", ""] },
];

/** Everything that the entries export, and a use of it that needs no host. */
const program = (entries: readonly string[]): string => `
${entries.map((entry, i) => `export * as entry${i} from "${entry}";`).join("\n")}
import { adam, conv2d, createEngine, sequential, type Network, type Tensor } from "convolith";
import { canny } from "convolith/image";
const engine = await createEngine({ threads: 2 });
const net: Network = engine.compile(sequential([4, 4, 1], [conv2d({ filters: 2, kernel: 3 })]));
const y: Float32Array = net.predict(new Float32Array(16));
const x: Tensor = engine.tensor([1, 2, 3, 4], [1, 2, 2, 1]);
const history = await net.fit({ x: y, y }, { loss: "meanSquaredError", optimizer: adam() });
export const edges: Uint8ClampedArray | Uint8Array = canny(engine, { data: new Uint8Array(16), width: 4, height: 4 }).data;
export const numbers: number[] = [history[0].loss, x.shape[0]];
`;

async function check(project: Project, version: string, { options }: Library): Promise<Verdict> {
  const folder = ownProject(project, `typescript ${version}`, [`typescript@${version}`, "@types/node@20"]);
  const { exports } = JSON.parse(
    readFileSync(join(folder, "node_modules/convolith/package.json"), "utf8"),
  ) as { exports: Record<string, object | string> };
  const entries = Object.keys(exports).filter((entry) => typeof exports[entry] === "object");
  writeFileSync(join(folder, "types.mts"), program(entries.map((entry) => `convolith${entry.slice(1)}`)));
  const tsc = join(folder, "node_modules/typescript/bin/tsc");
  const args = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", ...options];
  try {
    execFileSync(process.execPath, [relative(folder, tsc), ...args, "types.mts"], {
      cwd: folder,
      encoding: "utf8",
      stdio: "pipe",
    });
    return "ok";
  } catch (error) {
    if (error instanceof NotRun) throw error;
    return { failed: (error as { stdout: string }).stdout };
  }
}

export const types: readonly Cell[] = VERSIONS.flatMap((version) =>
  LIBRARIES.map(
    (library): Cell => ({
      name: `TypeScript ${version}, ${library.name}`,
      group: "types",
      core: (version === OLDEST_TYPESCRIPT || version === VERSIONS.at(-1)) && library !== LIBRARIES[0],
      run: async (project) => ({ version: "", checks: { types: await check(project, version, library) } }),
    }),
  ),
);
