// How evenly a page draws: the longest time between two animation frames.
import type { Page } from "puppeteer-core";

declare global {
  var gapsOfFrames: number[] | undefined;
}

/** Runs in the page: remembers the time between each two frames from now on. */
export async function watchFrames(page: Page): Promise<void> {
  await page.evaluate(() => {
    const gaps: number[] = [];
    globalThis.gapsOfFrames = gaps;
    let last = performance.now();
    const frame = () => {
      if (globalThis.gapsOfFrames !== gaps) return;
      const now = performance.now();
      gaps.push(now - last);
      last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}

/** Milliseconds between two frames since `watchFrames`: how many frames there were, the median and the longest. */
export async function frameGaps(page: Page): Promise<{ frames: number; median: number; worst: number }> {
  const gaps = await page.evaluate(() => {
    const gaps = globalThis.gapsOfFrames ?? [];
    globalThis.gapsOfFrames = undefined;
    return gaps;
  });
  const sorted = [...gaps].sort((a, b) => a - b);
  return { frames: sorted.length, median: sorted[sorted.length >> 1], worst: sorted[sorted.length - 1] };
}
