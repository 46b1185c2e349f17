// WebKitGTK's own small browser, driven over WebDriver: the engine of Safari on a machine that has no Safari.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:net";

const DRIVER = "/usr/bin/WebKitWebDriver";
const XVFB = "/usr/bin/Xvfb";

/** Milliseconds until the driver or the screen is there. */
const PATIENCE = 10_000;

/** Debian's packages webkit2gtk-driver and xvfb put them there; undefined where one is missing. */
function browserFile(): string | undefined {
  if (!existsSync(DRIVER) || !(process.env.DISPLAY || existsSync(XVFB))) return undefined;
  const libraries = readdirSync("/usr/lib").flatMap((machine) =>
    ["4.1", "4.0"].map((version) => `/usr/lib/${machine}/webkit2gtk-${version}/MiniBrowser`),
  );
  return libraries.find((file) => existsSync(file));
}

export interface WebKit {
  readonly version: string;
  open(url: string): Promise<void>;
  /** Runs the body of a function in the page and gives what it returns. */
  run(script: string): Promise<unknown>;
  close(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (!address || typeof address === "string") throw new Error("no port is free");
  return address.port;
}

/** A screen that nobody sees, where there is none. */
async function screen(): Promise<{ display: string; process?: ChildProcess }> {
  if (process.env.DISPLAY) return { display: process.env.DISPLAY };
  const xvfb = spawn(XVFB, ["-displayfd", "3", "-screen", "0", "1024x768x24"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const number = await new Promise<string>((resolve, reject) => {
    setTimeout(() => reject(new Error("Xvfb does not start")), PATIENCE).unref();
    xvfb.on("error", reject);
    xvfb.stdio[3]!.on("data", (text) => resolve(`${text}`.trim()));
  });
  return { display: `:${number}`, process: xvfb };
}

/**
 * Starts the browser; undefined where it is not installed.
 *
 * @param shared With shared memory, which Safari has and WebKitGTK has behind a switch.
 */
export async function startWebKit(shared: boolean): Promise<WebKit | undefined> {
  const binary = browserFile();
  if (!binary) return undefined;
  const [{ display, process: xvfb }, port] = [await screen(), await freePort()];
  const env = { ...process.env, DISPLAY: display, ...(shared ? { JSC_useSharedArrayBuffer: "1" } : {}) };
  const driver = spawn(DRIVER, [`--port=${port}`], { env, stdio: "ignore" });
  const stop = (): void => {
    driver.kill();
    xvfb?.kill();
  };
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const init = body ? { method, body: JSON.stringify(body) } : { method };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    const { value } = (await response.json()) as { value: unknown };
    if (!response.ok) throw new Error(`WebKit, ${path}: ${JSON.stringify(value)}`);
    return value;
  };
  try {
    const start = performance.now();
    for (;;) {
      if (await call("GET", "/status").catch(() => false)) break;
      if (performance.now() - start > PATIENCE) throw new Error("WebKitWebDriver does not start");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const options = { "webkitgtk:browserOptions": { binary, args: ["--automation"] } };
    const { sessionId, capabilities } = (await call("POST", "/session", {
      capabilities: { alwaysMatch: options },
    })) as { sessionId: string; capabilities: { browserVersion: string } };
    const session = `/session/${sessionId}`;
    return {
      version: capabilities.browserVersion,
      open: async (url) => void (await call("POST", `${session}/url`, { url })),
      run: (script) => call("POST", `${session}/execute/sync`, { script, args: [] }),
      async close() {
        await call("DELETE", session).catch(() => undefined);
        stop();
      },
    };
  } catch (error) {
    stop();
    throw error;
  }
}
