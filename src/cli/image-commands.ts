// The commands that make a picture from a picture.
import {
  type BorderMode,
  boxBlur,
  type CannyOptions,
  canny,
  cannyStages,
  createImageEngine,
  type FilterBorder,
  filter2d,
  gaussianBlur,
  type ImageEngine,
  medianBlur,
  type ResizeMethod,
  resize,
  toGray,
  unsharpMask,
} from "../image/index.ts";
import { QUALITY, readPicture, writerOf } from "./codecs.ts";
import { type Call, type Command, command, type Options, UsageError, type Values } from "./command.ts";
import { STREAM } from "./files.ts";
import { KERNEL_OPTIONS, kernelOf } from "./kernels.ts";
import type { Picture } from "./picture.ts";
import { stageSheet } from "./stages.ts";

const COMMON = {
  output: {
    kind: "text",
    short: "o",
    value: "file",
    about: 'the file to write, .png or .jpg; "-" for standard output',
  },
  quality: { kind: "integer", value: "1..100", about: `quality of a JPEG file; default ${QUALITY}` },
  threads: { kind: "integer", value: "n", about: "threads to compute with; default 1" },
  quiet: { kind: "flag", short: "q", about: "print nothing but errors" },
} as const satisfies Options;

const BORDERS: readonly BorderMode[] = ["reflect101", "reflect", "replicate", "zeros"];
const border = (words: readonly FilterBorder[]) =>
  ({ kind: "text", value: "name", words, about: "beyond the edges; default reflect101" }) as const;

interface Definition<O extends Options> {
  readonly about: string;
  readonly usage?: string;
  readonly options: O;
  readonly examples: readonly string[];
  /** Checks the values, and makes the function of pictures they ask for. */
  plan(values: Values<O>): (engine: ImageEngine, picture: Picture) => Picture;
}

const COLORS = ["", "gray", "gray and alpha", "RGB", "RGBA"];
const show = ({ width, height, channels }: Picture): string => `${width} x ${height} ${COLORS[channels]}`;

/** A command that reads a picture, computes another and writes it. */
function picture<const O extends Options>(definition: Definition<O>): Command {
  const { about, usage = "", options, examples, plan } = definition;
  return command({
    ...{ about, files: 1, examples },
    usage: `photo.png ${usage}${usage && " "}-o out.png`,
    options: { ...options, ...COMMON },
    run: (call) =>
      transform(call as unknown as Call<typeof COMMON>, plan(call.values as unknown as Values<O>)),
  });
}

async function transform(
  { values, files: [input], host }: Call<typeof COMMON>,
  compute: (engine: ImageEngine, picture: Picture) => Picture,
): Promise<void> {
  const { output, quality, threads = 1, quiet } = values;
  if (input === undefined) throw new UsageError('name the picture to read, or "-" for standard input');
  if (output === undefined) throw new UsageError("name the file to write, as in -o out.png");
  if (quality !== undefined && !(quality >= 1 && quality <= 100))
    throw new UsageError(`--quality is ${quality} but must be from 1 to 100`);
  const write = await writerOf(output, quality);
  const start = performance.now();
  const { image, depth } = await readPicture(input, host);
  const loaded = performance.now();
  const engine = await createImageEngine({ threads });
  try {
    const ready = performance.now();
    const result = compute(engine, image);
    const computed = performance.now();
    await write(result, host);
    if (quiet) return;
    const ms = (from: number, to: number): string => `${(to - from).toFixed(1)} ms`;
    const name = (path: string, stream: string): string => (path === STREAM ? stream : path);
    const from = `${name(input, "standard input")} ${show(image)}${depth > 8 ? ` (${depth} bits, read as 8)` : ""}`;
    const to = `${name(output, "standard output")} ${show(result)}`;
    const rest = `read ${ms(start, loaded)}, written ${ms(computed, performance.now())}`;
    host.stderr(`${from} -> ${to}: computed in ${ms(ready, computed)}, ${rest}\n`);
  } finally {
    engine.dispose();
  }
}

const filter = picture({
  about: "Correlates a picture with a kernel of the textbook, or with your own.",
  usage: "--kernel name",
  options: {
    kernel: {
      kind: "text",
      short: "k",
      value: "name",
      about: 'see convolith kernels; or rows: "0 -1 0; -1 5 -1; 0 -1 0"',
    },
    ...KERNEL_OPTIONS,
    normalize: { kind: "flag", about: "divide the kernel by its sum" },
    border: border([...BORDERS, "valid"]),
    scale: { kind: "number", about: "multiplies the sums; default 1" },
    bias: { kind: "number", about: "is added then: 128 shows values below 0, too; default 0" },
    stride: { kind: "integer", about: "take every n-th window; default 1" },
    dilation: { kind: "integer", about: "pixels from tap to tap; default 1" },
  },
  examples: [
    "filter photo.png --kernel sobel-x --bias 128 -o out.png",
    "filter photo.jpg --kernel gaussian --kernel-size 9 --sigma 2 -o out.jpg",
    'filter photo.png --kernel "0 -1 0; -1 5 -1; 0 -1 0" -o out.png',
  ],
  plan({ kernel: text, normalize = false, border, scale, bias, stride, dilation, ...rest }) {
    if (text === undefined)
      throw new UsageError("name a kernel, as in --kernel sobel-x; convolith kernels lists them");
    const kernel = kernelOf(text, onlyKernelOptions(rest), normalize);
    const options = { border: border as FilterBorder | undefined, scale, bias, stride, dilation };
    return (engine, image) => filter2d(engine, image, kernel, options);
  },
});

