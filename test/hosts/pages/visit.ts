// A page of the matrix in a browser: what it answers on its console, and what it warns of.
import type { Browser, Page } from "puppeteer-core";
import { BROWSERS, launch } from "../../browsers/browsers.ts";
import { type Answers, NotRun } from "../matrix/cell.ts";
import { startWebKit } from "./webkit.ts";

export const NAMES = ["Chromium", "Firefox", "WebKit", "WebKit with shared memory"] as const;
export type BrowserName = (typeof NAMES)[number];

/** Milliseconds for a page to answer. */
const PATIENCE = 120_000;

export interface Visit {
  /** The browser's version. */
  readonly version: string;
  /** The first line of JSON that the page logs. */
  readonly answer: unknown;
  /** Warnings and errors on its console, in order, and errors that nobody caught. */
  readonly warnings: readonly string[];
}

/** Keeps what a page logs, for a browser whose driver does not tell. It must be the page's first script. */
export const CONSOLE = `globalThis.logged = [];
for (const level of ["log", "warn", "error"]) {
  const log = console[level];
  console[level] = (...what) => { logged.push([level, what.join(" ")]); log.apply(console, what); };
}
addEventListener("error", ({ message }) => logged.push(["uncaught", message]));
addEventListener("unhandledrejection", ({ reason }) => logged.push(["uncaught", String(reason)]));
`;

type Log = readonly (readonly [level: string, text: string])[];

const answerIn = (log: Log): string | undefined =>
  log.find(([level, text]) => level === "log" && /^\{.*\}$/.test(text))?.[1];

/** Opens a page and waits until it logs an answer. Throws with what it said where it gives none, NotRun without the browser. */
export async function visit(name: BrowserName, url: string): Promise<Visit> {
  const { version, log } = name.startsWith("WebKit")
    ? await visitWebKit(url, name !== "WebKit")
    : await visitWithPuppeteer(name, url);
  const answer = answerIn(log);
  if (answer === undefined)
    throw new Error(
      `the page gives no answer: ${log.map(([, text]) => text).join("; ") || "it says nothing"}`,
    );
  const warnings = log
    .filter(([level]) => ["warn", "error", "uncaught"].includes(level))
    .map(([, text]) => text);
  return { version, answer: JSON.parse(answer), warnings };
}

/** Waits for an answer, or for an error that nobody caught: there will be none then. */
async function settle(read: () => Log | Promise<Log>): Promise<Log> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    const log = await read();
    // Firefox tells what a policy refused as an error of the page.
    const uncaught = log.some(
      ([level, text]) => level === "uncaught" && !/content.security.policy/i.test(text),
    );
    if (answerIn(log) !== undefined || uncaught || performance.now() > end) return log;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function visitWithPuppeteer(name: BrowserName, url: string): Promise<{ version: string; log: Log }> {
  const installed = BROWSERS.find((browser) => browser.name === name);
  if (!installed?.path) throw new NotRun(`${name} ${installed?.missing}`);
  let browser: Browser | undefined;
  try {
    browser = await launch(installed);
    const page = await browser.newPage();
    const log = listen(page);
    await page.goto(url);
    return { version: (await browser.version()).replace(/^\D*/, ""), log: await settle(() => log) };
  } finally {
    await browser?.close();
  }
}

function listen(page: Page): (readonly [string, string])[] {
  const log: (readonly [string, string])[] = [];
  page.on("console", (message) => log.push([message.type(), message.text()]));
  page.on("pageerror", (error) => log.push(["uncaught", String(error)]));
  return log;
}

async function visitWebKit(url: string, shared: boolean): Promise<{ version: string; log: Log }> {
  const browser = await startWebKit(shared);
  if (!browser) throw new NotRun("WebKit not found: install webkit2gtk-driver and xvfb");
  try {
    await browser.open(url);
    const log = await settle(async () => (await browser.run("return globalThis.logged ?? []")) as Log);
    return { version: browser.version, log };
  } finally {
    await browser.close();
  }
}

/** The answer of a page that runs everywhere.js. */
export const answersOf = ({ answer }: Visit): Answers => answer as Answers;
