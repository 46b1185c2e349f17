// The page of examples/page, and how evenly a page draws while an engine of convolith/worker predicts and trains.
import { loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Site, serve } from "../hosts/pages/serve.ts";
import { BROWSERS, launch, shoot, troublesOf } from "./browsers.ts";
import { frameGaps, watchFrames } from "./frames.ts";

/** Milliseconds: two frames at 60 Hz. Held to on a machine that does nothing else: run this file alone. */
const LONGEST_GAP = 34;

const path = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/** Runs in the page. A text, because what transforms tests would rewrite its imports. `work` is called again and again for some seconds. */
const during = (setup: string, work: string): string => `(async () => {
  const { createWorkerEngine } = await import("/convolith/worker.js");
  const { resnet18, resnet50 } = await import("/convolith/nets.js");
  const engine = await createWorkerEngine();
  ${setup}
  let times = 0;
  globalThis.start = async () => {
    for (const end = performance.now() + 3000; performance.now() < end; times++) { ${work} }
    await engine.dispose();
    return times;
  };
})()`;

// One call takes many frames: on the page's own thread it would be seen.
const PREDICTS = during(
  `const net = await engine.compile(resnet50({ classes: 10 }), { seed: 1 });
  const image = new Float32Array(224 * 224 * 3).fill(0.5);
  await net.predict(image);`,
  "await net.predict(image);",
);

const TRAINS = during(
  `const net = await engine.compile(resnet18({ classes: 10, inputShape: [64, 64, 3] }), { seed: 1 });
  const samples = {
    x: Float32Array.from({ length: 16 * 64 * 64 * 3 }, (_, i) => ((i * 7919) % 1009) / 1009),
    y: Uint8Array.from({ length: 16 }, (_, i) => i % 10),
  };
  const options = { batchSize: 16, loss: "softmaxCrossEntropy", optimizer: { kind: "adam" } };
  await net.fit(samples, options);`,
  "await net.fit(samples, options);",
);

/** Without a worker: timers tick between steps. */
const LEARNS = `(async () => {
  const { adam, createEngine, dense, sequential } = await import("/convolith/index.js");
  const engine = await createEngine();
  const net = engine.compile(sequential([2], [dense({ units: 2 })]), { seed: 1 });
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  const optimizer = adam({ learningRate: 0.1 });
  const samples = { x: new Float32Array([1, 0, 0, 1]), y: new Uint8Array([0, 1]) };
  const history = await net.fit(samples, { epochs: 2000, loss: "softmaxCrossEntropy", optimizer });
  clearInterval(timer);
  engine.dispose();
  return [ticks, history.map(({ loss }) => loss)];
})()`;

describe.each(BROWSERS)("$name", (installed) => {
  const { name, path: program, missing } = installed;
  if (!program) {
    console.log(`skipped: ${name} is ${missing}`);
    it.skip(`is ${missing}`);
    return;
  }
  let [browser, site, page] = [undefined as Browser | undefined, undefined as Site | undefined, {} as Page];
  let troubles: string[];

  beforeAll(async () => {
    site = await serve({
      "/": path("examples/page/"),
      "/convolith/": path("dist/"),
      "/photo.png": path("examples/astronaut.png"),
    });
    browser = await launch(installed);
    page = await browser.newPage();
    troubles = troublesOf(page);
    await page.setViewport({ width: 900, height: 700 });
    await page.goto(site.url);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  it("learns the filter on the page", async () => {
    const said = (): Promise<string> =>
      page.evaluate(() => document.querySelector("[role=status]")?.textContent ?? "");
    await expect.poll(said, { timeout: 50_000 }).toMatch(/learnt/);
    await shoot(page, `page-${name}`);
    // Brightness of the edges away from the border, and how far the network's answer is from them.
    const [edges, error] = await page.evaluate(() => {
      const read = (id: string) =>
        (document.getElementById(id) as HTMLCanvasElement).getContext("2d")!.getImageData(8, 8, 240, 240)
          .data;
      const [target, answer] = [read("target"), read("answer")];
      const mean = (values: Uint8ClampedArray<ArrayBuffer>, other?: Uint8ClampedArray<ArrayBuffer>) =>
        values.reduce((sum, v, i) => sum + (i % 4 === 3 ? 0 : Math.abs(v - (other?.[i] ?? 0))), 0) /
        (240 * 240 * 3);
      return [mean(target), mean(target, answer)];
    });
    expect(edges).toBeGreaterThan(10);
    expect(error).toBeLessThan(edges / 3);
    expect(troubles).toEqual([]);
  });

  it("lives on while a network learns on its own thread", async () => {
    const [ticks, losses] = (await page.evaluate(LEARNS)) as [number, number[]];
    expect(ticks).toBeGreaterThan(0);
    expect(losses.at(-1)).toBeLessThan(losses[0] / 4);
  });

  it.each([
    ["predicts", PREDICTS],
    ["trains", TRAINS],
  ])("draws while it %s", { retry: 2 }, async (what, setup) => {
    const atRest = async (): Promise<number> => {
      await watchFrames(page);
      await new Promise((resolve) => setTimeout(resolve, 1500));
      return (await frameGaps(page)).worst;
    };
    const busy = loadavg()[0] > 1;
    const before = await atRest();
    await page.evaluate(setup);
    await watchFrames(page);
    const start = performance.now();
    const times = (await page.evaluate("globalThis.start()")) as number;
    const each = (performance.now() - start) / times;
    const gaps = await frameGaps(page);
    const rest = Math.max(before, await atRest());
    console.log(
      `${name}: worst gap between frames ${gaps.worst.toFixed(1)} ms while it ${what} (median ${gaps.median.toFixed(1)} of ${gaps.frames}; ${times} calls of ${each.toFixed()} ms), ${rest.toFixed(1)} ms at rest`,
    );
    expect(each, "a call would be seen on the page's own thread").toBeGreaterThan(3 * LONGEST_GAP);
    // A machine that is busy with other things draws no page evenly: there a gap must be shorter than a call, which would be one.
    expect(gaps.worst).toBeLessThanOrEqual(busy ? Math.max(3 * rest, each / 2) : LONGEST_GAP);
  });
});
