// Images pass through linear memory in strips: a few rows are copied in, computed while they are in cache, and copied out.
// Memory does not grow with the height of a picture, and is free again when a call ends.
import type { Runtime } from "../runtime/instance.ts";
import type { KernelArguments, KernelName } from "../runtime/wasm.ts";
import type { Layout, Source, Target } from "./image.ts";

/** How rows beyond the edge are made: dcb|abcd|cba, cba|abcd|dcb, aaa|abcd|ddd, 000|abcd|000. */
export type BorderMode = "reflect101" | "reflect" | "replicate" | "zeros";

/** Rows begin on cache lines, and this much room follows each: see assembly/image.ts. */
const LINE = 64;
const lines = (bytes: number): number => Math.ceil(bytes / LINE) * LINE;

/** Bytes of a band of rows: several fit a second-level cache, and calls are few. */
const BAND_BYTES = 192 * 1024;

/** How many rows of so many bytes a strip has. */
export const stripRows = (rowBytes: number, height: number): number =>
  Math.max(1, Math.min(height, Math.floor(BAND_BYTES / rowBytes)));

/** The index that a row or column beyond the edge repeats, -1 for zeros. */
export function borderIndex(i: number, size: number, mode: BorderMode): number {
  if (i >= 0 && i < size) return i;
  if (mode === "zeros") return -1;
  if (mode === "replicate" || size === 1) return i < 0 ? 0 : size - 1;
  const once = mode === "reflect101" ? 1 : 0;
  const period = 2 * (size - once);
  const j = ((i % period) + period) % period;
  return j < size ? j : period - j - 1 + once;
}

type Numbers<T extends readonly unknown[]> = { [I in keyof T]: number };

/** Runs a kernel over `units`, on the engine's threads. */
export function run<K extends KernelName>(
  { kernels, executor }: Runtime,
  name: K,
  units: number,
  ...args: Numbers<KernelArguments[K]>
): void {
  executor.run({ name, kernel: kernels[name], args: args as number[], units, index: 0 });
}

/** Memory of one call. */
export class Scratch {
  readonly runtime: Runtime;
  readonly #where: string;
  readonly #blocks: number[] = [];

  constructor({ runtime, where }: Source) {
    this.runtime = runtime;
    this.#where = where;
  }

