// A folder served as a static host would, which remembers what was fetched.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".png": "image/png",
  ".wasm": "application/wasm",
};

/** What makes a page cross-origin isolated, so that it has shared memory. */
export const ISOLATED: Readonly<Record<string, string>> = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** The strictest policy that the package needs: no Blob is a worker, no text is code. */
export const STRICT: Readonly<Record<string, string>> = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; img-src 'self' data:",
};

export interface Fetched {
  readonly path: string;
  /** 200 or 404. */
  readonly status: number;
  readonly bytes: Buffer;
}

export interface Site {
  readonly url: string;
  /** What was fetched since the site was opened, in order. */
  readonly fetched: readonly Fetched[];
  close(): Promise<void>;
}

/**
 * Serves folders on loopback.
 *
 * @param folders The folder of each prefix of a path, `{ "/": folder }`, or the file of a path, `{ "/photo.png": file }`. The longest that fits is taken.
 * @param headers Sent with every answer.
 */
export async function serve(
  folders: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Site> {
  const fetched: Fetched[] = [];
  const prefixes = Object.keys(folders).sort((a, b) => b.length - a.length);
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const prefix = prefixes.find((prefix) => pathname.startsWith(prefix)) ?? "/";
    const file = normalize(pathname.slice(prefix.length) || (prefix.endsWith("/") ? "index.html" : "."));
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    let bytes: Buffer | undefined;
    try {
      if (!file.startsWith("..")) bytes = readFileSync(join(folders[prefix], file));
    } catch {
      // Not there: 404.
    }
    fetched.push({ path: pathname, status: bytes ? 200 : 404, bytes: bytes ?? Buffer.alloc(0) });
    if (bytes)
      response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream").end(bytes);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    fetched,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

/** Bytes over the wire of files, each compressed by itself as a static host does. */
export function wireBytes(files: readonly Uint8Array[]): { gzip: number; brotli: number } {
  const sum = (lengths: number[]): number => lengths.reduce((a, b) => a + b, 0);
  return {
    gzip: sum(files.map((bytes) => gzipSync(bytes, { level: 9 }).length)),
    brotli: sum(files.map((bytes) => brotliCompressSync(bytes).length)),
  };
}
