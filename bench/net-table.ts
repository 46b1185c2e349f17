// Whole nets on this engine alone, a batch of one. GFLOP/s (of the direct sums: Winograd's algorithm needs fewer) and images per
// second are of the best run, because noise on a shared machine only ever adds; the medians of one thread and of several stand beside it.
import type { Net } from "./nets.ts";
import type { OurEngine } from "./ours.ts";
import { figure, interleave, table } from "./table.ts";
import { netTask } from "./task.ts";

export async function netTable(engine: OurEngine, crew: OurEngine, nets: readonly Net[]): Promise<string> {
  const lines: string[][] = [];
  for (const net of nets) {
    const task = netTask(net);
    const runner = await engine.create(task);
    const many = await crew.create(task);
    const { one, all } = await interleave({ one: () => runner.run(), all: () => many.run() }, { rounds: 12 });
    const { kept, run } = runner.bytes;
    for (const each of [runner, many]) await each.dispose();
    lines.push([
      net.name,
      figure(one.median),
      figure(one.best),
      figure(1000 / one.best),
      figure(task.flops / 1e6 / one.best),
      figure(task.flops / 1e9),
      ...(crew.threads > 1 ? [figure(all.median), `${figure(one.median / all.median)}x`] : []),
      figure(kept / 1e6),
      figure(run / 1e6),
    ]);
  }
  const head = [
    ...["net", "median ms", "best ms", "images/s", "GFLOP/s", "GFLOP"],
    ...(crew.threads > 1 ? [`${crew.threads} threads, ms`, "times"] : []),
    ...["weights MB", "activations MB"],
  ];
  return table(head, lines);
}
