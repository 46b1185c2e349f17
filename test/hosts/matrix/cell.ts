// A cell of the matrix: a host, and what it made of programs/everywhere.js.
import type { Project } from "./project.ts";

/**
 * What is checked; the columns of the table. "tests": tests of the repository in the host itself, the golden cases among them. The last
 * three: the library of declarations that a project of TypeScript has beside its own.
 */
export const CHECKS = [
  "load",
  "predict",
  "fit",
  "eager",
  "threads",
  "worker",
  "dispose",
  "exit",
  "tests",
  "DOM",
  "Node",
  "neither",
] as const;
export type Check = (typeof CHECKS)[number];

/** `cannot`: the host has not what it takes, in the package's words or ours. */
export type Verdict = "ok" | { readonly cannot: string } | { readonly failed: string };

/** What a page fetches until it answers: every file but the page itself, compressed one by one, in bytes. */
export interface Wire {
  readonly gzip: number;
  readonly brotli: number;
  readonly files: number;
  /** How many binaries are in the files: one is needed. */
  readonly binaries: number;
}

export interface Report {
  /** The host's version, as it says itself. */
  readonly version: string;
  /** The build that the engine chose. */
  readonly build?: string | undefined;
  /** What pages fetch until they answer, by what they use of the package. */
  readonly wire?: Readonly<Record<"eager" | "predict" | "all", Wire>> | undefined;
  readonly checks: Partial<Record<Check, Verdict>>;
}

export interface Cell {
  readonly name: string;
  readonly group: "runtime" | "bundler" | "browser" | "framework" | "types";
  /** CI runs it. */
  readonly core?: boolean;
  /** Throws NotRun where the host cannot be installed; what else it throws is a failure to load. */
  run(project: Project): Promise<Report>;
  /** What pages fetch: slow, and no check; CI leaves it out. */
  wire?(project: Project): Promise<NonNullable<Report["wire"]>>;
}

/** The host is not on this machine and cannot be installed. */
export class NotRun extends Error {
  override readonly name = "NotRun";
}

/** What everywhere.js answers. */
export interface Answers {
  readonly build: string;
  readonly answers: Partial<
    Record<Check, string | { readonly fallback: string } | { readonly failed: string }>
  >;
}

/** What a host cannot do: the reason that the package itself must give for it. */
export type Limits = Partial<Record<Check, RegExp>>;

/**
 * Compares what a host answered with what Node answers. A check that this host is said not to be capable of must be refused with that
 * reason: neither silence nor another one will do.
 */
export function judge(
  { build, answers }: Answers,
  project: Project,
  limits: Limits = {},
): Pick<Report, "build" | "checks"> {
  const checks: Partial<Record<Check, Verdict>> = { load: "ok" };
  for (const [name, expected] of Object.entries(project.expected.answers) as [Check, string][])
    checks[name] = verdict(answers[name], expected, limits[name]);
  return { build, checks };
}

function verdict(answer: Answers["answers"][Check], expected: string, limit: RegExp | undefined): Verdict {
  if (answer === undefined) return { failed: "it did not answer" };
  if (typeof answer === "string") {
    if (limit) return { failed: `was expected to be impossible (${limit}), but answers` };
    return answer === expected ? "ok" : { failed: `answers ${answer}, Node ${expected}` };
  }
  const reason = "failed" in answer ? answer.failed : answer.fallback;
  return limit?.test(reason) ? { cannot: reason.split("\n")[0] } : { failed: reason };
}
