// examples/edge as its README says: deployed by Wrangler, and built by Next.js.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Miniflare } from "miniflare";
import { asPng, digits } from "../digits.ts";
import { copyExamples } from "../examples.ts";
import { runTool, startTool } from "../pages/tool.ts";
import type { Cell, Report } from "./cell.ts";
import { ownProject, type Project, tools } from "./project.ts";

/** Nearly all digits are read, by what `post` answers to their files. */
async function reads(post: (body: Uint8Array<ArrayBuffer>) => Promise<unknown>): Promise<Report["checks"]> {
  let right = 0;
  for (const { digit, pixels } of digits.slice(0, 20)) {
    const answer = await post(asPng(pixels));
    right += Number((answer as { digit: number }).digit === digit);
  }
  return { load: "ok", predict: right >= 19 ? "ok" : { failed: `${right} of 20 digits are read` } };
}

const KINDS = { wasm: "CompiledWasm", safetensors: "Data" } as const;

/** What would be deployed, in workerd. */
async function wrangler(project: Project): Promise<Report> {
  const folder = join(copyExamples(project.root, project.folder, "edge", "digits"), "edge");
  const program = join(tools("wrangler@4"), "node_modules/wrangler/bin/wrangler.js");
  await runTool([program, "deploy", "--dry-run", "--outdir", "out"], folder);
  const out = join(folder, "out");
  const flare = new Miniflare({
    compatibilityDate: "2025-09-01",
    modules: [
      { type: "ESModule", path: "worker.js", contents: readFileSync(join(out, "worker.js"), "utf8") },
      ...readdirSync(out).flatMap((path) => {
        const type = KINDS[path.split(".").at(-1) as keyof typeof KINDS];
        return type ? [{ type, path, contents: readFileSync(join(out, path)) }] : [];
      }),
    ],
  });
  try {
    const checks = await reads(async (body) =>
      (await flare.dispatchFetch("http://localhost/", { method: "POST", body })).json(),
    );
    return { version: createRequire(program)("../package.json").version, checks };
  } finally {
    await flare.dispose();
  }
}

async function next(project: Project): Promise<Report> {
  const { root } = project;
  const { dependencies, devDependencies } = JSON.parse(
    readFileSync(join(root, "examples/edge/package.json"), "utf8"),
  );
  const needed = Object.entries({ ...dependencies, ...devDependencies }).filter(
    ([name]) => name !== "wrangler",
  );
  const packages = [...needed.map((entry) => entry.join("@")), "fast-png", "fflate", "jpeg-js"];
  const home = ownProject(project, "edge example", packages);
  const folder = join(copyExamples(root, home, "edge", "digits"), "edge");
  const program = join(home, "node_modules/next/dist/bin/next");
  await runTool([program, "build"], folder);
  const server = await startTool([program, "start", "--hostname", "127.0.0.1", "--port", "0"], folder);
  try {
    const url = new URL("classify", server.url);
    const checks = await reads(async (body) => (await fetch(url, { method: "POST", body })).json());
    return { version: createRequire(program)("next/package.json").version, checks };
  } finally {
    server.stop();
  }
}

export const edgeExample: readonly Cell[] = [
  { name: "examples/edge with wrangler deploy", group: "framework", run: wrangler },
  { name: "examples/edge with Next.js", group: "framework", run: next },
];
