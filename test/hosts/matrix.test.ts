// The hosts of `npm run hosts` that CI runs.
// A browser that is not there is skipped, and said so.
import { fileURLToPath } from "node:url";
import { beforeAll, expect, inject, test } from "vitest";
import { cells } from "./matrix/cells.ts";
import { failures, runCell } from "./matrix/outcome.ts";
import { type Project, projectIn } from "./matrix/project.ts";

const NO_BROWSER = / not found: install /;

let project: Project;

beforeAll(async () => {
  project = await projectIn(
    fileURLToPath(new URL("../..", import.meta.url)),
    inject("project"),
    inject("tarball"),
  );
});

test.for(cells.filter(({ core }) => core))("$name", async (cell, { skip }) => {
  const outcome = await runCell(cell, project);
  expect(failures(outcome)).toEqual([]);
  if (outcome.notRun && NO_BROWSER.test(outcome.notRun)) {
    console.log(`skipped: ${outcome.notRun}`);
    skip(outcome.notRun);
  }
  expect(outcome.notRun).toBeUndefined();
});
