// The engine in workers, in pages: any page, a cross-origin isolated one with threads, and one whose policy forbids workers from blobs.
import { fileURLToPath } from "node:url";
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ISOLATED, STRICT, serve } from "../hosts/pages/serve.ts";
import { BROWSERS, launch, troublesOf } from "./browsers.ts";

const folder = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const PAGES = [
  { name: "any page", headers: {}, threads: 1, blobs: true },
  { name: "a cross-origin isolated page", headers: ISOLATED, threads: 2, blobs: true },
  { name: "a page without workers from blobs", headers: STRICT, threads: 1, blobs: false },
] as const;

for (const installed of BROWSERS)
  describe.skipIf(!installed.path)(
    `${installed.name}${installed.path ? "" : ` (${installed.missing})`}`,
    () => {
      let browser: Browser;
      beforeAll(async () => {
        browser = await launch(installed);
      }, 60_000);
      afterAll(() => browser?.close());

      it.each(PAGES)("runs the engine in workers in $name", async ({ headers, threads, blobs }) => {
        const site = await serve(
          { "/": folder("worker-page"), "/convolith/": folder("../../dist") },
          headers,
        );
        const page = await browser.newPage();
        const troubles = troublesOf(page);
        try {
          await page.goto(site.url);
          await page.waitForFunction("window.run");
          const result = (await page.evaluate(`window.run(${threads})`)) as Record<string, unknown>;
          const { info, frames, gap, ...rest } = result;
          expect(rest).toEqual({
            predicted: true,
            trained: true,
            batches: 8,
            code: "CONVOLITH_SHAPE",
            disposed: "CONVOLITH_DISPOSED",
          });
          expect(info).toMatchObject({ workers: 2, restarts: 0, waiting: 0 });
          console.log(`${installed.name}: ${frames} frames, at most ${(gap as number).toFixed(1)} ms apart`);
          expect(frames).toBeGreaterThan(1);
          const files = site.fetched.filter(({ path }) => path.endsWith("/engine-worker.js"));
          expect(files.length).toBe(blobs ? 0 : 2);
          // The browser tells on the console what the policy forbade.
          if (blobs) expect(troubles).toEqual([]);
        } finally {
          await page.close();
          await site.close();
        }
      });
    },
  );
