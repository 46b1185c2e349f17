// PyTorch's CPU build on one thread, where a Python with torch is installed (such as Debian's python3-torch).
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Trainer, TrainTask } from "./train-task.ts";

/** The second is where a system keeps its own, when another Python comes first. */
const PYTHONS = ["python3", "/usr/bin/python3"];

/** The Python that has torch. */
export function pythonWithTorch(): string | undefined {
  return PYTHONS.find((python) => {
    try {
      execFileSync(python, ["-c", "import torch"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  });
}

export function pyTorch(python: string, task: TrainTask): Trainer {
  return (steps) => {
    const folder = mkdtempSync(join(tmpdir(), "convolith-train-"));
    const save = (ending: string, data: string | Float32Array) =>
      writeFileSync(
        join(folder, `net.${ending}`),
        typeof data === "string" ? data : new Uint8Array(data.buffer),
      );
    try {
      const { input, layers, learningRate, momentum } = task;
      const weights = task.weights.map(([name, shape]) => [name, shape]);
      save(
        "json",
        JSON.stringify({ input, layers: layers.map((l) => l.kind), weights, learningRate, momentum }),
      );
      save("x", task.x);
      save("y", task.y);
      save("w", Float32Array.from(task.weights.flatMap(([, , data]) => Array.from(data))));
      const text = execFileSync(python, [resolve("bench/peers/train.py"), folder, "net", String(steps)]);
      return JSON.parse(String(text)) as ReturnType<Trainer>;
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
}
