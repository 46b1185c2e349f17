// Declarations of the packed package under versions of TypeScript, all of them checked: nobody has to set skipLibCheck.
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Cell, Check, Verdict } from "./cell.ts";
import { folderIn, type Project, tools } from "./project.ts";

const run = promisify(execFile);

/** The oldest that reads the declarations; docs/hosts.md says so. */
export const OLDEST_TYPESCRIPT = "5.2";

const VERSIONS = [OLDEST_TYPESCRIPT, "5.4", "5.9", "6", "7"];

interface Library {
  readonly name: Check;
  readonly options: { readonly lib: readonly string[]; readonly types: readonly string[] };
}

/** What a project has told the compiler about its host. */
const LIBRARIES: readonly Library[] = [
  { name: "DOM", options: { lib: ["es2022", "dom"], types: [] } },
  { name: "Node", options: { lib: ["es2022"], types: ["node"] } },
  { name: "neither", options: { lib: ["es2022"], types: [] } },
];

/** A use of the package that needs no host, and declarations of everything it exports, as a library over it would have them. */
const program = (entries: readonly string[]): string => `
${entries.map((entry, i) => `import * as entry${i} from "${entry}";`).join("\n")}
import { adam, conv2d, createEngine, sequential, type Network, type Tensor } from "convolith";
import { canny } from "convolith/image";
${entries.map((_, i) => `export const all${i} = { ...entry${i} };`).join("\n")}
const engine = await createEngine({ threads: 2 });
const net: Network = engine.compile(sequential([4, 4, 1], [conv2d({ filters: 2, kernel: 3 })]));
const y: Float32Array = net.predict(new Float32Array(16));
const x: Tensor = engine.tensor([1, 2, 3, 4], [1, 2, 2, 1]);
const history = await net.fit({ x: y, y }, { loss: "meanSquaredError", optimizer: adam() });
export const edges: Uint8ClampedArray | Uint8Array = canny(engine, { data: new Uint8Array(16), width: 4, height: 4 }).data;
export const numbers: number[] = [history[0].loss, x.shape[0]];
export const typed = sequential([4], []);
export const methods = { conv2d: engine.conv2d, fit: net.fit, evaluate: net.evaluate };
`;

async function check(project: Project, version: string, { name, options }: Library): Promise<Verdict> {
  const modules = join(tools(`typescript@${version}`, "@types/node@20"), "node_modules");
  const folder = folderIn(project, `typescript ${version} ${name}`);
  const { exports } = JSON.parse(
    readFileSync(join(project.folder, "node_modules/convolith/package.json"), "utf8"),
  ) as { exports: Record<string, object | string> };
  const entries = Object.keys(exports).filter((entry) => typeof exports[entry] === "object");
  writeFileSync(join(folder, "types.ts"), program(entries.map((entry) => `convolith${entry.slice(1)}`)));
  const compilerOptions = {
    ...{ strict: true, declaration: true, outDir: "out", target: "es2022", module: "nodenext" },
    ...options,
    typeRoots: [join(modules, "@types")],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["types.ts"] }));
  try {
    await run(process.execPath, [join(modules, "typescript/bin/tsc"), "-p", folder]);
    return "ok";
  } catch (error) {
    return { failed: (error as { stdout: string }).stdout };
  }
}

export const types: readonly Cell[] = VERSIONS.map(
  (version): Cell => ({
    name: `TypeScript ${version}`,
    group: "types",
    core: version === OLDEST_TYPESCRIPT || version === VERSIONS.at(-1),
    async run(project) {
      const checks: Partial<Record<Check, Verdict>> = {};
      for (const library of LIBRARIES) checks[library.name] = await check(project, version, library);
      return { version: "", checks };
    },
  }),
);
