// The hosts of `npm run hosts` that CI runs.
import { fileURLToPath } from "node:url";
import { beforeAll, expect, inject, test } from "vitest";
import { cells } from "./matrix/cells.ts";
import { failures, runCell } from "./matrix/outcome.ts";
import { type Project, projectIn } from "./matrix/project.ts";

let project: Project;

beforeAll(async () => {
  project = await projectIn(
    fileURLToPath(new URL("../..", import.meta.url)),
    inject("project"),
    inject("tarball"),
  );
});

test.each(cells.filter(({ core }) => core))("$name", async (cell) => {
  const outcome = await runCell(cell, project);
  expect({ failed: failures(outcome), notRun: outcome.notRun }).toEqual({ failed: [], notRun: undefined });
});
