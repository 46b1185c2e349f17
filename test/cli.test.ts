// The command line, run from source: every command on small pictures, decoded again and held against the library's own result.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { decode, encode } from "fast-png";
import jpeg from "jpeg-js";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { readPicture } from "../src/cli/codecs.ts";
import { COMMANDS } from "../src/cli/commands.ts";
import { KERNEL_NAMES } from "../src/cli/kernels.ts";

import { runCli } from "../src/cli/run.ts";
import * as image from "../src/image/index.ts";
import { Random } from "./random.ts";

const folder = mkdtempSync(join(tmpdir(), "convolith-cli-"));
const at = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ran {
  code: number;
  out: Uint8Array;
  text: string;
  err: string;
}

/** Runs a command line in the folder of files: names of files are those in it. */
async function cli(args: readonly string[], stdin = new Uint8Array()): Promise<Ran> {
  const parts: Uint8Array[] = [];
  let err = "";
  const code = await runCli(args, {
    stdin: async () => stdin,
    stdout: (data) => void parts.push(Buffer.from(data as Uint8Array)),
    stderr: (text) => {
      err += text;
    },
  });
  const out = Buffer.concat(parts);
  return { code, out, text: out.toString(), err };
}

/** Smooth and noisy bytes, so that every filter has something to do. */
function photo(width: number, height: number, channels: number, seed = 1): image.Image<Uint8Array> {
  const grain = new Random(seed);
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const p = Math.floor(i / channels);
    const wave = Math.sin((p % width) / 4 + (i % channels)) * Math.cos(p / width / 5);
    return 110 + 90 * wave + 40 * grain.next();
  });
  return { data, width, height, channels };
}

const color = photo(41, 29, 3);
const engine = image.createImageEngine();

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  writeFileSync(at("photo.png"), encode({ ...color, depth: 8 }));
});

const readPng = (file: string | Uint8Array): image.Image<Uint8Array> => {
  const { width, height, data, channels } = decode(typeof file === "string" ? readFileSync(file) : file);
  return { data: data as Uint8Array, width, height, channels };
};

type Expected = (engine: image.ImageEngine) => image.Image<Uint8Array>;

const CALLS: readonly (readonly [line: string, expected: Expected])[] = [
  ["filter --kernel sobel-x", (e) => image.filter2d(e, color, image.sobelX())],
  [
    "filter -k sobel-y --kernel-size 5 --bias 128 --scale 0.1",
    (e) => image.filter2d(e, color, image.sobelY(5), { bias: 128, scale: 0.1 }),
  ],
  [
    "filter --kernel sobel-x --bias -3 --border zeros",
    (e) => image.filter2d(e, color, image.sobelX(), { bias: -3, border: "zeros" }),
  ],
  [
    "filter --kernel gaussian --kernel-size 7 --sigma 2",
    (e) => image.filter2d(e, color, image.gaussian(7, 2)),
  ],
  [
    "filter --kernel laplacian-8 --stride 2 --dilation 2",
    (e) => image.filter2d(e, color, image.laplacian8(), { stride: 2, dilation: 2 }),
  ],
  [
    "filter --kernel box-3 --border valid",
    (e) => image.filter2d(e, color, image.box(3), { border: "valid" }),
  ],
  ["filter --kernel '0 -1 0; -1 5 -1; 0 -1 0'", (e) => image.filter2d(e, color, image.sharpen())],
  ["filter --kernel '1/3 1/3, 1/3'", (e) => image.filter2d(e, color, [[1 / 3, 1 / 3, 1 / 3]])],
  ["filter --kernel '[[1,2,1]]' --normalize", (e) => image.filter2d(e, color, [[1 / 4, 2 / 4, 1 / 4]])],
  ["blur --sigma 2", (e) => image.gaussianBlur(e, color, { sigma: 2 })],
  [
    "blur --sigma 2 --size 5 --border replicate",
    (e) => image.gaussianBlur(e, color, { sigma: 2, size: 5, border: "replicate" }),
  ],
  ["blur --box 15", (e) => image.boxBlur(e, color, { size: 15 })],
  ["blur --median 5", (e) => image.medianBlur(e, color, { size: 5 })],
  ["sharpen", (e) => image.unsharpMask(e, color, { amount: 1, sigma: 1 })],
  ["sharpen --amount 2.5 --sigma 1.5", (e) => image.unsharpMask(e, color, { amount: 2.5, sigma: 1.5 })],
  ["canny", (e) => image.canny(e, color)],
  [
    "canny --low 50 --high 150 --sigma 1.2 --aperture 5 --l2",
    (e) => image.canny(e, color, { low: 50, high: 150, sigma: 1.2, aperture: 5, l2: true }),
  ],
  [
    "resize --width 20 --height 50 --method linear",
    (e) => image.resize(e, color, { width: 20, height: 50, method: "linear" }),
  ],
  ["resize --width 20", (e) => image.resize(e, color, { width: 20, height: 14, method: "area" })],
  ["resize --height 58", (e) => image.resize(e, color, { width: 82, height: 58, method: "cubic" })],
  ["gray", (e) => image.toGray(e, color)],
];

