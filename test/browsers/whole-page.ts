// The page as a whole: all cards at work, in light and dark, on a desktop and on a phone.
import { describe, expect, it } from "vitest";
import { violations } from "./accessible.ts";
import { shoot, type Visitor } from "./browsers.ts";
import { click, the, visit } from "./operate.ts";

const LOOKS = [
  { width: 1100, height: 900 },
  { width: 360, height: 740 },
] as const;

export function wholePage(visitor: Visitor): void {
  describe("the page", () => {
    it("lists every card", async () => {
      const { page } = visitor;
      const [cards, links] = [
        await page.$$eval("main > section", (sections) => sections.map(({ id }) => `#${id}`)),
        await page.$$eval("nav a", (links) => links.map((link) => link.getAttribute("href"))),
      ];
      expect(links).toEqual(cards);
      expect(cards.length).toBeGreaterThanOrEqual(9);
    });

    it.each(LOOKS)(
      "fits $width pixels and is accessible, light and dark",
      async ({ width, height }) => {
        const { page, name } = visitor;
        await page.setViewport({ width, height });
        const waiting = `main > section:not([data-state="started"])`;
        for (const card of await page.$$eval(waiting, (all) => all.map(({ id }) => id)))
          await visit(page, card);
        for (let i = 0; i < 2; i++) {
          const theme = await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
          expect(await violations(page)).toEqual([]);
          await shoot(page, `${name}-page-${width}-${theme}`);
          await click(page, the("theme"));
        }
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      },
      60_000,
    );

    it("can be reached by the keyboard alone", async () => {
      const { page } = visitor;
      await page.setViewport({ width: 1100, height: 900 });
      await page.reload();
      await page.waitForSelector("main > section");
      await page.keyboard.press("Tab");
      expect(await page.evaluate(() => document.activeElement?.textContent)).toContain("Skip");
      // Every button, list and slider of the first card has a place in the order of tabs.
      const reached = new Set<string>();
      await visit(page, "sliding-window");
      await page.focus(`#sliding-window input`);
      for (let i = 0; i < 30; i++) {
        reached.add(
          await page.evaluate(
            () => document.activeElement?.closest("[data-testid]")?.getAttribute("data-testid") ?? "",
          ),
        );
        await page.keyboard.press("Tab");
      }
      for (const testid of ["window-stride", "window-padding", "window-step-play", "window-step-slider"])
        expect([...reached]).toContain(testid);
    });
  });
}