  /** An address, a multiple of 64. The bytes are uninitialised. Throws MemoryError. */
  allocate(bytes: number): number {
    const address = this.runtime.memory.allocate(bytes, this.#where);
    this.#blocks.push(address);
    return address;
  }

  /** The address of a copy. */
  upload(values: Int32Array | Float32Array): number {
    const address = this.allocate(values.byteLength);
    const { memory } = this.runtime;
    (values instanceof Int32Array ? memory.ints : memory.floats).set(values, address / 4);
    return address;
  }

  /** All of linear memory. Do not keep it: allocating detaches it. */
  get bytes(): Uint8Array {
    const { ints } = this.runtime.memory;
    return new Uint8Array(ints.buffer, 0, ints.byteLength);
  }

  free(): void {
    for (const address of this.#blocks) this.runtime.memory.free(address);
    this.#blocks.length = 0;
  }
}

/**
 * Computes an image of a layout like the source's, into `out` where that is given. `compute` allocates all it needs before it writes
 * the first row; whatever fails, memory is free again and nothing made is left.
 */
export const produce = (
  source: Source,
  layout: Layout,
  out: unknown,
  compute: (scratch: Scratch, target: Target) => void,
): unknown => produceAll(source, [layout], [out], (scratch, [target]) => compute(scratch, target))[0];

/** The same for several images at once. */
export function produceAll(
  source: Source,
  layouts: readonly Layout[],
  outs: readonly unknown[],
  compute: (scratch: Scratch, targets: readonly Target[]) => void,
): unknown[] {
  const targets: Target[] = [];
  const scratch = new Scratch(source);
  try {
    layouts.forEach((layout, i) => {
      targets.push(source.target(layout, outs[i]));
    });
    compute(scratch, targets);
    return targets.map((target) => target.result());
  } catch (error) {
    for (const target of targets) target.undo?.();
    throw error;
  } finally {
    scratch.free();
  }
}

/** Rows of values of one type in linear memory. */
export class Band {
  /** Bytes from row to row. */
  readonly pitch: number;
  /** Of the first pixel of the first row. */
  readonly address: number;
  /** Bytes of a row's border before that. */
  readonly #inset: number;

  /** `width` counts values, `left` and `right` values of the border, `size` bytes of a value. */
  constructor(
    scratch: Scratch,
    readonly rows: number,
    width: number,
    readonly size: number,
    left = 0,
    right = 0,
  ) {
    this.pitch = bandPitch(width, size, left, right);
    this.#inset = lines(left * size);
    this.address = scratch.allocate(rows * this.pitch) + this.#inset;
  }

  row(i: number): number {
    return this.address + i * this.pitch;
  }

  /** Moves `count` rows from slot `from` on to the front, borders included. */
  keep(scratch: Scratch, from: number, count: number): void {
    const start = this.address - this.#inset;
    const first = start + from * this.pitch;
    if (from > 0 && count > 0) scratch.bytes.copyWithin(start, first, first + count * this.pitch);
  }
}

/** Bytes from row to row of a band. */
export const bandPitch = (width: number, size: number, left = 0, right = 0): number =>
  lines(left * size) + lines((width + right) * size) + LINE;

export interface FeedOptions {
  /** The most rows asked for at once. */
  readonly rows: number;
  /** As floats; else in the source's own type. Default false. */
  readonly float?: boolean;
  /** Pixels beyond the left and right edges that are readable. */
  readonly left?: number;
  readonly right?: number;
  /** Default "reflect101". */
  readonly border?: BorderMode;
}

/** Copies rows of an image in, with what lies beyond its edges. Rows that are still there are not copied again. */
export class Feed {
  readonly #source: Source;
  readonly #scratch: Scratch;
  readonly #band: Band;
  /** Bytes on their way to floats. */
  readonly #staged: Band | undefined;
  readonly #border: { readonly table: number; readonly count: number };
  readonly #mode: BorderMode;
  /** The band's first slots hold the image's rows [first, end). */
  #first = 0;
  #end = -Infinity;

  constructor(scratch: Scratch, source: Source, options: FeedOptions) {
    const { rows, float = false, left = 0, right = 0, border = "reflect101" } = options;
    const { width, channels } = source;
    this.#source = source;
    this.#scratch = scratch;
    this.#mode = border;
    const size = float || source.float ? 4 : 1;
    this.#band = new Band(scratch, rows, width * channels, size, left * channels, right * channels);
    if (size === 4 && !source.float) this.#staged = new Band(scratch, rows, width * channels, 1);
    const pixel = channels * size;
    const table: number[] = [];
    for (let x = -left; x < width + right; x++)
      if (x < 0 || x >= width) {
        const from = borderIndex(x, width, border);
        table.push(x * pixel, (from < 0 ? x : from) * pixel);
      }
    this.#border = {
      table: table.length ? scratch.upload(Int32Array.from(table)) : 0,
      count: table.length / 2,
    };
  }

  /** Bytes from row to row. */
  get pitch(): number {
    return this.#band.pitch;
  }

  /**
   * The address of the first pixel of the image's row `from`; the rows up to `to` follow. Rows below 0 or from the height on are border.
   * `from` never decreases from call to call.
   */
  rows(from: number, to: number): number {
    const band = this.#band;
    if (to - from > band.rows) throw new Error(`internal: ${to - from} rows of a band of ${band.rows}`);
    const kept = Math.max(0, this.#end - from);
    band.keep(this.#scratch, from - this.#first, kept);
    this.#first = from;
    this.#end = Math.max(to, from + kept);
    if (from + kept < to) this.#load(from + kept, to, kept);
    return band.address;
  }

  /** Copies the image's rows [from, to) to the slots from `slot` on. */
  #load(from: number, to: number, slot: number): void {
    const { runtime, channels, width, height } = this.#source;
    const band = this.#band;
    const n = width * channels;
    const values = this.#source.values();
    const raw = this.#staged ?? band;
    const memory = raw.size === 4 ? runtime.memory.floats : this.#scratch.bytes;
    for (let y = from; y < to; y++) {
      const row = borderIndex(y, height, this.#mode);
      const at = raw.row(slot + y - from) / raw.size;
      if (row < 0) memory.fill(0, at, at + n);
      else memory.set(values.subarray(row * n, (row + 1) * n), at);
    }
    const count = to - from;
    const place = band.row(slot);
    if (raw !== band) run(runtime, "image_widen", count, place, raw.row(slot), band.pitch, raw.pitch, n);
    if (this.#border.count)
      run(
        runtime,
        "image_border",
        count,
        ...([place, this.#border.table, band.pitch, channels * band.size, this.#border.count] as const),
      );
  }
}

/** Rows on their way out: computed in a band, then copied to the image that is returned. */
export class Drain {
  readonly #target: Target;
  readonly #scratch: Scratch;
  readonly #band: Band;
  readonly #bytes: Band | undefined;
  readonly #spread: Band | undefined;

  /** A band of `rows` rows of floats or bytes; floats become bytes, rounded and saturated, where the target has bytes. */
  constructor(scratch: Scratch, target: Target, { rows, float }: { rows: number; float: boolean }) {
    const n = target.width * (target.spread ? 1 : target.channels);
    this.#target = target;
    this.#scratch = scratch;
    if (target.float && !float) throw new Error("internal: bytes are no floats");
    this.#band = new Band(scratch, rows, n, float ? 4 : 1);
    if (float && !target.float) this.#bytes = new Band(scratch, rows, n, 1);
    if (target.spread) this.#spread = new Band(scratch, rows, target.width * 4, 1);
  }

  /** Where the first row is to be written; the others follow `pitch` bytes apart. */
  get address(): number {
    return this.#band.address;
  }

  get pitch(): number {
    return this.#band.pitch;
  }

  /** Takes the alpha of `count` rows from rows of the source, of the band's type, at an address. */
  keepAlpha(from: number, pitch: number, count: number): void {
    const { runtime } = this.#scratch;
    const { channels, width } = this.#target;
    const { address, pitch: outPitch, size } = this.#band;
    run(runtime, "image_alpha", count, address, from, outPitch, pitch, channels, size, width);
  }

  /** Copies the band's first `count` rows to the image, from its row `y` on. */
  write(y: number, count: number): void {
    const { runtime } = this.#scratch;
    const { width, channels, spread } = this.#target;
    let band = this.#band;
    if (this.#bytes) {
      const n = spread ? width : width * channels;
      run(
        runtime,
        "image_narrow",
        count,
        this.#bytes.address,
        band.address,
        this.#bytes.pitch,
        band.pitch,
        n,
      );
      band = this.#bytes;
    }
    if (this.#spread) {
      run(
        runtime,
        "image_spread",
        count,
        this.#spread.address,
        band.address,
        this.#spread.pitch,
        band.pitch,
        width,
      );
      band = this.#spread;
    }
    const values = this.#target.values();
    const memory = band.size === 4 ? runtime.memory.floats : this.#scratch.bytes;
    const n = width * channels;
    for (let i = 0; i < count; i++) {
      const at = band.row(i) / band.size;
      values.set(memory.subarray(at, at + n), (y + i) * n);
    }
  }
}