/** Words of a line; quotes keep words together. */
const words = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word);

describe("commands on pictures", () => {
  it.each(CALLS)("%s", async (line, expected) => {
    const [name, ...options] = words(line);
    const ran = await cli([name, at("photo.png"), ...options, "-o", at("out.png")]);
    expect(ran).toMatchObject({ code: 0, text: "" });
    expect(ran.err).toMatch(
      /^.*photo\.png 41 x 29 RGB -> .*out\.png \d+ x \d+ \w+: computed in [\d.]+ ms, .*\n$/,
    );
    expect(readPng(at("out.png"))).toEqual(expected(await engine));
    expect(readdirSync(folder).sort()).toEqual(["out.png", "photo.png"]);
  });

  it("draws the stages of Canny on a sheet", async () => {
    const { code } = await cli(["canny", at("photo.png"), "--stages", "-q", "-o", at("out.png")]);
    expect(code).toBe(0);
    const sheet = readPng(at("out.png"));
    expect(sheet.width).toBeGreaterThan(3 * color.width);
    expect(sheet.height).toBeGreaterThan(2 * color.height);
    expect(new Set(sheet.data).size).toBeGreaterThan(50);
  });

  it("reads standard input and writes standard output", async () => {
    const ran = await cli(["gray", "-", "--output", "-"], readFileSync(at("photo.png")));
    expect(ran.err).toMatch(/^standard input 41 x 29 RGB -> standard output 41 x 29 gray:/);
    expect(readPng(ran.out)).toEqual(image.toGray(await engine, color));
  });

  it("computes on threads, to the same bytes", async () => {
    await cli(["blur", at("photo.png"), "--sigma", "2", "-o", at("one.png")]);
    const { code } = await cli([
      "blur",
      at("photo.png"),
      "--sigma",
      "2",
      "--threads",
      "2",
      "-o",
      at("two.png"),
    ]);
    expect(code).toBe(0);
    expect(readFileSync(at("two.png"))).toEqual(readFileSync(at("one.png")));
  });

  it("prints nothing when it is to be quiet", async () => {
    expect((await cli(["gray", at("photo.png"), "--quiet", "-o", at("out.png")])).err).toBe("");
  });

  it("writes JPEG files of a quality; what is transparent lies on white", async () => {
    for (const quality of ["20", "95"]) {
      const args = [
        "blur",
        at("photo.png"),
        "--sigma",
        "2",
        "--quality",
        quality,
        "-o",
        at(`q${quality}.jpg`),
      ];
      expect((await cli(args)).code).toBe(0);
    }
    const [small, large] = ["20", "95"].map((quality) => readFileSync(at(`q${quality}.jpg`)));
    expect(large.length).toBeGreaterThan(1.5 * small.length);
    const expected = image.gaussianBlur(await engine, color, { sigma: 2 }).data;
    const { data } = jpeg.decode(large, { useTArray: true, formatAsRGBA: false });
    const off = data.reduce((sum, v, i) => sum + Math.abs(v - expected[i]), 0) / data.length;
    expect(off).toBeLessThan(4);

    writeFileSync(
      at("clear.png"),
      encode({ width: 8, height: 8, channels: 4, depth: 8, data: new Uint8Array(256) }),
    );
    await cli(["blur", at("clear.png"), "--box", "3", "-o", at("clear.jpg")]);
    const white = jpeg.decode(readFileSync(at("clear.jpg")), { useTArray: true, formatAsRGBA: false });
    expect(Math.min(...white.data)).toBeGreaterThan(250);
  });
});

