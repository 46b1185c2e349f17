// The roof: how many multiply-adds per second the machine does when nothing but vector registers takes part.
// The module is encoded here by hand, so that no compiler stands between the figure and the instructions.
import { cpus } from "node:os";

const CHAINS = [10, 12, 13]; // independent sums: enough to hide latency, few enough for 16 registers
const UNROLL = 8; // multiply-adds of every chain in one turn of the loop
const I32 = 0x7f;
const F32 = 0x7d;
const V128 = 0x7b;
const SPLAT = 0x13; // f32x4.splat
const LANE = 0x1f; // f32x4.extract_lane
const ADD = 0xe4; // f32x4.add
const MUL = 0xe6; // f32x4.mul
const RELAXED_MADD = 0x105; // f32x4.relaxed_madd

/** Unsigned LEB128. */
function leb(value: number): number[] {
  const low = value & 0x7f;
  return value < 0x80 ? [low] : [low | 0x80, ...leb(value >>> 7)];
}

const sized = (bytes: number[]): number[] => [...leb(bytes.length), ...bytes];
const section = (id: number, bytes: number[]): number[] => [id, ...sized(bytes)];
const vector = (op: number): number[] => [0xfd, ...leb(op)];
const get = (local: number): number[] => [0x20, ...leb(local)];
const set = (local: number): number[] => [0x21, ...leb(local)];

/**
 * A module with one export, `run(turns: i32, x: f32, y: f32): f32`: `turns` times UNROLL times, each of
 * `count` chains does chain = chain·x + y. (A product without the chain in it would leave the loop.)
 */
function encode(relaxed: boolean, count: number): Uint8Array<ArrayBuffer> {
  const [turns, x, y, vx, vy, first] = [0, 1, 2, 3, 4, 5];
  const chains = Array.from({ length: count }, (_, i) => first + i);
  const step = (chain: number): number[] => {
    const madd = relaxed
      ? [...get(vy), ...vector(RELAXED_MADD)]
      : [...vector(MUL), ...get(vy), ...vector(ADD)];
    return [...get(chain), ...get(vx), ...madd, ...set(chain)];
  };
  const turn = Array.from({ length: UNROLL }, () => chains.flatMap(step)).flat();
  const body = [
    ...[1, ...leb(count + 2), V128], // vx, vy and the chains, which begin at zero
    ...[...get(x), ...vector(SPLAT), ...set(vx)],
    ...[...get(y), ...vector(SPLAT), ...set(vy)],
    ...[0x03, 0x40, ...turn], // loop
    ...[...get(turns), 0x41, 1, 0x6b, 0x22, ...leb(turns), 0x0d, 0, 0x0b], // turns -= 1; again unless 0; end
    ...chains.flatMap((chain) => (chain === first ? get(chain) : [...get(chain), ...vector(ADD)])),
    ...[...vector(LANE), 0, 0x0b],
  ];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 3, I32, F32, F32, 1, F32]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...sized([0x72, 0x75, 0x6e]), 0, 0]), // "run", function 0
    ...section(10, [1, ...sized(body)]),
  ]);
}

/** GFLOP/s: the best of many short runs, for the first ones still run the engine's quick and slow code. */
async function best(relaxed: boolean): Promise<number | undefined> {
  let gflops: number | undefined;
  for (const count of CHAINS) {
    const bytes = encode(relaxed, count);
    if (!WebAssembly.validate(bytes)) return undefined;
    const { instance } = await WebAssembly.instantiate(bytes);
    const run = instance.exports.run as (turns: number, x: number, y: number) => number;
    const turns = 20_000;
    const work = turns * UNROLL * count * 4 * 2;
    for (let i = 0; i < 100; i++) {
      const start = performance.now();
      run(turns, 0.75, 0.25);
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
