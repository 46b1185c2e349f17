// Next.js with each of its bundlers: a client component, a route in Node and one at the edge.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runTool, startTool } from "../pages/tool.ts";
import { visit } from "../pages/visit.ts";
import { type Answers, type Cell, judge, type Limits, type Report } from "./cell.ts";
import { bothReports, NOT_ISOLATED, reportOf } from "./page-report.ts";
import { ownProject, type Project } from "./project.ts";

const FILES: Readonly<Record<string, string>> = {
  // A page that is isolated, and the same one that is not.
  "next.config.mjs": `const headers = [
  { key: "Cross-Origin-Opener-Policy", value: "same-origin" },
  { key: "Cross-Origin-Embedder-Policy", value: "require-corp" },
];
export default { headers: async () => [{ source: "/", headers }] };
`,
  "app/layout.js": `export const metadata = { title: "convolith", icons: { icon: "data:," } };
export default ({ children }) => <html lang="en"><body>{children}</body></html>;
`,
  "app/page.js": `import { Answers } from "./answers.js";
export default () => <Answers />;
`,
  "app/plain/page.js": `import { Answers } from "../answers.js";
export default () => <Answers />;
`,
  "app/answers.js": `"use client";
import * as convolith from "convolith";
import * as worker from "convolith/worker";
import { useEffect } from "react";
import { everywhere } from "../everywhere.js";
export function Answers() {
  useEffect(() => {
    everywhere(convolith, { worker }).then((answers) => console.log(JSON.stringify(answers)));
  }, []);
  return <p>convolith</p>;
}
`,
  "app/node/route.js": `import * as convolith from "convolith";
import * as worker from "convolith/worker";
import { everywhere } from "../../everywhere.js";
export const dynamic = "force-dynamic";
export const GET = async () => Response.json(await everywhere(convolith, { worker }));
`,
  "app/edge/route.js": `import * as convolith from "convolith";
import * as worker from "convolith/worker";
import { everywhere } from "../../everywhere.js";
export const runtime = "edge";
export const dynamic = "force-dynamic";
export const GET = async () => Response.json(await everywhere(convolith, { worker }));
`,
};

/** The release that builds with a bundler by default. Next.js 16 with `--webpack` builds no route at the edge, with or without the package. */
const RELEASES = { webpack: 15, Turbopack: 16 } as const;
type Bundler = keyof typeof RELEASES;

const program = (folder: string): string => join(folder, "node_modules/next/dist/bin/next");

/** Builds are slow: one for the three cells of a bundler. */
const built = new Map<string, Promise<string>>();

function buildSite(project: Project, bundler: Bundler): Promise<string> {
  const key = `${project.tarball} ${bundler}`;
  if (!built.has(key)) built.set(key, build(project, bundler));
  return built.get(key)!;
}

async function build(project: Project, bundler: Bundler): Promise<string> {
  const folder = ownProject(project, `next ${bundler}`, [
    `next@${RELEASES[bundler]}`,
    "react@19",
    "react-dom@19",
  ]);
  for (const old of ["app", ".next"]) rmSync(join(folder, old), { recursive: true, force: true });
  for (const [file, text] of Object.entries(FILES)) {
    mkdirSync(join(folder, file, ".."), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  await runTool([program(folder), "build"], folder);
  return folder;
}

async function withSite(
  project: Project,
  bundler: Bundler,
  look: (url: string) => Promise<Report>,
): Promise<Report> {
  const folder = await buildSite(project, bundler);
  const { version } = JSON.parse(readFileSync(join(folder, "node_modules/next/package.json"), "utf8"));
  const server = await startTool(
    [program(folder), "start", "--hostname", "127.0.0.1", "--port", "0"],
    folder,
  );
  try {
    return { ...(await look(server.url)), version };
  } finally {
    server.stop();
  }
}

async function inPage(url: string, project: Project): Promise<Report> {
  const isolated = reportOf(await visit("Chromium", url), project);
  const plain = reportOf(await visit("Chromium", `${url}plain`), project, { threads: NOT_ISOLATED });
  return bothReports(isolated, plain);
}

async function inRoute(url: string, path: string, project: Project, limits: Limits): Promise<Report> {
  const response = await fetch(url + path);
  if (!response.ok) throw new Error(`/${path} answers ${response.status}: ${await response.text()}`);
  return { version: "", ...judge((await response.json()) as Answers, project, limits) };
}

export const next: readonly Cell[] = (Object.keys(RELEASES) as Bundler[]).flatMap((bundler) => {
  const cell = (where: string, look: (url: string, project: Project) => Promise<Report>): Cell => ({
    name: `Next.js with ${bundler}, ${where}`,
    group: "framework",
    run: (project) => withSite(project, bundler, (url) => look(url, project)),
  });
  return [
    cell("client component", inPage),
    cell("Node route", (url, project) => inRoute(url, "node", project, {})),
    cell("edge route", (url, project) =>
      inRoute(url, "edge", project, { threads: /no workers/, worker: /no workers/ }),
    ),
  ];
});
