// The browsers of this machine, and a page in one.
import { accessSync, constants, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer, { type Browser, type LaunchOptions, type Page } from "puppeteer-core";
import type { Engine } from "../../src/index.ts";

export interface Installed {
  readonly name: string;
  /** Where it is; undefined where it is not installed. */
  readonly path: string | undefined;
  /** What the title of its tests says in that case. */
  readonly missing: string;
  readonly options: LaunchOptions;
}

/** The program: an environment variable names it, or it is found by one of its names. */
function find(variable: string, names: readonly string[]): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const candidates = process.env[variable]
    ? [process.env[variable]]
    : names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return candidates.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A camera that shows a test pattern, without a question to the user, stands in for the webcam in both. */
export const BROWSERS: readonly Installed[] = [
  {
    name: "Chromium",
    path: find("CHROMIUM", ["chromium", "chromium-browser", "google-chrome"]),
    missing: "not found: install chromium, or name it in CHROMIUM",
    options: {
      browser: "chrome",
      args: [
        // The sandbox of a browser needs rights that containers do not give; the page is our own.
        "--no-sandbox",
        "--disable-gpu",
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
      ],
    },
  },
  {
    name: "Firefox",
    path: find("FIREFOX", ["firefox-esr", "firefox"]),
    missing: "not found: install firefox-esr, or name it in FIREFOX",
    options: {
      browser: "firefox",
      extraPrefsFirefox: {
        "media.navigator.streams.fake": true,
        "media.navigator.permission.disabled": true,
      },
    },
  },
];

/** A page in a browser, and the library in Node to compare with. */
export interface Visitor {
  readonly name: string;
  page: Page;
  engine: Engine;
  troubles: string[];
}

export async function launch({ path, options }: Installed): Promise<Browser> {
  return puppeteer.launch({ ...options, executablePath: path, headless: true });
}

/** What went wrong in a page: errors on its console, errors that nobody caught, files that did not load. */
export function troublesOf(page: Page): string[] {
  const troubles: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warn") troubles.push(message.text());
  });
  page.on("pageerror", (error) => troubles.push(String(error)));
  page.on("requestfailed", (request) => troubles.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on("response", (response) => {
    if (response.status() >= 400) troubles.push(`${response.url()}: ${response.status()}`);
  });
  return troubles;
}

const SCREENSHOTS = fileURLToPath(new URL("../../build/screenshots/", import.meta.url));

/** A picture of an element, or of the whole page, for people to look at. */
export async function shoot(page: Page, name: string, selector?: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  if (selector) await (await page.$(selector))!.screenshot({ path: `${SCREENSHOTS}${name}.png` });
  // Many times as high as a screen.
  else
    await page.screenshot({ path: `${SCREENSHOTS}${name}.jpg`, type: "jpeg", quality: 80, fullPage: true });
}
