// Whole nets on this engine alone, a batch of one: `npm run bench -- nets [part of a name]`. GFLOP/s (of the direct sums: Winograd's algorithm needs fewer) and images per
// second are of the best run, because noise on a shared machine only ever adds; the medians of one thread and of several stand beside it.
import { type Net, nets } from "./nets.ts";
import { convolith, MANY_THREADS, type OurEngine } from "./ours.ts";
import { describeHost } from "./roof.ts";
import { figure, interleave, table } from "./table.ts";
import { named, netTask } from "./task.ts";

export async function run(args: readonly string[]): Promise<void> {
  const chosen = named(nets, args.join(" "));
  console.log(`${await describeHost()}\n`);
  const engine = await convolith();
  const threaded = await convolith(MANY_THREADS);
  console.log(await netTable(engine, threaded, chosen));
  for (const each of [engine, threaded]) each.dispose();
}

async function netTable(engine: OurEngine, threaded: OurEngine, nets: readonly Net[]): Promise<string> {
  const lines: string[][] = [];
  for (const net of nets) {
    const task = netTask(net);
    const runner = await engine.create(task);
    const many = await threaded.create(task);
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
      ...(threaded.threads > 1 ? [figure(all.median), `${figure(one.median / all.median)}x`] : []),
      figure(kept / 1e6),
      figure(run / 1e6),
    ]);
  }
  const head = [
    ...["net", "median ms", "best ms", "images/s", "GFLOP/s", "GFLOP"],
    ...(threaded.threads > 1 ? [`${threaded.threads} threads, ms`, "times"] : []),
    ...["weights MB", "activations MB"],
  ];
  return table(head, lines);
}
