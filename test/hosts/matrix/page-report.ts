// What a page that runs everywhere.js shows: on isolated pages two threads, on others one, with one warning that says why.
import { ISOLATED, serve, wireBytes } from "../pages/serve.ts";
import { answersOf, type BrowserName, type Visit, visit } from "../pages/visit.ts";
import { judge, type Limits, type Report, type Verdict, type Wire } from "./cell.ts";
import type { Project } from "./project.ts";

/** What the package says on a page that has no shared memory because it is not isolated. */
export const NOT_ISOLATED = /cross-origin isolated/;

/** What is on the console: nothing where all works; where it says that there are no threads, that once and nothing else. */
export function quiet(warnings: readonly string[], expected?: RegExp): Verdict {
  if (!expected) return warnings.length ? { failed: `its console has: ${warnings.join("; ")}` } : "ok";
  if (warnings.length === 1 && expected.test(warnings[0])) return "ok";
  return { failed: `one warning (${expected}) should be on its console, not: ${warnings.join("; ")}` };
}

/**
 * The report of a visit; a warning too many, or none where there should be one, is a failure of the threads.
 *
 * @param browserSays What the browser itself may say, whatever the package does.
 */
export function reportOf(seen: Visit, project: Project, limits: Limits = {}, browserSays?: RegExp): Report {
  const { build, checks } = judge(answersOf(seen), project, limits);
  const said = quiet(
    seen.warnings.filter((warning) => !browserSays?.test(warning)),
    limits.threads,
  );
  const threads = said === "ok" ? checks.threads : said;
  return { version: seen.version, build, checks: { ...checks, ...(threads ? { threads } : {}) } };
}

/** One report of a page that was opened isolated and once more not isolated: the first, unless the second fails. */
export function bothReports(isolated: Report, plain: Report): Report {
  const failed = Object.entries(plain.checks).filter(
    ([, verdict]) => typeof verdict === "object" && "failed" in verdict,
  );
  return { ...isolated, checks: { ...isolated.checks, ...Object.fromEntries(failed) } };
}

/** Serves a folder and opens its index.html, isolated and not. */
export async function visitFolder(folder: string, browser: BrowserName, project: Project): Promise<Report> {
  const look = async (headers: Readonly<Record<string, string>>, limits?: Limits): Promise<Report> => {
    const site = await serve({ "/": folder }, headers);
    try {
      return reportOf(await visit(browser, site.url), project, limits);
    } finally {
      await site.close();
    }
  };
  return bothReports(await look(ISOLATED), await look({}, { threads: NOT_ISOLATED }));
}

/** A binary is a long run of base64, or a file of its own. */
const BINARY = /[A-Za-z0-9+/]{40000,}/g;

/** Opens the index.html of a folder, whose program logs an answer, and counts what was fetched. */
export async function fetchedBy(folder: string): Promise<Wire> {
  const site = await serve({ "/": folder });
  try {
    await visit("Chromium", site.url);
    const files = site.fetched.filter(({ path, status }) => status === 200 && !/\/$|\.html$/.test(path));
    const binaries = files.map(({ path, bytes }) =>
      path.endsWith(".wasm") ? 1 : (bytes.toString("latin1").match(BINARY)?.length ?? 0),
    );
    return {
      ...wireBytes(files.map(({ bytes }) => bytes)),
      files: files.length,
      binaries: binaries.reduce((a, b) => a + b, 0),
    };
  } finally {
    await site.close();
  }
}