describe("what is written", () => {
  it("replaces a file, the picture that was read, too, when it is named; through a link the file behind it", async () => {
    symlinkSync(at("photo.png"), at("link.png"));
    expect((await cli(["gray", at("photo.png"), "-o", at("link.png")])).code).toBe(0);
    expect(readPng(at("photo.png"))).toEqual(image.toGray(await engine, color));
    expect(readdirSync(folder).sort()).toEqual(["link.png", "photo.png"]);
  });

  it("leaves everything as it was where a command fails", async () => {
    writeFileSync(at("out.png"), "precious");
    const photo = readFileSync(at("photo.png"));
    writeFileSync(at("broken.png"), photo.subarray(0, photo.length - 30));
    expect((await cli(["gray", at("broken.png"), "-o", at("out.png")])).code).toBe(1);
    expect((await cli(["blur", at("photo.png"), "--sigma", "-1", "-o", at("out.png")])).code).toBe(2);
    expect(readFileSync(at("out.png"), "utf8")).toBe("precious");
    expect((await cli(["gray", at("photo.png"), "-o", at("no/where.png")])).err).toMatch(
      /no such file or folder/,
    );
    expect(existsSync(at("no"))).toBe(false);
    mkdirSync(at("folder.png"));
    expect((await cli(["gray", at("photo.png"), "-o", at("folder.png")])).err).toMatch(/this is a folder/);
    expect(readdirSync(folder).sort()).toEqual(["broken.png", "folder.png", "out.png", "photo.png"]);
  });
});

