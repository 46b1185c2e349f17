// The playground in every browser there is: each card is operated, and its numbers held against the library in Node.
import type { Browser } from "puppeteer-core";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { createEngine } from "../../src/index.ts";
import { BROWSERS, launch, troublesOf, type Visitor } from "./browsers.ts";
import { networkCards } from "./network-cards.ts";
import { pictureCards } from "./picture-cards.ts";
import { wholePage } from "./whole-page.ts";

describe.each(BROWSERS)("$name", (installed) => {
  const { name, path, missing } = installed;
  if (!path) {
    console.log(`skipped: ${name} is ${missing}`);
    it.skip(`is ${missing}`);
    return;
  }
  let browser: Browser | undefined;
  const visitor = { name } as Visitor;

  beforeAll(async () => {
    browser = await launch(installed);
    visitor.engine = await createEngine();
    visitor.page = await browser.newPage();
    visitor.troubles = troublesOf(visitor.page);
    await visitor.page.setViewport({ width: 1100, height: 900 });
    await visitor.page.goto(inject("site"));
  });
  afterAll(async () => {
    await browser?.close();
    visitor.engine?.dispose();
  });

  networkCards(visitor);
  pictureCards(visitor);
  wholePage(visitor);

  it("has nothing to complain of on its console", () => expect(visitor.troubles).toEqual([]));
});
