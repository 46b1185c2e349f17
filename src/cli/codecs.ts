// Pictures in files: which decoder reads them, and how they are written.
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { FileError, UsageError } from "./command.ts";
import { readBytes, STREAM, writeBytes } from "./files.ts";
import type { Host } from "./host.ts";
import type { Decoded, Picture } from "./picture.ts";

/** The default quality of JPEG files, as cameras and most programs have it. */
export const QUALITY = 90;

/** Reads a file, "-" for standard input. Throws FileError. */
export async function readPicture(path: string, host: Host): Promise<Decoded> {
  const bytes = await readBytes(path, host);
  const name = path === STREAM ? "standard input" : path;
  if (bytes.length === 0) throw new FileError(`${name}: the file is empty`);
  // Loaded when a file needs them.
  const { decodePng, isPng } = await import("./png.ts");
  if (isPng(bytes)) return attempt(`${name}: this PNG file cannot be read`, () => decodePng(bytes));
  const { decodeJpeg, isJpeg } = await import("./jpeg.ts");
  if (isJpeg(bytes)) return attempt(`${name}: this JPEG file cannot be read`, () => decodeJpeg(bytes));
  const sharp = await loadSharp();
  if (!sharp)
    throw new FileError(
      `${name}: this is neither a PNG nor a JPEG file; other formats are read where sharp is installed: npm install sharp`,
    );
  return attempt(`${name}: this is neither a PNG nor a JPEG file, and sharp cannot read it`, async () => {
    // Without an angle it turns the picture as its Exif data says.
    const pipeline = sharp(bytes).rotate().toColourspace("srgb");
    const { data, info } = await pipeline.raw({ depth: "uchar" }).toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    return { image: { data: new Uint8Array(data), width, height, channels }, depth: 8 };
  });
}

async function attempt<T>(what: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new FileError(`${what}: ${reason(error)}`);
  }
}

/** What an error says, and its cause: decoders throw texts, too, and stumble over what is not there. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof TypeError || /\b(undefined|bounds)\b/.test(error.message))
    return "it is damaged or cut off";
  const message = error.message.replace(/:$/, "");
  return error.cause === undefined ? message : `${message}: ${reason(error.cause)}`;
}

/** How a file of a name is written. Throws UsageError where nothing here writes such files. */
export async function writerOf(
  path: string,
  quality: number = QUALITY,
): Promise<(image: Picture, host: Host) => Promise<void>> {
  const ending = extname(path).toLowerCase();
  if (path === STREAM || ending === ".png") {
    const { encodePng } = await import("./png.ts");
    return async (image, host) => writeBytes(path, encodePng(image), host);
  }
  if (ending === ".jpg" || ending === ".jpeg") {
    const { encodeJpeg } = await import("./jpeg.ts");
    return async (image, host) => writeBytes(path, encodeJpeg(image, quality), host);
  }
  const format = ending.slice(1);
  if (!SHARP_FORMATS.includes(format))
    throw new UsageError(
      `${path}: the name must end in .png or .jpg, or, with sharp, in .${SHARP_FORMATS.join(", .")}`,
    );
  const sharp = await loadSharp();
  if (!sharp)
    throw new FileError(`${path}: .${format} files are written where sharp is installed: npm install sharp`);
  return async ({ data, width, height, channels }, host) => {
    const raw = sharp(data, { raw: { width, height, channels } });
    const bytes = await attempt(`${path}: sharp cannot write it`, () =>
      raw.toFormat(format, { quality }).toBuffer(),
    );
    writeBytes(path, bytes, host);
  };
}

const SHARP_FORMATS = ["webp", "avif", "tiff", "tif", "gif"];

interface RawInfo {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** The part of sharp that is used. */
interface Sharp {
  rotate(): Sharp;
  toColourspace(name: string): Sharp;
  raw(options?: { depth: string }): Sharp;
  toFormat(name: string, options: { quality: number }): Sharp;
  toBuffer(): Promise<Uint8Array>;
  toBuffer(options: { resolveWithObject: true }): Promise<{ data: Uint8Array; info: RawInfo }>;
}

type SharpLibrary = (bytes: Uint8Array, options?: { raw: RawInfo }) => Sharp;

/** sharp as the project in the current folder, or this package's, has it; undefined where it is not installed. */
async function loadSharp(): Promise<SharpLibrary | undefined> {
  for (const place of [pathToFileURL(join(process.cwd(), "package.json")).href, import.meta.url])
    try {
      const file = createRequire(place).resolve("sharp");
      return (await import(pathToFileURL(file).href)).default;
    } catch {
      // Not there, or not for this machine: as good as missing.
    }
  return undefined;
}
