// Pages without a bundler, in every browser: an import map, a module worker of the page's own, a strict content security policy.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { page } from "../pages/page.ts";
import { ISOLATED, STRICT, serve } from "../pages/serve.ts";
import { type BrowserName, CONSOLE, NAMES, visit } from "../pages/visit.ts";
import type { Cell, Limits, Report } from "./cell.ts";
import { bothReports, NOT_ISOLATED, reportOf } from "./page-report.ts";
import { folderIn, type Project } from "./project.ts";

const LOGS = '<script src="/console.js"></script>\n';
const IMPORT_MAP =
  '<script type="importmap">{ "imports": { "convolith": "/convolith/index.js", "convolith/worker": "/convolith/worker.js" } }</script>\n';

/** The page's own worker answers; what its console says is said by the page. */
const WORKER = `for (const level of ["warn", "error"]) console[level] = (...what) => postMessage([level, what.join(" ")]);
const convolith = await import("/convolith/index.js");
const worker = await import("/convolith/worker.js");
const { everywhere } = await import("./everywhere.js");
postMessage(["log", JSON.stringify(await everywhere(convolith, { worker }))]);
`;
const STARTS_WORKER = `const worker = new Worker("./worker.js", { type: "module" });
worker.onmessage = ({ data: [level, text] }) => console[level](text);
worker.onerror = ({ message }) => console.error("worker: " + message);
`;
const BY_ADDRESS = `import * as convolith from "/convolith/index.js";
import * as worker from "/convolith/worker.js";
import { everywhere } from "./everywhere.js";
everywhere(convolith, { worker }).then((answers) => console.log(JSON.stringify(answers)));
`;

/** The same with the addresses of the files that workers run: nothing is tried that the policy forbids. */
const BY_ADDRESS_OF_WORKER = `import * as convolith from "/convolith/index.js";
import * as worker from "/convolith/worker.js";
import { everywhere } from "./everywhere.js";
const createEngine = (options) =>
  convolith.createEngine({ worker: "/convolith/thread-worker.js", ...options });
const createWorkerEngine = (options) =>
  worker.createWorkerEngine({ worker: "/convolith/engine-worker.js", ...options });
everywhere({ ...convolith, createEngine }, { worker: { ...worker, createWorkerEngine } }).then((answers) =>
  console.log(JSON.stringify(answers)),
);
`;

interface Way {
  readonly name: string;
  /** Browsers in which CI runs it. */
  readonly core?: readonly BrowserName[];
  /** Files of the page beside main.js, which imports "convolith". */
  readonly files: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the browser logs, whatever the package does. */
  readonly browserSays?: RegExp;
}

/** A worker from a blob is tried first; browsers log that they refuse it. */
const REFUSED_BLOB = /content.security.policy|refused to load blob/i;

const WAYS: readonly Way[] = [
  {
    name: "import map",
    core: ["Chromium", "Firefox"],
    files: { "index.html": page("./main.js", undefined, LOGS + IMPORT_MAP) },
  },
  {
    name: "module worker",
    core: ["Chromium"],
    files: {
      "index.html": page("./main.js", undefined, LOGS),
      "main.js": STARTS_WORKER,
      "worker.js": WORKER,
    },
  },
  {
    name: "strict CSP",
    core: ["Chromium", "Firefox"],
    files: { "index.html": page("./main.js", undefined, LOGS), "main.js": BY_ADDRESS },
    headers: STRICT,
    browserSays: REFUSED_BLOB,
  },
  {
    name: "strict CSP with `worker`",
    files: { "index.html": page("./main.js", undefined, LOGS), "main.js": BY_ADDRESS_OF_WORKER },
    headers: STRICT,
  },
];

/** WebKitGTK has no shared memory, though its pages can be isolated. */
const NO_SHARED_MEMORY = /no shared memory/;

async function run(
  browser: BrowserName,
  { name, files, headers = {}, browserSays }: Way,
  project: Project,
): Promise<Report> {
  const folder = folderIn(project, `${browser} ${name}`);
  for (const [file, text] of Object.entries({ "console.js": CONSOLE, ...files }))
    writeFileSync(join(folder, file), text);
  const folders = { "/": folder, "/convolith/": join(project.folder, "node_modules/convolith/dist") };
  const look = async (more: Readonly<Record<string, string>>, limits: Limits): Promise<Report> => {
    const site = await serve(folders, { ...headers, ...more });
    try {
      return reportOf(await visit(browser, site.url), project, limits, browserSays);
    } finally {
      await site.close();
    }
  };
  const isolated = await look(ISOLATED, browser === "WebKit" ? { threads: NO_SHARED_MEMORY } : {});
  return bothReports(isolated, await look({}, { threads: NOT_ISOLATED }));
}

export const plainPages: readonly Cell[] = NAMES.flatMap((browser) =>
  WAYS.map(
    (way): Cell => ({
      name: `${browser}, ${way.name}`,
      group: "browser",
      core: way.core?.includes(browser) ?? false,
      run: (project) => run(browser, way, project),
    }),
  ),
);
