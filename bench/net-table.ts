// Whole nets on this engine alone, a batch of one. GFLOP/s (of the direct sums: Winograd's algorithm needs fewer) and images per
// second are of the best run, because noise on a shared machine only ever adds; the median stands beside it.
import type { Net } from "./nets.ts";
import type { OurEngine } from "./ours.ts";
import { figure, interleave, table } from "./table.ts";
import { netTask } from "./task.ts";

export async function netTable(engine: OurEngine, nets: readonly Net[]): Promise<string> {
  const lines: string[][] = [];
  for (const net of nets) {
    const task = netTask(net);
    const runner = await engine.create(task);
    const { median, best } = (await interleave({ run: () => runner.run() }, { rounds: 12 })).run;
    const { kept, run } = runner.bytes;
    await runner.dispose();
    lines.push([
      net.name,
      figure(median),
      figure(best),
      figure(1000 / best),
      figure(task.flops / 1e6 / best),
      figure(task.flops / 1e9),
      figure(kept / 1e6),
      figure(run / 1e6),
    ]);
  }
  const head = [
    "net",
    "median ms",
    "best ms",
    "images/s",
    "GFLOP/s",
    "GFLOP",
    "weights MB",
    "activations MB",
  ];
  return table(head, lines);
}
