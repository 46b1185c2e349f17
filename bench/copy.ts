// The yardstick of kernels that wait for memory: a plain copy. A vector loop does what any kernel must do at least, a load
// and a store per vector; memory.copy is the host's own, which may use wider registers and stores that pass the cache by.
import { encode, get, I32, I32_ADD, I32_SUB, increment, loop, vector } from "./encode.ts";

const LOAD = 0x00; // v128.load
const STORE = 0x0b; // v128.store
const LINE = 64; // bytes of one iteration
const PAGE = 65536;

const [out, x, bytes] = [0, 1, 2];
const vectors = Array.from({ length: LINE / 16 }, (_, i) => [
  ...[...get(out), ...get(x), ...vector(LOAD), 4, i * 16],
  ...[...vector(STORE), 4, i * 16],
]).flat();
const iteration = [
  ...vectors,
  ...increment(out, I32_ADD, LINE),
  ...increment(x, I32_ADD, LINE),
  ...increment(bytes, I32_SUB, LINE),
];
const parameters = [I32, I32, I32];

export interface Copy {
  /** By a loop over vectors. */
  loop(): void;
  /** By memory.copy. */
  bulk(): void;
}

/** Copies that read `size` bytes and write as many, in a memory of their own. */
export async function copyOf(size: number): Promise<Copy> {
  const whole = Math.ceil(size / LINE) * LINE;
  // Half a page more between the two, so that they do not meet in the same sets of a cache.
  const from = Math.ceil(whole / PAGE) * PAGE + PAGE / 32;
  const { instance } = await WebAssembly.instantiate(
    encode(
      [
        { name: "loop", parameters, body: loop(iteration, bytes) },
        { name: "bulk", parameters, body: [...get(out), ...get(x), ...get(bytes), 0xfc, 10, 0, 0] },
      ],
      Math.ceil((from + whole) / PAGE),
    ),
  );
  const {
    memory,
    loop: byLoop,
    bulk,
  } = instance.exports as {
    memory: WebAssembly.Memory;
    loop(out: number, x: number, bytes: number): void;
    bulk(out: number, x: number, bytes: number): void;
  };
  // Pages come into being when they are first written.
  new Uint8Array(memory.buffer).fill(1);
  return { loop: () => byLoop(0, from, whole), bulk: () => bulk(0, from, whole) };
}
