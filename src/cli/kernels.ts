// The kernels of the textbook by the names they have on a command line.
import {
  box,
  differenceOfGaussians,
  emboss,
  gabor,
  gaussian,
  identity,
  KERNELS,
  type Kernel,
  type KernelEntry,
  laplacianKernel,
  laplacianOfGaussian,
  motionBlur,
  normalizeKernel,
  sharpen,
  sobelX,
  sobelY,
  unsharp,
} from "../image/index.ts";
import { type Options, UsageError, type Values } from "./command.ts";

/** What kernels are made from. */
export const KERNEL_OPTIONS = {
  "kernel-size": {
    kind: "integer",
    value: "n",
    about: "rows and columns of the kernel, where it comes in sizes",
  },
  sigma: {
    kind: "number",
    about: "standard deviation in pixels: gaussian, log, dog (the smaller), unsharp, gabor",
  },
  sigma2: { kind: "number", about: "the larger standard deviation of dog; default 1.6 sigma" },
  angle: { kind: "number", value: "degrees", about: "direction of motion-blur and gabor" },
  amount: { kind: "number", about: "strength of sharpen, unsharp and emboss" },
  wavelength: { kind: "number", about: "pixels of a wave of gabor" },
  gamma: { kind: "number", about: "aspect ratio of gabor" },
  phase: { kind: "number", value: "degrees", about: "phase of gabor" },
} as const satisfies Options;

type Settings = Values<typeof KERNEL_OPTIONS>;
type Name = keyof Settings;

interface Family {
  /** What it is, where the library's list has no kernel of that name. */
  readonly about?: string;
  /** The options it takes. */
  readonly takes: readonly Name[];
  make(settings: Settings): Kernel;
}

const radians = (degrees: number | undefined): number | undefined =>
  degrees === undefined ? undefined : (degrees * Math.PI) / 180;

const sized = (make: (size?: number) => Kernel): Family => ({
  takes: ["kernel-size"],
  make: ({ "kernel-size": size }) => make(size),
});

/** Kernels that come in sizes, or take other numbers. */
const FAMILIES: Readonly<Record<string, Family>> = {
  identity: sized(identity),
  box: { about: "mean of the window", ...sized((size = 3) => box(size)) },
  gaussian: {
    about: "exp(−(x² + y²) / 2σ²) / sum; sigma follows from the size where it is not given",
    takes: ["kernel-size", "sigma"],
    make: ({ "kernel-size": size = 5, sigma }) => gaussian(size, sigma),
  },
  "motion-blur": {
    takes: ["kernel-size", "angle"],
    make: ({ "kernel-size": size = 9, angle = 45 }) => motionBlur(size, radians(angle)),
  },
  sharpen: { takes: ["amount"], make: ({ amount }) => sharpen({ amount }) },
  unsharp: {
    takes: ["kernel-size", "sigma", "amount"],
    make: ({ "kernel-size": size = 5, sigma = 1, amount }) => unsharp(size, sigma, amount),
  },
  emboss: { takes: ["amount"], make: ({ amount }) => emboss({ strength: amount }) },
  "sobel-x": sized((size) => sobelX(size)),
  "sobel-y": sized((size) => sobelY(size)),
  laplacian: sized(laplacianKernel),
  log: {
    takes: ["kernel-size", "sigma"],
    make: ({ "kernel-size": size = 9, sigma = 1.4 }) => laplacianOfGaussian(size, sigma),
  },
  dog: {
    takes: ["kernel-size", "sigma", "sigma2"],
    make: ({ "kernel-size": size = 9, sigma = 1, sigma2 = 1.6 * sigma }) =>
      differenceOfGaussians(size, sigma, sigma2),
  },
  gabor: {
    takes: ["kernel-size", "sigma", "angle", "wavelength", "gamma", "phase"],
    make: ({ "kernel-size": size = 15, sigma, angle, wavelength = 6, gamma, phase }) =>
      normalizeKernel(
        gabor(size, { sigma, theta: radians(angle), wavelength, gamma, phase: radians(phase) }),
      ),
  },
};

