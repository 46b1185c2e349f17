// A program in a process: what it printed, and whether it ended by itself.
import { spawn } from "node:child_process";
import type { Answers, Verdict } from "./cell.ts";

/** Milliseconds for everything, and for ending by itself once the answer is there. */
const [PATIENCE, ENDING] = [120_000, 5_000];

export interface Ran {
  readonly answers: Answers;
  readonly exit: Verdict;
  /** Everything it printed beside the answer. */
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly patience?: number;
}

/** npm's settings for the script that runs this are not for programs that are started. */
const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));

/** Runs a program that prints the answers of everywhere.js as a line of JSON. Throws with what it printed where it prints none. */
export async function runProgram(
  command: string,
  args: readonly string[],
  cwd: string,
  { env = {}, patience = PATIENCE }: RunOptions = {},
): Promise<Ran> {
  const child = spawn(command, args, {
    cwd,
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [stdout, stderr] = ["", ""];
  let answers: Answers | undefined;
  let late = false;
  const stop = (): void => {
    late = true;
    child.kill("SIGKILL");
  };
  let timer = setTimeout(stop, patience);
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
    const line = answers ? undefined : /^\{.*\}$/m.exec(stdout)?.[0];
    if (!line) return;
    answers = JSON.parse(line);
    clearTimeout(timer);
    timer = setTimeout(stop, ENDING);
  });
  const code = await new Promise<number | string>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(code ?? signal ?? "?"));
  }).finally(() => clearTimeout(timer));
  const printed = `${stderr}${stdout}`.trim().split("\n").slice(-30).join("\n");
  if (!answers)
    throw new Error(
      `${command} ${args.join(" ")} ${late ? "took too long" : `ended with ${code}`}:\n${printed}`,
    );
  if (late)
    return { answers, stderr, exit: { failed: `it still ran ${ENDING / 1000} s after its work was done` } };
  return { answers, stderr, exit: code === 0 ? "ok" : { failed: `it ended with ${code}: ${printed}` } };
}