describe("what is read", () => {
  /** A PNG by hand, with chunks that encoders seldom write. */
  function png(
    width: number,
    height: number,
    depth: number,
    colorType: number,
    rows: number[][],
    chunks = {},
  ): Buffer {
    const chunk = (type: string, data: Uint8Array): Buffer => {
      const body = Buffer.concat([Buffer.from(type), data]);
      const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
      length.writeUInt32BE(data.length);
      sum.writeUInt32BE(crc32(body));
      return Buffer.concat([length, body, sum]);
    };
    const header = Buffer.alloc(13);
    header.writeUInt32BE(width, 0);
    header.writeUInt32BE(height, 4);
    header.set([depth, colorType, 0, 0, 0], 8);
    return Buffer.concat([
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      chunk("IHDR", header),
      ...Object.entries(chunks).map(([type, bytes]) => chunk(type, Uint8Array.from(bytes as number[]))),
      chunk("IDAT", deflateSync(Uint8Array.from(rows.flatMap((row) => [0, ...row])))),
      chunk("IEND", Buffer.alloc(0)),
    ]);
  }

  const read = async (bytes: Uint8Array) => {
    const host = { stdin: async () => bytes, stdout() {}, stderr() {} };
    const { image, depth } = await readPicture("-", host);
    return { ...image, data: Array.from(image.data), depth };
  };

  it.each([1, 2, 3, 4])("a PNG of %i channels", async (channels) => {
    const picture = photo(13, 7, channels);
    const { depth, ...read_ } = await read(encode({ ...picture, depth: 8 }));
    expect(read_).toEqual({ ...picture, data: Array.from(picture.data) });
    expect(depth).toBe(8);
  });

  it("16 bits as the nearest 8", async () => {
    const bytes = png(4, 1, 16, 0, [[0, 0, 0xff, 0xff, 0x80, 0x7f, 0x01, 0x01]]);
    expect(await read(bytes)).toEqual({
      data: [0, 255, 128, 1],
      width: 4,
      height: 1,
      channels: 1,
      depth: 16,
    });
  });

  it("1, 2 and 4 bits; rows begin on bytes", async () => {
    const one = png(9, 2, 1, 0, [
      [0b10100000, 0x80],
      [0b01000001, 0],
    ]);
    expect((await read(one)).data).toEqual(
      [1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0].map((v) => v * 255),
    );
    expect((await read(png(3, 1, 2, 0, [[0b00011100]]))).data).toEqual([0, 85, 255]);
    expect((await read(png(3, 1, 4, 0, [[0x0f, 0x80]]))).data).toEqual([0, 255, 136]);
  });

  it("palettes, with transparency where there is any; and transparent colors", async () => {
    const PLTE = [10, 20, 30, 40, 50, 60, 70, 80, 90];
    const plain = await read(png(4, 1, 2, 3, [[0b00011000]], { PLTE }));
    expect(plain).toMatchObject({ channels: 3, data: [10, 20, 30, 40, 50, 60, 70, 80, 90, 10, 20, 30] });
    const clear = await read(png(2, 1, 8, 3, [[0, 2]], { PLTE, tRNS: [7] }));
    expect(clear).toMatchObject({ channels: 4, data: [10, 20, 30, 7, 70, 80, 90, 255] });
    const keyed = await read(
      png(
        1,
        3,
        8,
        2,
        [
          [1, 2, 3],
          [1, 2, 4],
          [9, 2, 3],
        ],
        { tRNS: [0, 1, 0, 2, 0, 3] },
      ),
    );
    expect(keyed).toMatchObject({ channels: 4, data: [1, 2, 3, 0, 1, 2, 4, 255, 9, 2, 3, 255] });
    await expect(read(png(1, 1, 8, 3, [[3]], { PLTE }))).rejects.toThrow(/color 3 of a palette of 3/);
  });

  /** A JPEG whose Exif data says how to turn it. */
  function exif(orientation: number, bytes: Uint8Array, little: boolean): Buffer {
    const number = (value: number, size: number): number[] => {
      const big = Array.from({ length: size }, (_, i) => (value >> (8 * (size - 1 - i))) & 255);
      return little ? big.reverse() : big;
    };
    const tiff = [
      ...(little ? [0x49, 0x49] : [0x4d, 0x4d]),
      ...[...number(42, 2), ...number(8, 4), ...number(1, 2)],
      ...[...number(0x0112, 2), ...number(3, 2), ...number(1, 4), ...number(orientation, 2), 0, 0],
      ...number(0, 4),
    ];
    const segment = [...Buffer.from("Exif\0\0"), ...tiff];
    return Buffer.concat([
      bytes.subarray(0, 2),
      Uint8Array.from([0xff, 0xe1, 0, segment.length + 2, ...segment]),
      bytes.subarray(2),
    ]);
  }

  /** Exif 2.3, 4.6.4 A: 6 is stored with its first row on the right and its first column above, 8 with them on the left and below. */
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("a JPEG of orientation %i, upright", async (orientation) => {
    // The upright picture: 24 x 16, dark, white above on the left, gray above on the right.
    const [width, height] = [24, 16];
    const upright = (x: number, y: number): number => (y >= 8 ? 0 : x < 8 ? 255 : x >= 16 ? 128 : 0);
    const stored: Readonly<Record<number, (x: number, y: number) => number>> = {
      1: (x, y) => upright(x, y),
      2: (x, y) => upright(width - 1 - x, y),
      3: (x, y) => upright(width - 1 - x, height - 1 - y),
      4: (x, y) => upright(x, height - 1 - y),
      5: (x, y) => upright(y, x),
      6: (x, y) => upright(width - 1 - y, x),
      7: (x, y) => upright(width - 1 - y, height - 1 - x),
      8: (x, y) => upright(y, height - 1 - x),
    };
    const [w, h] = orientation < 5 ? [width, height] : [height, width];
    const data = new Uint8Array(w * h * 4).fill(255);
    for (let p = 0; p < w * h; p++)
      data.fill(stored[orientation](p % w, Math.floor(p / w)), p * 4, p * 4 + 3);
    const file = exif(
      orientation,
      jpeg.encode({ data, width: w, height: h }, 95).data,
      orientation % 2 === 0,
    );
    const made = await read(file);
    expect(made).toMatchObject({ width, height, channels: 3 });
    for (const [x, y] of [
      [3, 3],
      [12, 3],
      [20, 3],
      [3, 12],
      [20, 12],
    ])
      expect(Math.abs(made.data[(y * width + x) * 3] - upright(x, y)), `${x},${y}`).toBeLessThan(30);
  });
});

