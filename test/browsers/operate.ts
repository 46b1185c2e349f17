// What a visitor does on a page, and what is to be read there.
import type { Page } from "puppeteer-core";
import { expect } from "vitest";

/** What carries a data-testid. */
export const the = (testid: string): string => `[data-testid="${testid}"]`;

/** Sets a field, a slider or a list as a user's hand does: the value, then the events. */
export async function set(page: Page, selector: string, value: string | number): Promise<void> {
  await page.$eval(
    selector,
    (element, value) => {
      const field = element as HTMLInputElement;
      // The prototype's setter: frameworks may have put one of their own on the element.
      const prototype = Object.getPrototypeOf(field);
      Object.getOwnPropertyDescriptor(prototype, "value")!.set!.call(field, value);
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.dispatchEvent(new Event("change", { bubbles: true }));
    },
    String(value),
  );
}

/** Clicks what may be anywhere on the page, by its own click: nothing may lie over it, but it need not be scrolled to. */
export const click = (page: Page, selector: string): Promise<void> =>
  page.$eval(selector, (element) => (element as HTMLElement).click());

export const text = (page: Page, selector: string): Promise<string> =>
  page.$eval(selector, (element) => element.textContent ?? "");

export const attribute = (page: Page, selector: string, name: string): Promise<string | null> =>
  page.$eval(selector, (element, name) => element.getAttribute(name), name);

/** The first number in an element's text; NaN where there is none. */
export async function number(page: Page, selector: string): Promise<number> {
  const found = /[-−]?\d[\d.,]*(e[-+]?\d+)?/.exec(await text(page, selector));
  return found ? Number(found[0].replace("−", "-").replaceAll(",", "")) : Number.NaN;
}

/** The numbers of a table, fields included. */
export const grid = (page: Page, testid: string): Promise<number[][]> =>
  page.$eval(the(testid), (table) =>
    [...table.querySelectorAll("tr")].map((row) =>
      [...row.querySelectorAll("td")].map((cell) => {
        const field = cell.querySelector("input");
        return Number((field ? field.value : (cell.textContent ?? "")).replace("−", "-"));
      }),
    ),
  );

export interface Shown {
  readonly width: number;
  readonly height: number;
  /** RGBA. */
  readonly data: Uint8Array;
}

/** Chooses one of several radio buttons by its value. */
export const choose = (page: Page, testid: string, value: string | number): Promise<void> =>
  click(page, `${the(testid)} input[value="${value}"]`);

/** Brings a card to the screen, which starts it. */
export async function visit(page: Page, card: string): Promise<void> {
  await page.$eval(`#${card}`, (element) => element.scrollIntoView({ behavior: "instant", block: "start" }));
  await page.waitForSelector(`#${card}[data-state="started"]`);
}

/** The pixels of a canvas. */
export async function pixels(page: Page, selector: string): Promise<Shown> {
  const { width, height, base64 } = await page.$eval(selector, (element) => {
    const { width, height } = element as HTMLCanvasElement;
    // Read from a copy: a browser advises against reading a canvas that was not made for it.
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
    context.drawImage(element as HTMLCanvasElement, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    let binary = "";
    for (let i = 0; i < data.length; i += 8192) binary += String.fromCharCode(...data.subarray(i, i + 8192));
    return { width, height, base64: btoa(binary) };
  });
  return { width, height, data: new Uint8Array(Buffer.from(base64, "base64")) };
}

/** Size and a checksum of a canvas: quicker than its pixels. The same as `checksumOf` gives. */
export const checksum = (page: Page, selector: string): Promise<string> =>
  page.$eval(selector, (element) => {
    const { width, height } = element as HTMLCanvasElement;
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
    context.drawImage(element as HTMLCanvasElement, 0, 0);
    let hash = 0;
    for (const value of context.getImageData(0, 0, width, height).data)
      hash = Math.imul(hash ^ value, 0x01000193);
    return `${width} x ${height}: ${hash}`;
  });

export function checksumOf({
  width,
  height,
  data,
}: {
  width: number;
  height: number;
  data: Iterable<number>;
}): string {
  let hash = 0;
  for (const value of data) hash = Math.imul(hash ^ value, 0x01000193);
  return `${width} x ${height}: ${hash}`;
}

/** Waits for what a page will show once its Worker has answered. */
export const eventually = (read: () => unknown, timeout = 10_000): ReturnType<typeof expect.poll<unknown>> =>
  expect.poll(read, { timeout, interval: 50 });

/** How many values differ, and by how much at most. */
export function different(a: ArrayLike<number>, b: ArrayLike<number>): { count: number; most: number } {
  if (a.length !== b.length) return { count: Math.max(a.length, b.length), most: Number.POSITIVE_INFINITY };
  let [count, most] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i]) continue;
    count++;
    most = Math.max(most, Math.abs(a[i] - b[i]));
  }
  return { count, most };
}
