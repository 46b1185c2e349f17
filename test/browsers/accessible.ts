// What axe-core finds wrong for people who use a keyboard or a screen reader.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Page } from "puppeteer-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Result {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string;
    readonly help: string;
    readonly nodes: readonly { readonly target: readonly string[]; readonly failureSummary: string }[];
  }[];
}

/** The serious and critical violations of a page as it is now, in words. */
export async function violations(page: Page): Promise<string[]> {
  // Evaluated rather than loaded: the page itself need not allow it.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
  const result = (await page.evaluate(() =>
    // Drawings have one text alternative; their thousand lines need no look each.
    (globalThis as unknown as { axe: { run(context: object, options: object): Promise<unknown> } }).axe.run(
      { include: [["html"]], exclude: [["svg[role=img] *"]] },
      { resultTypes: ["violations"] },
    ),
  )) as Result;
  return result.violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, help, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${help} (${target.join(" ")}) ${failureSummary}`),
    );
}