describe("wrong command lines", () => {
  const WRONG: readonly (readonly [string, RegExp])[] = [
    ["blurr photo.png", /no command "blurr"/],
    ["toString photo.png", /no command "toString"/],
    ["blur photo.png -o out.png", /one of --sigma, --box and --median/],
    ["blur photo.png --sigma 1 --box 3 -o out.png", /one of --sigma, --box and --median/],
    ["blur photo.png --sigma 1", /-o out\.png/],
    ["blur --sigma 1 -o out.png", /name the picture/],
    ["blur photo.png other.png --sigma 1 -o out.png", /unexpected argument "other\.png"/],
    ["blur photo.png --sigma one -o out.png", /--sigma is "one" but must be a number/],
    ["blur photo.png --sigma '' -o out.png", /--sigma is "" but must be a number/],
    ["blur photo.png --sigma 0 -o out.png", /gaussianBlur: .*sigma/],
    ["blur photo.png --sigma Infinity -o out.png", /--sigma is "Infinity"/],
    ["blur photo.png --box 2.5 -o out.png", /--box is "2\.5" but must be a whole number/],
    ["blur photo.png --median 4 -o out.png", /medianBlur: size is 4/],
    ["blur photo.png --median 3 --border zeros -o out.png", /--border/],
    ["blur photo.png --sigma -o out.png", /--sigma/],
    ["blur photo.png --sigmo 1 -o out.png", /'--sigmo'/],
    [
      "blur photo.png --sigma 1 --border wrap -o out.png",
      /--border is "wrap" but must be reflect101, .* or zeros/,
    ],
    ["blur photo.png --sigma 1 -o out.doc", /must end in \.png or \.jpg/],
    ["blur photo.png --sigma 1 -o out", /must end in \.png or \.jpg/],
    ["blur photo.png --sigma 1 --quality 101 -o out.jpg", /--quality is 101/],
    ["blur photo.png --sigma 1 --threads 0 -o out.jpg", /threads is 0/],
    ["filter photo.png -o out.png", /--kernel sobel-x/],
    ["filter photo.png --kernel sobel -o out.png", /see convolith kernels/],
    ["filter photo.png --kernel '1 2; 3' -o out.png", /2, 1 numbers/],
    ["filter photo.png --kernel '1 1/0' -o out.png", /rows of numbers/],
    ["filter photo.png --kernel [[1,null]] -o out.png", /rows of numbers/],
    ["filter photo.png --kernel [[1 -o out.png", /rows of numbers/],
    ["filter photo.png --kernel ;; -o out.png", /rows of numbers/],
    ["filter photo.png --kernel sobel-x --sigma 1 -o out.png", /--sigma says nothing .* --kernel-size/],
    ["filter photo.png --kernel sobel-x --kernel-size 4 -o out.png", /size is 4/],
    ["resize photo.png -o out.png", /--width, --height/],
    ["resize photo.png --width 0 -o out.png", /width is 0/],
    ["resize photo.png --width 70000 -o out.png", /width is 70000/],
    ["canny photo.png --low high -o out.png", /--low is "high"/],
    ["canny photo.png --aperture 4 -o out.png", /aperture is 4/],
    ["kernels sobel", /no kernel "sobel"/],
    ["kernels --sigma 2", /--sigma is for one kernel/],
  ];

  it.each(WRONG)("%s", async (line, message) => {
    const args = words(line).map((word) => (/^(photo|out)\./.test(word) ? at(word) : word));
    const { code, err, text } = await cli(args);
    expect(err).toMatch(message);
    expect(err).toMatch(/^convolith: .+\n$/);
    // Mistakes of the command line point to its help; values that a function refuses name the function.
    expect(err).toMatch(/; see convolith [\w -]*--help\n$|^convolith: \w+: /);
    expect({ code, text }).toEqual({ code: 2, text: "" });
    expect(readdirSync(folder)).toEqual(["photo.png"]);
  });

  it("nothing at all shows what there is", async () => {
    const { code, err } = await cli([]);
    expect(code).toBe(2);
    for (const name of Object.keys(COMMANDS)) expect(err).toContain(`  ${name} `);
  });
});

