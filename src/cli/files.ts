// Files in and out. What is written appears under its name when it is complete, or not at all.
import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FileError } from "./command.ts";
import type { Host } from "./host.ts";

/** Stands for standard input and standard output. */
export const STREAM = "-";

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or folder",
  EISDIR: "this is a folder",
  ENOTDIR: "this is inside something that is no folder",
  EACCES: "this is not allowed",
  EPERM: "this is not allowed",
  EROFS: "nothing can be written there",
  ENOSPC: "there is no room left",
};

function fail(path: string, error: unknown): never {
  const { code = "", message } = error as NodeJS.ErrnoException;
  throw new FileError(`${path}: ${REASONS[code] ?? message}`);
}

export async function readBytes(path: string, host: Host): Promise<Uint8Array> {
  return path === STREAM ? await host.stdin() : readFile(path);
}

export function readFile(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    return fail(path, error);
  }
}

export function writeBytes(path: string, bytes: Uint8Array, host: Host): void {
  try {
    if (path === STREAM) host.stdout(bytes);
    else replace(path, bytes);
  } catch (error) {
    fail(path, error);
  }
}

function replace(path: string, bytes: Uint8Array): void {
  const before = statSync(path, { throwIfNoEntry: false });
  // A device or a pipe is written to, not replaced; for a folder this fails as it should.
  if (before && !before.isFile()) {
    writeFileSync(path, bytes);
    return;
  }
  // Behind a link it is the file that is replaced.
  const target = before ? realpathSync(path) : path;
  const unfinished = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    writeFileSync(unfinished, bytes, { flag: "wx" });
    if (before) chmodSync(unfinished, before.mode & 0o777);
    renameSync(unfinished, target);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}
