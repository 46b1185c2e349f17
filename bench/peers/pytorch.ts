// PyTorch's CPU build, where a Python with torch is installed (such as Debian's python3-torch): a process that trains when it is told to.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { Steps, TrainTask } from "./train-task.ts";

/** The second is where a system keeps its own, when another Python comes first. */
const PYTHONS = ["python3", "/usr/bin/python3"];

/** The Python that has torch. */
function pythonWithTorch(): string | undefined {
  return PYTHONS.find((python) => {
    try {
      execFileSync(python, ["-c", "import torch"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}

/** train.py in a process. It holds one task at a time. */
export class PyTorch {
  readonly #folder = mkdtempSync(join(tmpdir(), "convolith-train-"));
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  /** Undefined where no Python has torch. */
  static start(): PyTorch | undefined {
    const python = pythonWithTorch();
    return python === undefined ? undefined : new PyTorch(python);
  }

  private constructor(python: string) {
    this.#child = spawn(python, [resolve("bench/peers/train.py"), this.#folder], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async #ask<T>(command: object): Promise<T> {
    this.#child.stdin!.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("train.py has ended");
    return JSON.parse(value) as T;
  }

  /** Reads the task with its first weights, and finds the memory format in which it is faster. */
  async load({ x, y, criticWeights = {}, ...task }: TrainTask): Promise<void> {
    const save = (ending: string, data: string | Uint8Array) =>
      writeFileSync(join(this.#folder, `net.${ending}`), data);
    const [weights, ofCritic] = [task.weights, criticWeights].map((all) =>
      Object.entries(all).map(([name, { length }]) => [name, length]),
    );
    const { model, loss, optimizer, critic } = task;
    save("json", JSON.stringify({ model, loss, optimizer, critic, weights, criticWeights: ofCritic }));
    save("x", bytesOf([x]));
    save("y", bytesOf([y]));
    save("w", bytesOf([task.weights, criticWeights].flatMap((all) => Object.values(all))));
    await this.#ask({ load: "net" });
  }

  steps(steps: number, threads: number): Promise<Steps> {
    return this.#ask({ steps, threads });
  }

  dispose(): void {
    this.#child.kill();
    rmSync(this.#folder, { recursive: true });
  }
}

const bytesOf = (arrays: readonly Float32Array[]): Uint8Array =>
  Buffer.concat(
    arrays.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
  );
