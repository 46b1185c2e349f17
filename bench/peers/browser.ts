// From the first import to MobileNetV2's first answer in a page, each time in a new browser, so that nothing is in a cache:
//   npm run bench -- browser [--rounds=5] [--modules=folder with node_modules/onnxruntime-web]
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { toOnnx } from "../../src/formats/onnx/index.ts";
import { createEngine } from "../../src/index.ts";
import { mobileNetV2 } from "../../src/nets/index.ts";
import { BROWSERS, type Installed, launch } from "../../test/browsers/browsers.ts";
import { ISOLATED, serve } from "../../test/hosts/pages/serve.ts";
import { describeHost } from "../roof.ts";
import { figure, median, table } from "../table.ts";
import { installPeers } from "./install.ts";

/** What a page measures: milliseconds until the library is ready, the model is, and its first answer. */
interface Started {
  readonly start: number;
  readonly load: number;
  readonly run: number;
  /** The largest of the answer, which both libraries must agree on. */
  readonly largest: number;
}

interface Visited extends Started {
  /** What was fetched beside the page and the model. */
  readonly files: readonly Uint8Array[];
}

/** Both read the same file, which has been fetched: 14 MB would take as long as all the rest. */
const page = (library: string, model: string, answer: string): string => `<!doctype html>
<meta charset="utf-8"><link rel="icon" href="data:,"><title>start</title>
<script type="module">
  const bytes = new Uint8Array(await (await fetch("/net.onnx")).arrayBuffer());
  const began = performance.now();
  ${library}
  const ready = performance.now();
  ${model}
  const loaded = performance.now();
  const x = new Float32Array(224 * 224 * 3).fill(0.5);
  ${answer}
  const done = performance.now();
  const largest = y.reduce((a, b) => Math.max(a, b));
  globalThis.started = { start: ready - began, load: loaded - ready, run: done - loaded, largest };
</script>
`;

const PAGES: Readonly<Record<string, string>> = {
  convolith: page(
    `const [{ createEngine }, { fromOnnx }] = await Promise.all([import("/convolith/index.js"), import("/convolith/formats/onnx.js")]);
  const engine = await createEngine();`,
    "const net = engine.compile(fromOnnx(bytes));",
    "const y = net.predict(x);",
  ),
  "onnxruntime-web": page(
    `const ort = await import("/ort/ort.wasm.min.mjs");
  ort.env.wasm.numThreads = 1;`,
    'const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });',
    `const input = new ort.Tensor("float32", x, session.inputMetadata[0].shape.map((size) => (size === "N" ? 1 : size)));
  const y = (await session.run({ [session.inputNames[0]]: input }))[session.outputNames[0]].data;`,
  ),
};

/** One start in a new browser. */
async function start(installed: Installed, folders: Readonly<Record<string, string>>): Promise<Visited> {
  // Isolated, for the clock: it is coarser on other pages.
  const [site, browser] = [await serve(folders, ISOLATED), await launch(installed)];
  try {
    const tab = await browser.newPage();
    const failed = new Promise<never>((_, reject) => tab.on("pageerror", reject));
    await tab.goto(site.url);
    const end = performance.now() + 60_000;
    for (;;) {
      const started = await Promise.race([
        failed,
        tab.evaluate(() => (globalThis as { started?: Started }).started),
      ]);
      if (started) {
        const files = site.fetched.filter(({ path }) => !/\/$|\.onnx$/.test(path));
        return { ...started, files: files.map(({ bytes }) => bytes) };
      }
      if (performance.now() > end) throw new Error(`${installed.name} gives no answer`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  } finally {
    await browser.close();
    await site.close();
  }
}

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "5" },
      modules: { type: "string", default: "bench/peers" },
    },
  });
  if (values.modules === "bench/peers") installPeers();
  const folder = mkdtempSync(join(tmpdir(), "convolith-"));
  try {
    using engine = await createEngine();
    writeFileSync(join(folder, "net.onnx"), toOnnx(engine.compile(mobileNetV2(), { seed: 1 })));
    console.log(`${await describeHost()}\n`);
    for (const installed of BROWSERS) {
      if (!installed.path) {
        console.log(`${installed.name}: ${installed.missing}`);
        continue;
      }
      const results = new Map<string, Visited[]>();
      for (let round = 0; round < Number(values.rounds); round++)
        for (const [name, text] of Object.entries(PAGES)) {
          writeFileSync(join(folder, "index.html"), text);
          const started = await start(installed, {
            "/": folder,
            "/convolith/": resolve("dist"),
            "/ort/": resolve(values.modules, "node_modules/onnxruntime-web/dist"),
          });
          results.set(name, [...(results.get(name) ?? []), started]);
        }
      const [ours, theirs] = [...results.values()].map(([{ largest }]) => largest);
      if (Math.abs(ours - theirs) > 1e-3 * Math.abs(theirs))
        throw new Error(`answers differ: ${ours}, ${theirs}`);
      const rows = [...results].map(([name, all]) => {
        const of = (value: (each: Visited) => number): string => figure(median(all.map(value)));
        const total = of(({ start, load, run }) => start + load + run);
        const parts = [of(({ start }) => start), of(({ load }) => load), of(({ run }) => run)];
        const bytes = all[0].files.reduce((sum, file) => sum + gzipSync(file).length, 0);
        return [name, ...parts, total, figure(bytes / 1024)];
      });
      const head = [
        "milliseconds",
        "library",
        "model",
        "first answer",
        "import to answer",
        "KB fetched, gzip",
      ];
      console.log(`MobileNetV2 in ${installed.name}\n${table(head, rows)}\n`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
