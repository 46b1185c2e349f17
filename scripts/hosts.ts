// Runs the packed package in every host that can be installed, and prints the table of docs/hosts.md.
//
//   npm run hosts                        everything; fails where a host fails
//   npm run hosts -- --core              what CI runs
//   npm run hosts -- --only=Bun,webpack  hosts with one of these words in their names
//   npm run hosts -- --write             writes the table into docs/hosts.md
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { cells } from "../test/hosts/matrix/cells.ts";
import { failures, type Outcome, runCell, tables } from "../test/hosts/matrix/outcome.ts";
import { openProject } from "../test/hosts/matrix/project.ts";

const { values: flags } = parseArgs({
  options: { only: { type: "string" }, core: { type: "boolean" }, write: { type: "boolean" } },
});
const words = flags.only?.toLowerCase().split(",");
const chosen = cells.filter(
  ({ name, core }) =>
    (!flags.core || core) && (!words || words.some((word) => name.toLowerCase().includes(word))),
);
if (!chosen.length) throw new Error(`no host has ${flags.only} in its name`);
if (flags.write && chosen.length < cells.length) throw new Error("--write needs all hosts");

const outcomes: Outcome[] = [];
const project = await openProject(process.cwd());
try {
  for (const cell of chosen) {
    const outcome = await runCell(cell, project, !flags.core);
    const failed = failures(outcome);
    const said = failed.length ? "FAILED" : outcome.notRun ? `not run: ${outcome.notRun}` : "ok";
    console.log(`${cell.name}: ${said}, ${outcome.seconds.toFixed(1)} s`);
    for (const line of failed) console.log(`  ${line.replaceAll("\n", "\n  ")}`);
    outcomes.push(outcome);
  }
} finally {
  project.remove();
}

const text = tables(outcomes);
console.log(`\n${text}`);
if (flags.write) {
  const [file, begin, end] = [
    "docs/hosts.md",
    "<!-- table: npm run hosts -- --write -->",
    "<!-- end of table -->",
  ];
  const page = readFileSync(file, "utf8");
  const [before, rest] = page.split(begin);
  writeFileSync(file, `${before}${begin}\n\n${text}\n\n${end}${rest.split(end)[1]}`);
}
const count = outcomes.flatMap(failures).length;
if (count) {
  console.error(`${count} checks failed`);
  process.exitCode = 1;
}