const onlyKernelOptions = (values: object): Values<typeof KERNEL_OPTIONS> =>
  Object.fromEntries(Object.entries(values).filter(([name]) => name in KERNEL_OPTIONS));

const cannyCommand = picture({
  about: "Finds edges: Canny's algorithm, white on black.",
  options: {
    low: { kind: "number", about: "gradients below are no edge; default: found from the picture" },
    high: { kind: "number", about: "gradients above begin an edge; default: found from the picture" },
    sigma: { kind: "number", about: "blur first, with this standard deviation; default: no blur" },
    aperture: { kind: "integer", value: "3|5|7", about: "size of Sobel's kernels; default 3" },
    l2: {
      kind: "flag",
      about: "length of the gradient by the root of squares, not by the sum of absolute values",
    },
    stages: { kind: "flag", about: "write every stage on one sheet" },
  },
  examples: [
    "canny photo.jpg -o edges.png",
    "canny photo.jpg --low 50 --high 150 --sigma 1.4 --stages -o stages.png",
  ],
  plan:
    ({ low, high, sigma, aperture, l2, stages }) =>
    (engine, image) => {
      const options = { low, high, sigma, aperture: aperture as CannyOptions["aperture"], l2 };
      return stages ? stageSheet(cannyStages(engine, image, options)) : canny(engine, image, options);
    },
});

const blur = picture({
  about: "Blurs: by a Gaussian, a mean or a median.",
  usage: "--sigma x | --box n | --median n",
  options: {
    sigma: { kind: "number", about: "Gaussian blur with this standard deviation in pixels" },
    size: { kind: "integer", about: "size of the Gaussian's window; default: from sigma" },
    box: { kind: "integer", about: "mean of n x n pixels" },
    median: { kind: "integer", about: "median of n x n pixels" },
    border: border(BORDERS),
  },
  examples: ["blur photo.png --sigma 2 -o soft.png", "blur photo.png --median 5 -o clean.png"],
  plan({ sigma, size, box, median, border }) {
    const gaussian = sigma !== undefined || size !== undefined;
    if (Number(gaussian) + Number(box !== undefined) + Number(median !== undefined) !== 1)
      throw new UsageError("give one of --sigma, --box and --median");
    const edge = { border: border as BorderMode | undefined };
    if (median !== undefined) {
      if (border !== undefined)
        throw new UsageError("--border says nothing about a median: it repeats the edge's pixels");
      return (engine, image) => medianBlur(engine, image, { size: median });
    }
    if (box !== undefined) return (engine, image) => boxBlur(engine, image, { size: box, ...edge });
    return (engine, image) => gaussianBlur(engine, image, { sigma, size, ...edge });
  },
});

const sharpen = picture({
  about: "Sharpens: an unsharp mask, which adds what a Gaussian blur takes away.",
  options: {
    amount: { kind: "number", about: "how much of it is added; default 1" },
    sigma: { kind: "number", about: "standard deviation of the blur; default 1" },
    threshold: { kind: "number", about: "differences up to this stay as they are; default 0" },
  },
  examples: ["sharpen photo.jpg --amount 1.5 -o sharp.jpg"],
  plan:
    ({ amount = 1, sigma = 1, threshold }) =>
    (engine, image) =>
      unsharpMask(engine, image, { amount, sigma, threshold }),
});

const METHODS: readonly ResizeMethod[] = ["nearest", "linear", "cubic", "area"];

const resizeCommand = picture({
  about: "Makes a picture larger or smaller; one side alone keeps the aspect ratio.",
  usage: "--width n --height n",
  options: {
    width: { kind: "integer", about: "new width in pixels" },
    height: { kind: "integer", about: "new height in pixels" },
    method: {
      kind: "text",
      value: "name",
      words: METHODS,
      about: "default: area to make it smaller, cubic to make it larger",
    },
  },
  examples: ["resize photo.jpg --width 800 -o small.jpg"],
  plan({ width, height, method }) {
    if (width === undefined && height === undefined) throw new UsageError("give --width, --height or both");
    return (engine, image) => {
      const smaller = (width ?? 1) <= image.width && (height ?? 1) <= image.height;
      const chosen = (method as ResizeMethod | undefined) ?? (smaller ? "area" : "cubic");
      return resize(engine, image, { width, height, method: chosen });
    };
  },
});

const gray = picture({
  about: "Makes a picture gray: 0.299 R + 0.587 G + 0.114 B.",
  options: {},
  examples: ["gray photo.jpg -o gray.png"],
  plan: () => (engine, image) => toGray(engine, image),
});

export const IMAGE_COMMANDS: Readonly<Record<string, Command>> = {
  ...{ filter, blur, sharpen, canny: cannyCommand, resize: resizeCommand, gray },
};
