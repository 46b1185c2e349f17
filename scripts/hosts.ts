// Runs the packed package in every host that can be installed, and prints the table of docs/hosts.md.
//
//   npm run hosts                        everything; fails where a host fails
//   npm run hosts -- --core              what CI runs
//   npm run hosts -- --only=Bun,webpack  hosts with one of these words in their names; --not=arm64: those with none of these
//   npm run hosts -- --write             writes the table into docs/hosts.md, with what earlier runs of the same package found
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { cells } from "../test/hosts/matrix/cells.ts";
import { failures, type Outcome, runCell, tables } from "../test/hosts/matrix/outcome.ts";
import { openProject } from "../test/hosts/matrix/project.ts";

const { values: flags } = parseArgs({
  options: {
    only: { type: "string" },
    not: { type: "string" },
    core: { type: "boolean" },
    write: { type: "boolean" },
  },
});
/** Whether a name has one of the words that a flag lists. */
const listed = (words: string | undefined, name: string): boolean | undefined =>
  words
    ?.toLowerCase()
    .split(",")
    .some((word) => name.toLowerCase().includes(word));
const chosen = cells.filter(
  ({ name, core }) => (!flags.core || core) && (listed(flags.only, name) ?? true) && !listed(flags.not, name),
);
if (!chosen.length) throw new Error(`no host has ${flags.only} in its name`);

/** What was found with one package, by the names of cells. */
interface Found {
  readonly package: string;
  readonly outcomes: Record<string, Omit<Outcome, "cell">>;
}

const RECORD = "build/hosts.json";

function earlier(tarball: string): Found {
  const hash = createHash("sha256").update(readFileSync(tarball)).digest("hex");
  const found: Found | undefined = existsSync(RECORD) ? JSON.parse(readFileSync(RECORD, "utf8")) : undefined;
  return found?.package === hash ? found : { package: hash, outcomes: {} };
}

const outcomes: Outcome[] = [];
const project = await openProject(process.cwd());
const found = earlier(project.tarball);
try {
  for (const cell of chosen) {
    const outcome = await runCell(cell, project, !flags.core);
    const failed = failures(outcome);
    const said = failed.length ? "FAILED" : outcome.notRun ? `not run: ${outcome.notRun}` : "ok";
    console.log(`${cell.name}: ${said}, ${outcome.seconds.toFixed(1)} s`);
    for (const line of failed) console.log(`  ${line.replaceAll("\n", "\n  ")}`);
    outcomes.push(outcome);
    const { cell: _, ...rest } = outcome;
    found.outcomes[cell.name] = rest;
    writeFileSync(RECORD, JSON.stringify(found));
  }
} finally {
  project.remove();
}

const all = cells.flatMap((cell) =>
  found.outcomes[cell.name] ? { cell, ...found.outcomes[cell.name] } : [],
);
const shown = flags.write ? all : outcomes;
const text = tables(shown);
console.log(`\n${text}`);
if (flags.write) {
  const missing = cells.filter(({ name }) => !found.outcomes[name]).map(({ name }) => name);
  if (missing.length)
    throw new Error(`--write needs every host, and this package has not run in ${missing.join(", ")}`);
  const [file, begin, end] = [
    "docs/hosts.md",
    "<!-- written by `npm run hosts` with `--write` -->",
    "<!-- end of table -->",
  ];
  const page = readFileSync(file, "utf8");
  const [before, rest] = page.split(begin);
  writeFileSync(file, `${before}${begin}\n\n${text}\n\n${end}${rest.split(end)[1]}`);
}
const count = shown.flatMap(failures).length;
if (count) {
  console.error(`${count} checks failed`);
  process.exitCode = 1;
}