const LIST: Readonly<Record<string, KernelEntry>> = KERNELS;

/** Every name, those of the list in its order. */
export const KERNEL_NAMES: readonly string[] = [
  ...Object.keys(LIST),
  ...Object.keys(FAMILIES).filter((name) => !Object.hasOwn(LIST, name)),
];

/** What a kernel is, and the options it takes. */
export function describeKernel(name: string): { about: string; takes: readonly string[] } {
  const { label, formula } = LIST[name] ?? {};
  const { about = `${label}: ${formula}`, takes = [] } = FAMILIES[name] ?? {};
  return { about, takes };
}

/** The kernel of a name, or one written down: "0 -1 0; -1 5 -1; 0 -1 0" or JSON. Throws UsageError. */
export function kernelOf(text: string, settings: Settings, normalized: boolean): Kernel {
  const known = KERNEL_NAMES.includes(text);
  const takes = known ? describeKernel(text).takes : [];
  const given = Object.keys(settings).filter((name) => settings[name as Name] !== undefined);
  for (const name of given)
    if (!takes.includes(name))
      throw new UsageError(
        `--${name} says nothing about the kernel ${text}${takes.length ? `, which takes --${takes.join(", --")}` : ""}`,
      );
  const kernel = !known
    ? written(text)
    : given.length || !Object.hasOwn(LIST, text)
      ? FAMILIES[text].make(settings)
      : LIST[text].make();
  return normalized ? normalizeKernel(kernel) : kernel;
}

function written(text: string): Kernel {
  const wrong = (): never => {
    throw new UsageError(
      `--kernel is ${JSON.stringify(text)} but must be a name (see convolith kernels) or rows of numbers, as "0 -1 0; -1 5 -1; 0 -1 0"`,
    );
  };
  let rows: unknown;
  try {
    rows = text.trimStart().startsWith("[")
      ? JSON.parse(text)
      : text.split(";").map((line) =>
          line
            .trim()
            .split(/[\s,]+/)
            .map(number),
        );
  } catch {
    return wrong();
  }
  const isRow = (row: unknown): row is number[] =>
    Array.isArray(row) &&
    row.length > 0 &&
    row.every((value) => typeof value === "number" && Number.isFinite(value));
  if (!Array.isArray(rows) || !rows.length || !rows.every(isRow)) return wrong();
  if (rows.some((row) => row.length !== rows[0].length))
    throw new UsageError(
      `--kernel: its rows have ${rows.map((row) => row.length).join(", ")} numbers, but must have as many each`,
    );
  return rows;
}

/** A number or a fraction, as in "1/9". */
function number(text: string): number {
  const [above, below = 1] = text === "" ? [Number.NaN] : text.split("/").map(Number);
  return above / below;
}

/** A kernel as rows of aligned numbers: whole ones before which their divisor stands, where it has such. */
export function show(kernel: Kernel): string {
  const least = Math.min(...kernel.flat().map((value) => Math.abs(value) || Infinity));
  const divisor = Math.round(1 / least);
  const whole = divisor > 1 && kernel.flat().every((value) => isWhole(value * divisor));
  const cells = kernel.map((row) =>
    row.map((value) =>
      whole ? `${Math.round(value * divisor) + 0}` : `${Number(value.toPrecision(4)) + 0}`,
    ),
  );
  const width = Math.max(...cells.flat().map((cell) => cell.length));
  const rows = cells.map((row) => `  ${row.map((cell) => cell.padStart(width)).join(" ")}`);
  return [...(whole ? [`  1/${divisor} of`] : []), ...rows].join("\n");
}

const isWhole = (value: number): boolean =>
  Math.abs(value - Math.round(value)) < 1e-9 * (1 + Math.abs(value));
