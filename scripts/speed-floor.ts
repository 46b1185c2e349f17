// A floor under speed, so loose that only a real loss goes below it: `npm run check:speed`, on a Node with relaxed SIMD (24).
//
//   1x1 convolutions reach 60 % of the fused multiply-adds that this machine does in registers, measured in the same process;
//   compiling eight 3x3 layers for 1024 x 1024 pixels takes at most twice as long as for 256 x 256.
//
// Other programs only ever slow a measurement down, so the best of many short turns counts. Turns are taken by all in order, until
// every floor is reached or the time is up.

import { load } from "../bench/ours.ts";
import { measureRoof } from "../bench/roof.ts";
import { type Row, rows } from "../bench/rows.ts";
import { layerTask } from "../bench/task.ts";
import type { Network } from "../src/index.ts";

const ROOF_SHARE = 0.6;
const COMPILE_RATIO = 2;
const ROWS = ["1x1 56² 64→256", "1x1 56² 256→64", "1x1 14² 1024→256"];
/** Milliseconds: of one turn of a row, and of the two parts together at most. */
const TURN = 40;
const PATIENCE = 18_000;
const ROUNDS = 3;

const { createEngine, sequential, conv2d } = await load();
const deadline = performance.now() + PATIENCE;
let failed = 0;

function report(what: string, holds: boolean): void {
  if (!holds) failed++;
  console.log(`${holds ? "ok    " : "FAILED"}  ${what}`);
}

/** Takes turns until `done`, three rounds at least, or until a point in time. */
async function takeTurns(turns: readonly (() => void | Promise<void>)[], done: () => boolean, until: number) {
  for (let round = 0; round < ROUNDS || (!done() && performance.now() < until); round++)
    for (const turn of turns) await turn();
}

function timed(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

async function checkRows(): Promise<void> {
  const engine = await createEngine();
  if (engine.info.build !== "relaxed") throw new Error("the floor is of the relaxed build: take Node 24");
  let roof = 0; // GFLOP/s
  const best: Record<string, number> = {};
  const turnOf = (row: Row): (() => void) => {
    const { net, x, flops } = layerTask(row);
    const layer = engine.compile(net.model, { weights: net.weights });
    const input = engine.tensor(x, [1, row.h, row.w, row.c]);
    const output = layer.predict(input);
    best[row.name] = 0;
    return () => {
      const end = performance.now() + TURN;
      while (performance.now() < end)
        best[row.name] = Math.max(best[row.name], flops / 1e6 / timed(() => layer.run(input, output)));
    };
  };
  const chosen = ROWS.map((name) => rows.find((row) => row.name === name)!);
  const turns = [
    async () => {
      roof = Math.max(roof, (await measureRoof()).relaxed!);
    },
    ...chosen.map(turnOf),
  ];
  const reached = (name: string): boolean => best[name] >= ROOF_SHARE * roof;
  await takeTurns(turns, () => ROWS.every(reached), performance.now() + PATIENCE / 2);
  for (const name of ROWS) {
    const share = Math.round((100 * best[name]) / roof);
    report(
      `${name}: ${best[name].toFixed(1)} of ${roof.toFixed(1)} GFLOP/s, ${share} % (floor 60 %)`,
      reached(name),
    );
  }
  engine.dispose();
}

async function checkCompiling(): Promise<void> {
  const best: Record<number, number> = {};
  const turnOf = async (size: number): Promise<() => void> => {
    const engine = await createEngine();
    const layers = Array.from({ length: 8 }, () => conv2d({ filters: 64, kernel: 3, padding: "same" }));
    const model = sequential([size, size, 64], layers);
    best[size] = Number.POSITIVE_INFINITY;
    return () => {
      let net: Network | undefined;
      best[size] = Math.min(
        best[size],
        timed(() => {
          net = engine.compile(model, { seed: 1 });
        }),
      );
      net?.dispose();
    };
  };
  const ratio = (): number => best[1024] / best[256];
  await takeTurns([await turnOf(256), await turnOf(1024)], () => ratio() <= COMPILE_RATIO, deadline);
  report(
    `compiling for 1024²: ${best[1024].toFixed(1)} ms, ${ratio().toFixed(2)} times what 256² takes (at most ${COMPILE_RATIO})`,
    ratio() <= COMPILE_RATIO,
  );
}

await checkRows();
await checkCompiling();
process.exitCode = failed ? 1 : 0;
