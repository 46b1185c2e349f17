// What browsers can draw, given to the packed package in a page: each comes back as the kind it was, with the same pixels.
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { BROWSERS, launch } from "./browsers.ts";

/** Runs in the page. A text, because what transforms tests would rewrite its import. */
const program = (entry: string): string => `(async () => {
  const { createImageEngine, gaussianBlur, toGray } = await import("${entry}");
  const engine = await createImageEngine();
  const [width, height] = [24, 18];
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const pixels = new ImageData(width, height);
  pixels.data.forEach((_, i) => { pixels.data[i] = i % 4 === 3 ? 255 : (i * 7919) % 251; });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  const offscreen = new OffscreenCanvas(width, height);
  offscreen.getContext("2d").putImageData(pixels, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done));
  const img = Object.assign(new Image(), { src: URL.createObjectURL(blob) });
  await img.decode();
  const given = {
    ImageData: pixels, canvas, offscreen, img,
    bitmap: await createImageBitmap(pixels),
    frame: new VideoFrame(canvas, { timestamp: 5 }),
  };
  const read = (drawn) => {
    if (drawn instanceof ImageData) return drawn.data;
    const context = new OffscreenCanvas(width, height).getContext("2d");
    context.drawImage(drawn, 0, 0);
    return context.getImageData(0, 0, width, height).data;
  };
  const wanted = gaussianBlur(engine, { data: pixels.data, width, height }, { size: 5 }).data;
  const answers = {};
  for (const [name, image] of Object.entries(given)) {
    const made = gaussianBlur(engine, image, { size: 5 });
    const gray = read(toGray(engine, image));
    answers[name] = {
      kind: Object.prototype.toString.call(made).slice(8, -1),
      differing: read(made).filter((v, i) => v !== wanted[i]).length,
      gray: gray.every((v, i) => (i % 4 === 3 ? v === 255 : v === gray[i - (i % 4)])),
      ...(name === "frame" && { timestamp: made.timestamp }),
    };
  }
  given.frame.close();
  const empty = Object.assign(document.createElement("canvas"), { width: 0, height: 4 });
  let said = "";
  try { gaussianBlur(engine, empty, { size: 3 }); } catch (error) { said = error.name + ": " + error.message; }
  engine.dispose();
  return { answers, said };
})()`;

describe.each(BROWSERS)("$name", (installed) => {
  const { name, path, missing } = installed;
  if (!path) {
    console.log(`skipped: ${name} is ${missing}`);
    it.skip(`is ${missing}`);
    return;
  }
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await launch(installed);
  });
  afterAll(async () => {
    await browser?.close();
  });

  it("gives images back as the kind they were", async () => {
    const page = await browser!.newPage();
    await page.goto(inject("site"));
    const { answers, said } = (await page.evaluate(program(`${inject("dist")}image.js`))) as {
      answers: object;
      said: string;
    };
    const same = { differing: 0, gray: true };
    expect(answers).toEqual({
      ImageData: { kind: "ImageData", ...same },
      canvas: { kind: "HTMLCanvasElement", ...same },
      offscreen: { kind: "OffscreenCanvas", ...same },
      img: { kind: "HTMLCanvasElement", ...same },
      bitmap: { kind: "ImageBitmap", ...same },
      frame: { kind: "VideoFrame", ...same, timestamp: 5 },
    });
    expect(said).toMatch(/^UnsupportedError: gaussianBlur: the pixels of the HTMLCanvasElement \(0 x 4\)/);
  });
});
