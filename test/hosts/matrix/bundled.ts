// The shared program through every bundler, in a page and, where the format allows it, in Node.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { page } from "../pages/page.ts";
import { startTool } from "../pages/tool.ts";
import { visit } from "../pages/visit.ts";
import { type Cell, judge, type Report, type Wire } from "./cell.ts";
import { type PageBundler, pageBundlers, versionOf, vite, viteProgram } from "./page-bundlers.ts";
import { bothReports, fetchedBy, NOT_ISOLATED, reportOf, visitFolder } from "./page-report.ts";
import { runProgram } from "./process.ts";
import { folderIn, type Project } from "./project.ts";

/** A program whose `await` at the top is inside a function: some bundles cannot have it. */
export function withoutTopLevelAwait(text: string): string {
  const lines = text.split("\n");
  const code = lines.findIndex((line) => line && !/^(import|\/\/)/.test(line));
  return [...lines.slice(0, code), "(async () => {", ...lines.slice(code), "})();"].join("\n");
}

/** What goes over the wire for eager ops, for a network that predicts, and for all that the front door exports. */
async function wire(bundler: PageBundler, project: Project): Promise<NonNullable<Report["wire"]>> {
  const measure = async (file: string): Promise<Wire> => {
    const name = file.replace(".js", "");
    const folder = folderIn(project, `${bundler.name} ${name}`);
    const program = readFileSync(join(project.folder, file), "utf8");
    writeFileSync(join(folder, "main.js"), withoutTopLevelAwait(program));
    return await fetchedBy((await bundler.bundle(folder)).folder);
  };
  return {
    eager: await measure("eager.js"),
    predict: await measure("predict.js"),
    all: await measure("everything.js"),
  };
}

async function run(bundler: PageBundler, project: Project): Promise<Report> {
  const folder = folderIn(project, bundler.name);
  const { folder: out, version } = await bundler.bundle(folder);
  let report: Report = { version, checks: {} };
  if (!bundler.noPage) report = { ...(await visitFolder(out, "Chromium", project)), version };
  if (bundler.forNode) {
    const { answers, exit } = await runProgram(process.execPath, [join(out, bundler.forNode)], out);
    const inNode = { version, ...judge(answers, project) };
    report = bothReports(bundler.noPage ? inNode : report, inNode);
    report = { ...report, checks: { ...report.checks, exit } };
  }
  return report;
}

/** Vite's development server, which bundles dependencies by itself and serves the rest as it is. */
async function runVite(major: number, project: Project): Promise<Report> {
  const folder = folderIn(project, `Vite ${major}, dev`);
  writeFileSync(join(folder, "index.html"), page("/main.js"));
  const headers = `{ "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" }`;
  const look = async (isolated: boolean): Promise<Report> => {
    const server = isolated ? `server: { headers: ${headers} }` : "";
    writeFileSync(join(folder, "vite.config.js"), `export default { ${server} };\n`);
    const dev = await startTool([viteProgram(vite(major)), "--host", "127.0.0.1", "--port", "0"], folder);
    try {
      return reportOf(await visit("Chromium", dev.url), project, isolated ? {} : { threads: NOT_ISOLATED });
    } finally {
      dev.stop();
    }
  };
  return { ...bothReports(await look(true), await look(false)), version: versionOf("vite", vite(major)) };
}

export const bundled: readonly Cell[] = [
  ...pageBundlers.map(
    (bundler): Cell => ({
      name: bundler.name,
      group: "bundler",
      core: bundler.core ?? false,
      run: (project) => run(bundler, project),
      ...(bundler.noPage ? {} : { wire: (project: Project) => wire(bundler, project) }),
    }),
  ),
  ...[5, 7, 8].map(
    (major): Cell => ({
      name: `Vite ${major}, dev`,
      group: "bundler",
      run: (project) => runVite(major, project),
    }),
  ),
];
