// The roof: how many multiply-adds per second the machine does when nothing but vector registers takes part.
import { cpus } from "node:os";
import { encode, F32, get, I32, I32_SUB, increment, loop, set, vector } from "./encode.ts";

const CHAINS = [10, 12, 13]; // independent sums: enough to hide latency, few enough for 16 registers
const UNROLL = 8; // multiply-adds of every chain in one iteration
const SPLAT = 0x13; // f32x4.splat
const LANE = 0x1f; // f32x4.extract_lane
const ADD = 0xe4; // f32x4.add
const MUL = 0xe6; // f32x4.mul
const RELAXED_MADD = 0x105; // f32x4.relaxed_madd

/**
 * A module with one export, `run(iterations: i32, x: f32, y: f32): f32`: `iterations` times UNROLL times, each of
 * `count` chains does chain = chain·x + y. (A product without the chain in it would leave the loop.)
 */
function chains(relaxed: boolean, count: number): Uint8Array<ArrayBuffer> {
  const [iterations, x, y, vx, vy, first] = [0, 1, 2, 3, 4, 5];
  const all = Array.from({ length: count }, (_, i) => first + i);
  const link = (chain: number): number[] => {
    const madd = relaxed
      ? [...get(vy), ...vector(RELAXED_MADD)]
      : [...vector(MUL), ...get(vy), ...vector(ADD)];
    return [...get(chain), ...get(vx), ...madd, ...set(chain)];
  };
  const iteration = Array.from({ length: UNROLL }, () => all.flatMap(link)).flat();
  const body = [
    ...[...get(x), ...vector(SPLAT), ...set(vx)],
    ...[...get(y), ...vector(SPLAT), ...set(vy)],
    ...loop([...iteration, ...increment(iterations, I32_SUB, 1)], iterations),
    ...all.flatMap((chain) => (chain === first ? get(chain) : [...get(chain), ...vector(ADD)])),
    ...[...vector(LANE), 0],
  ];
  // The vectors: vx, vy and the chains, which begin at zero.
  return encode([{ name: "run", parameters: [I32, F32, F32], result: F32, vectors: count + 2, body }]);
}

/** GFLOP/s: the best of many short runs, for the first ones still run the engine's quick and slow code. */
async function best(relaxed: boolean): Promise<number | undefined> {
  let gflops: number | undefined;
  for (const count of CHAINS) {
    const bytes = chains(relaxed, count);
    if (!WebAssembly.validate(bytes)) return undefined;
    const { instance } = await WebAssembly.instantiate(bytes);
    const run = instance.exports.run as (iterations: number, x: number, y: number) => number;
    const iterations = 20_000;
    const work = iterations * UNROLL * count * 4 * 2;
    for (let i = 0; i < 100; i++) {
      const start = performance.now();
      run(iterations, 0.75, 0.25);
      gflops = Math.max(gflops ?? 0, work / (performance.now() - start) / 1e6);
    }
  }
  return gflops;
}

/** `relaxed` (fused multiply-add) is undefined without relaxed SIMD; `baseline` is a multiply and an add. */
export async function measureRoof(): Promise<{ relaxed: number | undefined; baseline: number }> {
  return { relaxed: await best(true), baseline: (await best(false)) ?? Number.NaN };
}

/** What a page of figures begins with: the machine, and its roof. */
export async function describeHost(): Promise<string> {
  const { relaxed, baseline } = await measureRoof();
  const speed = (gflops: number): string => gflops.toFixed(1);
  const fused = relaxed ? `${speed(relaxed)} fused multiply-add, ` : "";
  return [
    `Node ${process.versions.node}, V8 ${process.versions.v8}, ${cpus()[0].model}, one thread`,
    `the roof of 128-bit SIMD, GFLOP/s: ${fused}${speed(baseline)} multiply and add`,
  ].join("\n");
}
