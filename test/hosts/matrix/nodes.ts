// Versions of Node, as npm's package `node` has them.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Cell, judge, type Report } from "./cell.ts";
import { runProgram } from "./process.ts";
import { folderIn, type Project, tools } from "./project.ts";

/** The same program where modules are required. */
export const REQUIRING = `const convolith = require("convolith");
const worker = require("convolith/worker");
import("./everywhere.js").then(async ({ everywhere }) => console.log(JSON.stringify(await everywhere(convolith, { worker }))));
`;

interface Node {
  readonly version: string;
  readonly core?: boolean;
  /** `require` of ES modules came with Node 20.19. */
  readonly requires: boolean;
}

const NODES: readonly Node[] = [
  { version: "20.0.0", core: true, requires: false },
  { version: "20.11", requires: false },
  { version: "20", requires: true },
  { version: "22", requires: true, core: true },
  { version: "24", requires: true, core: true },
  { version: "26", requires: true },
];

async function run(project: Project, { version }: Node, file: string): Promise<Report> {
  const node = join(tools(`node@${version}`), "node_modules/node/bin/node");
  const folder = folderIn(project, `node ${version} ${file}`);
  writeFileSync(join(folder, "main.cjs"), REQUIRING);
  const { answers, exit } = await runProgram(node, [file], folder);
  const { checks, build } = judge(answers, project);
  return { version: "", build, checks: { ...checks, exit } };
}

export const nodes: readonly Cell[] = NODES.flatMap((node) => {
  const cell = (how: string, file: string): Cell => ({
    name: `Node ${node.version}${how}`,
    group: "runtime",
    core: node.core ?? false,
    run: (project) => run(project, node, file),
  });
  return [cell("", "main.js"), ...(node.requires ? [cell(", require", "main.cjs")] : [])];
});
