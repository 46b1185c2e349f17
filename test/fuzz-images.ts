// Random calls of every image function against the oracle, with images and options from sane to hostile. A call must give the oracle's
// result or a ConvolithError; never a trap, another exception, a hang or lost memory. The same seed makes the same calls.
import { ConvolithError } from "../src/errors.ts";
import * as image from "../src/image/index.ts";
import { describe } from "../src/validate.ts";
import * as oracle from "./image-oracle.ts";
import { Random } from "./random.ts";

export interface ImageFuzzReport {
  calls: number;
  ok: number;
  refused: number;
  /** What went wrong, each with the seed and number that make the call again. */
  wrong: string[];
}

/** Calls whose results have more values are left out, unless even the arrays cannot be had. */
const MAX_VALUES = 2 ** 21;
/** Products the oracle goes through at most. */
const MAX_COST = 2e6;
/** What a call may take, with windows of thousands of pixels too, and how much memory it may hold beside its results. */
const MAX_MS = 10_000;
const MAX_BYTES = 2 ** 29;

type Options = Record<string, unknown>;
type Expected = oracle.Made | undefined;

/** A picture, as a call gets it and as the oracle does. */
interface Photo extends oracle.Picture {
  readonly data: Uint8Array | Uint8ClampedArray | Float32Array;
}

interface Call {
  readonly name: string;
  readonly options: Options;
  run(engine: image.ImageEngine, photo: unknown): unknown;
  /** The values before they become bytes; undefined where the oracle would take too long. */
  expected(photo: Photo): Expected;
  /** Whether the bytes are those of whole numbers, without a tie to round. */
  readonly exact?: boolean;
  /** How far bytes may be from the exact value, above half of one: OpenCV's fixed point. Default 0. */
  readonly slack?: number;
  /** Whether it may be refused although every option is allowed. */
  readonly mayNotFit?: boolean;
  /** Rounding of floats: how much larger than the image's values sums may be. */
  readonly gain?: number;
}

const LARGE = [
  0,
  1,
  2,
  3,
  4,
  7,
  33,
  255,
  256,
  1000,
  65535,
  65536,
  2 ** 24,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 + 1,
];
const WILD: readonly unknown[] = [
  ...[-1, -0, -7, 0.5, 1.5, 1e-30, 1e308, Number.NaN, Infinity, -Infinity, "3", "", "reflect", "valid", null],
  ...[
    true,
    3n,
    Symbol("s"),
    () => 1,
    [],
    [2],
    [[1]],
    [[Number.NaN]],
    [[1, 2], [3]],
    [[], []],
    {},
    { length: 2 },
  ],
  ...[new Float32Array(3), Object.create(null), { toString: null, valueOf: null }, new Array(3)],
];

/** Draws calls. */
class Draw extends Random {
  /** 0: only what is allowed; 1: integers of any size; 2: anything. */
  readonly level = this.pick([0, 0, 1, 2]);

  int = (from: number, to: number): number => from + this.below(to - from + 1);
  odd = (most: number): number => 1 + 2 * this.int(0, (most - 1) / 2);

  /** An option that is given: what `sane` gives or, in hostile calls, something else now and then. */
  value<T>(sane: () => T): T {
    if (this.level === 1 && this.chance(0.3)) return this.pick(LARGE) as T;
    if (this.level === 2 && this.chance(0.3)) return this.pick(this.chance(0.4) ? LARGE : WILD) as T;
    return sane();
  }

  border = (): oracle.Border =>
    this.value(() => this.pick(["reflect101", "reflect", "replicate", "zeros"] as const));

  photo(): Photo {
    const [width, height] = [this.pick([1, 2, 3, 5, 16, 17, 40]), this.pick([1, 2, 3, 8, 33])];
    const channels = this.int(1, 4);
    const size = width * height * channels;
    const kind = this.int(0, 2);
    const flat = this.chance(0.2);
    const one = (i: number): number => (flat ? (i % (3 * channels) ? 40 : 220) : this.below(256));
    const data = Float64Array.from({ length: size }, (_, i) => one(i));
    if (kind === 2) return { data: Float32Array.from(data, (v) => v / 8 - 16), width, height, channels };
    return { data: kind ? Uint8ClampedArray.from(data) : Uint8Array.from(data), width, height, channels };
  }

  kernel(most: number): number[][] {
    const [rows, columns] = [this.int(1, most), this.int(1, most)];
    const whole = this.chance(0.6);
    const one = (): number => (this.chance(0.2) ? 0 : whole ? this.int(-4, 4) : this.next() * 2 - 1);
    return Array.from({ length: rows }, () => Array.from({ length: columns }, one));
  }
}

