// Runs the ONNX project's own cases and prints a table: operator, passed, unsupported, failed, and the first reason of each failure.
// node scripts/run.mjs scripts/onnx-backend.ts [part of a case's name] [--unsupported]
import { createEngine } from "../src/index.ts";
import { available, cases, DATA, type Outcome, run } from "../test/onnx-backend.ts";

const args = process.argv.slice(2);
const part = args.find((arg) => !arg.startsWith("--")) ?? "";
const all = args.includes("--unsupported");

if (!available()) {
  console.log(`There are no cases in ${DATA}: install Debian's libonnx-testdata, or set ONNX_TEST_DATA.`);
  process.exit(0);
}

const engine = await createEngine();
const rows = new Map<string, Record<Outcome["kind"], number>>();
const sum = { passed: 0, unsupported: 0, failed: 0 };
const started = performance.now();
for (const entry of cases().filter(({ name }) => name.includes(part))) {
  const outcome = run(engine, entry);
  sum[outcome.kind]++;
  for (const operator of entry.operators.length ? entry.operators : ["(not read)"]) {
    const row = rows.get(operator) ?? { passed: 0, unsupported: 0, failed: 0 };
    row[outcome.kind]++;
    rows.set(operator, row);
  }
  if (outcome.kind === "failed" || (all && outcome.kind === "unsupported"))
    console.log(`${outcome.kind} ${entry.folder.split("/").slice(-2).join("/")}: ${outcome.reason}`);
}
console.log(`\n${"operator".padEnd(34)}passed  unsupported  failed`);
for (const [operator, { passed, unsupported, failed }] of [...rows].sort(([a], [b]) => (a < b ? -1 : 1)))
  console.log(
    `${operator.padEnd(34)}${String(passed).padStart(6)}${String(unsupported).padStart(13)}${String(failed).padStart(8)}`,
  );
const seconds = ((performance.now() - started) / 1000).toFixed(1);
console.log(`\n${sum.passed} passed, ${sum.unsupported} unsupported, ${sum.failed} failed in ${seconds} s`);
engine.dispose();
