// What became of a cell, and the table of all.
import { type Cell, CHECKS, NotRun, type Report, type Verdict, type Wire } from "./cell.ts";
import type { Project } from "./project.ts";

export interface Outcome {
  readonly cell: Cell;
  readonly report?: Report;
  /** Why it was not run. */
  readonly notRun?: string;
  readonly seconds: number;
}

/** Runs a cell; `measured` with what its pages fetch. */
export async function runCell(cell: Cell, project: Project, measured = false): Promise<Outcome> {
  const start = performance.now();
  const seconds = (): number => (performance.now() - start) / 1000;
  try {
    const report = await cell.run(project);
    const wire = measured ? await cell.wire?.(project) : undefined;
    return { cell, report: wire ? { ...report, wire } : report, seconds: seconds() };
  } catch (error) {
    if (error instanceof NotRun) return { cell, notRun: error.message, seconds: seconds() };
    const failed = error instanceof Error ? error.message : `${error}`;
    return { cell, report: { version: "", checks: { load: { failed } } }, seconds: seconds() };
  }
}

/** What failed, in words; empty where nothing did. */
export function failures({ cell, report }: Outcome): string[] {
  return Object.entries(report?.checks ?? {}).flatMap(([check, verdict]) =>
    typeof verdict === "object" && "failed" in verdict ? [`${cell.name}, ${check}: ${verdict.failed}`] : [],
  );
}

const GROUPS: Readonly<Record<Cell["group"], string>> = {
  runtime: "Runtimes",
  bundler: "Bundlers",
  browser: "Browsers",
  framework: "Frameworks",
  types: "TypeScript",
};

/** A table in Markdown for each group; its columns are what any of its cells checked. Reasons are below, by number. */
export function tables(outcomes: readonly Outcome[]): string {
  const parts: string[] = [];
  for (const [group, title] of Object.entries(GROUPS)) {
    const rows = outcomes.filter(({ cell }) => cell.group === group);
    if (rows.length) parts.push(`**${title}**\n\n${table(rows)}`);
  }
  return parts.join("\n\n");
}

/** Compressed by gzip and by brotli, and how many binaries there are if it is more than one. */
function kilobytes(wire: Wire | undefined): string {
  if (!wire) return "";
  const sizes = [wire.gzip, wire.brotli].map((bytes) => (bytes / 1024).toFixed(1));
  return `${sizes.join(" / ")}${wire.binaries === 1 ? "" : ` (${wire.binaries} binaries)`}`;
}

function table(outcomes: readonly Outcome[]): string {
  const reports = outcomes.flatMap(({ report }) => report ?? []);
  const checks = CHECKS.filter((check) => reports.some((report) => check in report.checks));
  const wired = reports.some(({ wire }) => wire) ? (["eager", "predict", "all"] as const) : [];
  const builds = reports.some(({ build }) => build !== undefined);
  const reasons: string[] = [];
  const note = (reason: string): string => {
    const text = reason.split("\n")[0].replace(/^\w*Error: (\w+: )?/, "");
    if (!reasons.includes(text)) reasons.push(text);
    return `[${reasons.indexOf(text) + 1}]`;
  };
  const word = (verdict: Verdict | undefined): string => {
    if (verdict === undefined) return "";
    if (verdict === "ok") return "✓";
    return "cannot" in verdict ? `no ${note(verdict.cannot)}` : `✗ ${note(verdict.failed)}`;
  };
  const lines = [["host", ...(builds ? ["build"] : []), ...wired.map((name) => `${name}, KB`), ...checks]];
  for (const { cell, report, notRun } of outcomes) {
    const name = [cell.name, report?.version].filter(Boolean).join(" ");
    lines.push([
      notRun ? `${name}: not run ${note(notRun)}` : name,
      ...(builds ? [report?.build ?? ""] : []),
      ...wired.map((name) => kilobytes(report?.wire?.[name])),
      ...checks.map((check) => word(report?.checks[check])),
    ]);
  }
  lines.splice(1, 0, new Array(lines[0].length).fill("---"));
  const text = lines.map((line) => `| ${line.join(" | ")} |`).join("\n");
  return [text, reasons.map((reason, i) => `[${i + 1}] ${reason}`).join("  \n")].filter(Boolean).join("\n\n");
}