const isWhole = (kernel: unknown): boolean =>
  Array.isArray(kernel) && kernel.every((row) => Array.isArray(row) && row.every(Number.isInteger));
const gainOf = (kernel: unknown): number =>
  isKernel(kernel) ? kernel.flat().reduce((sum, w) => sum + Math.abs(w), 0) : 1;
const isKernel = (kernel: unknown): kernel is number[][] =>
  Array.isArray(kernel) && kernel.every((row) => Array.isArray(row) && row.every(Number.isFinite));
const isInt = (v: unknown, from: number, to = Infinity): v is number =>
  Number.isInteger(v) && (v as number) >= from && (v as number) <= to;

const cost = (photo: Photo, taps: number): boolean => photo.data.length * taps <= MAX_COST;

/** One generator a function. `sized` is how a call asks for a result of other than the image's size. */
const GENERATORS: Readonly<Record<string, (d: Draw) => Call>> = {
  toGray: () => ({
    name: "toGray",
    options: {},
    run: (e, p) => image.toGray(e, p as image.PixelImage),
    expected: (p) =>
      p.data instanceof Float32Array
        ? {
            ...p,
            channels: 1,
            data: Float64Array.from({ length: p.width * p.height }, (_, i) => {
              const [r, g, b] = p.data.subarray(i * p.channels);
              return p.channels < 3 ? r : 0.299 * r + 0.587 * g + 0.114 * b;
            }),
          }
        : oracle.grayBytes(p),
  }),

  filter2d(d) {
    const kernel = d.value(() => d.kernel(5));
    const pair = (most: number) => d.value(() => d.int(1, most));
    const [stride, dilation] = [pair(3), pair(2)];
    const border = d.value(() => d.pick(["reflect101", "reflect", "replicate", "zeros", "valid"] as const));
    const options: Options = { border, stride, dilation };
    if (d.chance(0.3)) Object.assign(options, { bias: d.int(-20, 20), scale: d.pick([1, 2, -1, 0.5]) });
    return {
      name: "filter2d",
      options: { kernel, ...options },
      run: (e, p) => image.filter2d(e, p as image.PixelImage, kernel, options),
      expected: (p) =>
        cost(p, kernel.length * kernel[0].length)
          ? oracle.filter2d(p, kernel, {
              ...(options as object),
              stride: [stride, stride],
              dilation: [dilation, dilation],
            })
          : undefined,
      exact: isWhole(kernel) && options.scale !== 0.5,
      mayNotFit: border === "valid",
      gain: gainOf(kernel) * 2 + 1,
    };
  },

  separableFilter(d) {
    const one = () => d.value(() => d.kernel(5)[0]);
    const [kernelX, kernelY, border] = [one(), one(), d.border()];
    return {
      name: "separableFilter",
      options: { kernelX, kernelY, border },
      run: (e, p) => image.separableFilter(e, p as image.PixelImage, kernelX, kernelY, { border }),
      expected: (p) =>
        oracle.filter2d(
          p,
          Array.from(kernelY, (a) => Array.from(kernelX, (b) => a * b)),
          { border },
        ),
      exact: isWhole([kernelX, kernelY]),
      gain: gainOf([kernelX]) * gainOf([kernelY]) + 1,
    };
  },

  gaussianBlur(d) {
    const size = d.value(() => d.odd(9));
    const sigma = d.value(() => d.pick([0, 0.5, 1, 1.4, 2.5]));
    const border = d.border();
    return {
      name: "gaussianBlur",
      options: { size, sigma, border },
      run: (e, p) => image.gaussianBlur(e, p as image.PixelImage, { size, sigma, border }),
      expected(p) {
        if (!isInt(size, 1) || !cost(p, size * size)) return undefined;
        const make = p.data instanceof Float32Array ? oracle.gaussianBlur : oracle.gaussianBlurBytes;
        return make(p, size, sigma, border);
      },
    };
  },

  boxBlur(d) {
    const one = () => d.value(() => d.int(1, 9));
    const size = d.chance(0.5) ? one() : ([one(), one()] as const);
    const border = d.border();
    return {
      name: "boxBlur",
      options: { size, border },
      run: (e, p) => image.boxBlur(e, p as image.PixelImage, { size, border }),
      expected(p) {
        const [h, w] = typeof size === "number" ? [size, size] : size;
        return cost(p, h * w) ? oracle.boxBlur(p, [h, w], border) : undefined;
      },
    };
  },

  medianBlur(d) {
    const size = d.value(() => d.odd(9));
    return {
      name: "medianBlur",
      options: { size },
      run: (e, p) => image.medianBlur(e, p as image.PixelImage, { size }),
      expected: (p) => (cost(p, size * size * 8) ? oracle.medianBlur(p, size) : undefined),
      exact: true,
    };
  },

  unsharpMask(d) {
    const sigma = d.value(() => d.pick([0.5, 1, 2]));
    const amount = d.value(() => d.pick([0.5, 1, 2]));
    return {
      name: "unsharpMask",
      options: { sigma, amount },
      run: (e, p) => image.unsharpMask(e, p as image.PixelImage, { sigma, amount }),
      expected: (p) => (cost(p, (8 * sigma + 2) ** 2) ? oracle.unsharpMask(p, sigma, amount) : undefined),
      gain: 2 * (Math.abs(Number(typeof amount === "number" ? amount : 0)) + 1),
    };
  },

  sobel(d) {
    const [dx, dy] = d.pick([
      [1, 0],
      [0, 1],
      [2, 0],
      [1, 1],
    ] as const);
    const size = d.value(() => d.pick([3, 5, 7]));
    const border = d.border();
    return {
      name: "sobel",
      options: { dx, dy, size, border },
      run: (e, p) => image.sobel(e, p as image.PixelImage, { dx, dy, size, border }),
      expected: (p) =>
        cost(p, size * size) ? oracle.filter2d(p, oracle.sobelKernel(dx, dy, size), { border }) : undefined,
      exact: true,
      gain: 4 ** (isInt(size, 1, 31) ? size : 1),
    };
  },

  scharr(d) {
    const [dx, border] = [d.int(0, 1), d.border()];
    return {
      name: "scharr",
      options: { dx, dy: 1 - dx, border },
      run: (e, p) => image.scharr(e, p as image.PixelImage, { dx, dy: 1 - dx, border }),
      expected: (p) => oracle.filter2d(p, oracle.scharrKernel(dx), { border }),
      exact: true,
      gain: 32,
    };
  },

  laplacian(d) {
    const [size, border] = [d.value(() => d.pick([1, 3, 5])), d.border()];
    return {
      name: "laplacian",
      options: { size, border },
      run: (e, p) => image.laplacian(e, p as image.PixelImage, { size, border }),
      expected: (p) =>
        cost(p, size * size) ? oracle.filter2d(p, oracle.laplacianKernel(size), { border }) : undefined,
      exact: true,
      gain: 4 ** (isInt(size, 1, 31) ? size : 1),
    };
  },

  gradient(d) {
    const size = d.value(() => d.pick([3, 5, 7]));
    return {
      name: "gradient",
      options: { size },
      run: (e, p) => image.gradient(e, p as image.PixelImage, { size }).magnitude,
      expected(p) {
        if (p.data instanceof Float32Array || !cost(p, size * size)) return undefined;
        const gray = oracle.grayBytes(p);
        const [dx, dy] = [oracle.sobelKernel(1, 0, size), oracle.sobelKernel(0, 1, size)].map((kernel) =>
          oracle.filter2d(gray, kernel),
        );
        return { ...dx, data: dx.data.map((v, i) => Math.hypot(v, dy.data[i])) };
      },
      gain: 4 ** (isInt(size, 1, 31) ? size : 1),
    };
  },

  canny(d) {
    const low = d.value(() => d.pick([0, 20, 50.5, 100, 300]));
    const high = d.value(() => d.pick([10, 60, 150, 400.25]));
    const aperture = d.value(() => d.pick([3, 5, 7] as const));
    const l2 = d.value(() => d.chance(0.5));
    return {
      name: "canny",
      options: { low, high, aperture, l2 },
      run: (e, p) => image.canny(e, p as image.PixelImage, { low, high, aperture, l2 }),
      expected: (p) =>
        p.data instanceof Float32Array
          ? undefined
          : oracle.canny(oracle.grayBytes(p), low, high, aperture, l2),
      exact: true,
    };
  },

  resize(d) {
    const side = () => d.value(() => d.int(1, 50));
    const [width, height] = [side(), side()];
    const method = d.value(() => d.pick(["nearest", "linear", "cubic", "area"] as const));
    return {
      name: "resize",
      options: { width, height, method },
      run: (e, p) => image.resize(e, p as image.PixelImage, { width, height, method }),
      expected: (p) =>
        width * height * p.channels < 1e5 ? oracle.resize(p, width, height, method) : undefined,
      // Weights of 11 bits, and one rounding for each axis.
      slack: method === "linear" || method === "area" ? 0.5 : 0,
      gain: 4,
    };
  },
};