describe("broken files", () => {
  const fails = async (name: string, bytes: Uint8Array | string, message: RegExp): Promise<void> => {
    writeFileSync(at(name), bytes);
    const { code, err } = await cli(["gray", at(name), "-o", at("out.png")]);
    expect(err).toMatch(message);
    expect(err).toMatch(/^convolith: .+\n$/);
    expect(err.length).toBeLessThan(400);
    expect(err).not.toMatch(/undefined|null|not a function|DataView|:$/);
    expect(code).toBe(1);
    expect(existsSync(at("out.png"))).toBe(false);
  };

  it("that are missing, a folder, empty, or no picture", async () => {
    const missing = await cli(["gray", at("no.png"), "-o", at("out.png")]);
    expect(missing).toMatchObject({
      code: 1,
      err: `convolith: ${at("no.png")}: there is no such file or folder\n`,
    });
    const dir = await cli(["gray", folder, "-o", at("out.png")]);
    expect(dir).toMatchObject({ code: 1, err: `convolith: ${folder}: this is a folder\n` });
    await fails("empty.png", "", /the file is empty/);
    await fails("text.png", "Dear diary,\nno picture.\n", /neither a PNG nor a JPEG file/);
  });

  it("PNG cut at every length, and with every byte changed", async () => {
    const whole = encode({ ...photo(9, 5, 3), depth: 8 });
    for (let length = 8; length < whole.length; length++)
      await fails("cut.png", whole.subarray(0, length), /cut\.png: this PNG file cannot be read: /);
    for (let i = 8; i < whole.length; i++) {
      const bytes = whole.slice();
      bytes[i] ^= 0x55;
      await fails("changed.png", bytes, /changed\.png: this PNG file cannot be read: /);
    }
  });

  it("PNG whose header asks for more than there is", async () => {
    const bytes = encode({ ...photo(9, 5, 3), depth: 8 });
    const lying = (width: number, height: number): Uint8Array => {
      const copy = Buffer.from(bytes);
      copy.writeUInt32BE(width, 16);
      copy.writeUInt32BE(height, 20);
      copy.writeUInt32BE(crc32(copy.subarray(12, 29)), 29);
      return copy;
    };
    await fails("lying.png", lying(0, 5), /0 x 5 pixels/);
    await fails("lying.png", lying(0xffffffff, 0xffffffff), /4294967295 x 4294967295 pixels/);
    await fails("lying.png", lying(65535, 65535), /65535 x 65535 pixels/);
    await fails("lying.png", lying(30000, 30000), /the file has \d+ bytes/);
    await fails("lying.png", lying(9, 50), /this PNG file cannot be read/);
  });

  it("JPEG cut anywhere, or lying about its size", async () => {
    const { data, width, height } = photo(40, 30, 4);
    const whole = jpeg.encode({ data, width, height }, 80).data;
    for (let length = 2; length < whole.length * 0.9; length += 7)
      await fails("cut.jpg", whole.subarray(0, length), /cut\.jpg: this JPEG file cannot be read: /);
    const frame = whole.indexOf(Buffer.from([0xff, 0xc0]));
    const lying = Buffer.from(whole);
    lying.writeUInt16BE(65535, frame + 5);
    lying.writeUInt16BE(65535, frame + 7);
    await fails("lying.jpg", lying, /lying\.jpg: this JPEG file cannot be read: /);
  });
});

