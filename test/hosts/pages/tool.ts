// Other people's command lines: run to their end, or as servers that say where they are.
import { type ChildProcess, spawn } from "node:child_process";

/** Milliseconds for a tool to end, or to say its address. */
const PATIENCE = 240_000;

/** npm's settings for the script that runs this are not for tools; nobody is counted, nobody is asked. */
const ENV = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_|^(NODE_ENV|VITEST.*)$/i.test(name)),
  ),
  NO_COLOR: "1",
  NEXT_TELEMETRY_DISABLED: "1",
  WRANGLER_SEND_METRICS: "false",
};

// A group of its own, so that the processes a tool starts end with it.
const start = (args: readonly string[], cwd: string): ChildProcess =>
  spawn(process.execPath, args, { cwd, env: ENV, stdio: ["ignore", "pipe", "pipe"], detached: true });

function stop({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  process.kill(-pid, "SIGKILL");
}

/** Runs a script of Node's and gives what it printed, which is the error where it fails. */
export async function runTool(args: readonly string[], cwd: string): Promise<string> {
  const child = start(args, cwd);
  const timer = setTimeout(() => stop(child), PATIENCE);
  let printed = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding("utf8").on("data", (text) => {
      printed += text;
    });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  }).finally(() => clearTimeout(timer));
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}:\n${printed.trim()}`);
  return printed;
}

export interface ToolServer {
  readonly url: string;
  stop(): void;
}

/** Starts a server and waits until it prints its address on loopback. */
export async function startTool(args: readonly string[], cwd: string): Promise<ToolServer> {
  const child = start(args, cwd);
  try {
    const url = await new Promise<string>((resolve, reject) => {
      let printed = "";
      const timer = setTimeout(() => reject(new Error(`no address:\n${printed}`)), PATIENCE);
      for (const stream of [child.stdout!, child.stderr!])
        stream.setEncoding("utf8").on("data", (text) => {
          printed += text;
          const port = /https?:\/\/(?:localhost|127\.0\.0\.1):(\d+)/.exec(printed)?.[1];
          if (!port) return;
          clearTimeout(timer);
          resolve(`http://127.0.0.1:${port}/`);
        });
      child.on("error", reject);
      child.on("close", (code) => reject(new Error(`it ended with ${code}:\n${printed}`)));
    });
    return { url, stop: () => stop(child) };
  } catch (error) {
    stop(child);
    throw error;
  }
}