/** Images that are none, or do not fit. */
function broken(d: Draw, photo: Photo): unknown {
  const kinds: (() => unknown)[] = [
    () => d.pick(WILD),
    () => ({ ...photo, data: photo.data.subarray(1) }),
    () => ({ ...photo, width: d.pick([...LARGE, ...WILD]) }),
    () => ({ ...photo, height: d.pick([...LARGE, ...WILD]) }),
    () => ({ ...photo, channels: d.pick([...LARGE, ...WILD]) }),
    () => ({ ...photo, data: d.pick(WILD) }),
    () => ({ ...photo, data: Array.from(photo.data) }),
    () => ({ ...photo, data: Float64Array.from(photo.data) }),
  ];
  return d.pick(kinds)();
}

/** A message where a result is not what the oracle says. Bytes may be either neighbour where the exact value lies between two. */
function difference(made: image.Image, want: oracle.Made, call: Call, photo: Photo): string | undefined {
  const { data, width, height, channels } = made;
  if (`${width} x ${height} x ${channels}` !== `${want.width} x ${want.height} x ${want.channels}`)
    return `gives ${width} x ${height} x ${channels}, not ${want.width} x ${want.height} x ${want.channels}`;
  const largest = Array.from(photo.data).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const rounding = 1e-5 * (largest + 32) * (call.gain ?? 1);
  const bytes = !(data instanceof Float32Array);
  for (let i = 0; i < data.length; i++) {
    const value = bytes ? Math.min(255, Math.max(0, want.data[i])) : want.data[i];
    const allowed = bytes ? (call.exact ? 0 : 0.501 + (call.slack ?? 0) + rounding) : rounding;
    if (data[i] !== value && !(Math.abs(data[i] - value) <= allowed))
      return `value ${i} is ${data[i]}, not ${value}`;
  }
  return undefined;
}