describe("help", () => {
  it("lists the commands, and every command its options", async () => {
    const all = await cli(["--help"]);
    expect(all).toMatchObject({ code: 0, err: "" });
    for (const [name, { options, about, examples = [] }] of Object.entries(COMMANDS)) {
      expect(all.text).toContain(`${name} `);
      expect(all.text).toContain(about);
      const { code, text } = await cli([name, "--help"]);
      expect(code).toBe(0);
      for (const option of Object.keys(options)) expect(text).toContain(`--${option}`);
      expect((await cli(["help", name])).text).toBe(text);
      expect((await cli([name, "-h", "too", "many", "files"])).text).toBe(text);
      for (const line of text.split("\n")) expect(line.length, line).toBeLessThanOrEqual(120);
      for (const example of examples) expect(example).toMatch(new RegExp(`^${name}\\b`));
    }
  });

  it("has examples that run", async () => {
    writeFileSync(at("photo.jpg"), jpeg.encode({ ...photo(40, 30, 4) }, 90).data);
    // Those on model files are run in cli-models.test.ts.
    const examples = Object.values(COMMANDS).flatMap(({ examples = [] }) => examples);
    for (const example of examples.filter((line) => !/\.(onnx|json|safetensors)\b/.test(line))) {
      const args = [...example.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word);
      const ran = await cli(args.map((word) => (/\.(png|jpg)$/.test(word) ? at(word) : word)));
      expect(ran.code, `${example}: ${ran.err}`).toBe(0);
    }
  });

  it("tells the version", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
    expect((await cli(["--version"])).text).toBe(`${version}\n`);
  });

  it("shows every kernel, and one of a size", async () => {
    const { text } = await cli(["kernels"]);
    for (const name of KERNEL_NAMES) expect(text).toMatch(new RegExp(`^${name} `, "m"));
    const one = await cli(["kernels", "sobel-x", "--kernel-size", "5"]);
    const rows = one.text.split("\n").slice(-6, -1);
    expect(rows.map((row) => row.trim().split(/ +/).map(Number))).toEqual(image.sobelX(5));
  });
});

it("every kernel filters a picture", async () => {
  for (const kernel of KERNEL_NAMES) {
    const { code } = await cli(["filter", at("photo.png"), "--kernel", kernel, "-q", "-o", at("out.png")]);
    expect(code, kernel).toBe(0);
  }
});

// A process of its own: the built program. `npm run test:package` runs the packed one.
const built = new URL("../dist/node/cli.js", import.meta.url).pathname;
it.runIf(existsSync(built))("a reader that closes the pipe early is no fault", () => {
  const ran = spawnSync("sh", ["-c", `"${process.execPath}" "${built}" kernels | head -n 1`], {
    encoding: "utf8",
  });
  expect(ran.stderr).toBe("");
  expect(ran.stdout.split("\n").length).toBe(2);
});
