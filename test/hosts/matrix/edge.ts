// Runtimes at the edge, which forbid compiling bytes: Cloudflare's workerd and Vercel's edge runtime.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { build, type Plugin } from "esbuild";
import { Miniflare } from "miniflare";
import { type Answers, type Cell, judge, type Limits, type Report } from "./cell.ts";
import { folderIn, type Project, tools } from "./project.ts";

const LIMITS: Limits = {
  threads: /^this runtime has no workers$/,
  worker: /: this runtime has no workers\n/,
};

/** A worker that answers every request with what everywhere.js answers. */
const WORKER = `import * as convolith from "convolith";
import * as worker from "convolith/worker";
import { everywhere } from "./everywhere.js";
export default {
  async fetch() {
    return Response.json(await everywhere(convolith, { worker }));
  },
};
`;

const COMPATIBILITY_DATE = "2025-09-01";

/** Asks a worker, whose code is a module beside compiled binaries, all of them files of a folder. */
async function askWorkerd(folder: string, code: string, binaries: readonly string[]): Promise<Answers> {
  const contents = (file: string) => readFileSync(join(folder, file));
  const flare = new Miniflare({
    compatibilityDate: COMPATIBILITY_DATE,
    modules: [
      { type: "ESModule", path: "worker.mjs", contents: contents(code).toString() },
      ...binaries.map((file) => ({ type: "CompiledWasm" as const, path: file, contents: contents(file) })),
    ],
  });
  try {
    const response = await flare.dispatchFetch("http://localhost/");
    if (!response.ok) throw new Error(await response.text());
    return (await response.json()) as Answers;
  } finally {
    await flare.dispose();
  }
}

const BINARIES = ["simd.wasm", "relaxed.wasm"];

/** The package's binaries beside the bundle. */
const binary = (project: Project, name: string): Uint8Array<ArrayBuffer> =>
  readFileSync(join(project.folder, "node_modules/convolith/dist", name));

/** What bundlers for the edge do with imports of binaries: `given` says what each becomes. */
const bundle = (folder: string, conditions: string[], format: "esm" | "iife", given: Plugin) =>
  build({
    entryPoints: [join(folder, "worker.js")],
    outfile: join(folder, "out.js"),
    bundle: true,
    minify: true,
    format,
    target: "es2022",
    conditions,
    plugins: [given],
  });

async function workerd(project: Project): Promise<Report> {
  const folder = folderIn(project, "workerd");
  writeFileSync(join(folder, "worker.js"), WORKER);
  for (const name of BINARIES) writeFileSync(join(folder, name), binary(project, name));
  await bundle(folder, ["workerd", "worker", "browser"], "esm", {
    name: "modules",
    setup({ onResolve }) {
      onResolve({ filter: /\.wasm$/ }, ({ path }) => ({ path: `./${basename(path)}`, external: true }));
    },
  });
  const answers = await askWorkerd(folder, "out.js", BINARIES);
  return {
    version: "",
    ...judge(answers, project, LIMITS),
  };
}

/** Wrangler bundles as for publishing; what it would upload then runs in workerd. */
async function wrangler(project: Project): Promise<Report> {
  const folder = folderIn(project, "wrangler");
  const program = join(tools("wrangler@4"), "node_modules/wrangler/bin/wrangler.js");
  writeFileSync(join(folder, "worker.js"), WORKER);
  const settings = { name: "everywhere", main: "worker.js", compatibility_date: COMPATIBILITY_DATE };
  writeFileSync(join(folder, "wrangler.json"), JSON.stringify(settings));
  const args = [program, "deploy", "--dry-run", "--minify", "--outdir", "out"];
  const env = { ...process.env, CI: "1", WRANGLER_SEND_METRICS: "false", WRANGLER_HOME: folder };
  execFileSync(process.execPath, args, { cwd: folder, stdio: "pipe", env });
  const out = join(folder, "out");
  const binaries = readdirSync(out).filter((file) => file.endsWith(".wasm"));
  const answers = await askWorkerd(out, "worker.js", binaries);
  const { version } = createRequire(program)("../package.json");
  return { version, ...judge(answers, project, LIMITS) };
}

interface EdgeRuntime {
  readonly context: Record<string, unknown>;
  evaluate(code: string): Promise<Answers>;
}

/** As Vercel's and Next's bundlers do it: `?module` becomes a global with a module that was compiled outside. */
async function edgeRuntime(project: Project): Promise<Report> {
  const require = createRequire(join(tools("edge-runtime@4"), "package.json"));
  const { EdgeRuntime } = require("edge-runtime") as { EdgeRuntime: new () => EdgeRuntime };
  const folder = folderIn(project, "edge-runtime");
  const worker = WORKER.replace(
    /export default \{.*/s,
    "globalThis.answers = everywhere(convolith, { worker });\n",
  );
  writeFileSync(join(folder, "worker.js"), worker);
  const runtime = new EdgeRuntime();
  await bundle(folder, ["edge-light", "worker", "browser"], "iife", {
    name: "modules",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /\.wasm\?module$/ }, ({ path }) => ({ path, namespace: "modules" }));
      onLoad({ filter: /./, namespace: "modules" }, ({ path }) => {
        const name = /(\w+)\.wasm/.exec(path)![1];
        runtime.context[`wasm_${name}`] = new WebAssembly.Module(binary(project, `${name}.wasm`));
        return { contents: `export default wasm_${name};` };
      });
    },
  });
  const answers = await runtime.evaluate(`${readFileSync(join(folder, "out.js"), "utf8")};answers`);
  const { version } = require("edge-runtime/package.json");
  writeFileSync(join(folder, BINARIES[0]), binary(project, BINARIES[0]));
  return { version, ...judge(answers, project, LIMITS) };
}

export const edges: readonly Cell[] = [
  { name: "workerd", group: "runtime", core: true, run: workerd },
  { name: "wrangler deploy", group: "bundler", run: wrangler },
  { name: "edge-runtime", group: "runtime", core: true, run: edgeRuntime },
];