/** Whether a call would make something that is large and yet can be had: it is left out. */
function tooLarge({ name, options }: Call): boolean {
  if (name !== "resize") return false;
  const { width, height } = options;
  return isInt(width, 1, 65535) && isInt(height, 1, 65535) && width * height > MAX_VALUES / 4;
}

export async function fuzzImages({
  wasm,
  calls,
  seed,
  only,
  log = () => {},
}: {
  /** The binary: the checked build traps where a kernel is called wrongly. */
  wasm: Uint8Array<ArrayBuffer>;
  calls: number;
  seed: number;
  /** The number of the only call that is run. */
  only?: number;
  log?: (line: string) => void;
}): Promise<ImageFuzzReport> {
  const report: ImageFuzzReport = { calls, ok: 0, refused: 0, wrong: [] };
  const names = Object.keys(GENERATORS);
  const engineOf = () => image.createImageEngine({ wasm });
  let engine = await engineOf();
  for (let n = 0; n < calls; n++) {
    if (only !== undefined && n !== only) continue;
    const d = new Draw(seed, n);
    const call = GENERATORS[d.pick(names)](d);
    const photo = d.photo();
    const damaged = d.level === 2 && d.chance(0.3);
    const given = damaged ? broken(d, photo) : photo;
    if (tooLarge(call)) continue;
    const fail = (what: string): void => {
      const { width, height, channels, data } = photo;
      const shown = damaged ? describe(given, 3) : `${describe(data)}, ${width} x ${height} x ${channels}`;
      const line = `seed ${seed} call ${n}: ${call.name}(${shown}; ${describe(call.options, 4)}): ${what}`;
      report.wrong.push(line);
      log(line);
    };
    const start = performance.now();
    try {
      const made = call.run(engine, given) as image.Image;
      const ms = performance.now() - start;
      if (ms > MAX_MS) fail(`took ${ms.toFixed(0)} ms`);
      const same = !damaged || (given as Photo).data === photo.data;
      const want = same && call.expected(photo);
      const what = want ? difference(made, want, call, photo) : undefined;
      if (what) fail(what);
      else report.ok++;
    } catch (error) {
      if (error instanceof ConvolithError && !error.message.includes("internal")) {
        report.refused++;
        if (d.level === 0 && !call.mayNotFit) fail(`refused: ${error.message}`);
        if (!error.message.startsWith(`${call.name}: `))
          fail(`a message that does not say who: ${error.message}`);
      } else fail(`${error instanceof Error ? error.stack : String(error)}`);
      if (error instanceof WebAssembly.RuntimeError) engine = await engineOf();
    }
    if (engine.memory.live) fail(`${engine.memory.live} bytes are left behind`);
    if (engine.memory.capacity > MAX_BYTES) fail(`${engine.memory.capacity} bytes of memory`);
    if (engine.memory.live || engine.memory.capacity > MAX_BYTES) engine = await engineOf();
  }
  engine.dispose();
  return report;
}
