// A static file server for localhost: node examples/playground/serve.mjs [folder] [port]
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** @type {Record<string, string>} */
const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".png": "image/png",
  ".json": "application/json",
  ".svg": "image/svg+xml",
};

/**
 * Serves a folder on localhost. Where the port is taken, the next free one is used.
 *
 * @param {string} folder
 * @param {number} port 0: any.
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export function serve(folder, port = 0) {
  const root = resolve(folder);
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://localhost").pathname);
    const file = join(root, normalize(path.endsWith("/") ? `${path}index.html` : path));
    if (!file.startsWith(root) || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404).end("not found");
      return;
    }
    response.writeHead(200, {
      "content-type": TYPES[extname(file)] ?? "application/octet-stream",
      "cache-control": "no-cache",
    });
    createReadStream(file).pipe(response);
  });
  return new Promise((done, fail) => {
    /** @param {number} at */
    const listen = (at) => server.listen(at, "localhost");
    server.on("error", (/** @type {NodeJS.ErrnoException} */ error) => {
      if (error.code === "EADDRINUSE" && port < 65_000) listen(++port);
      else fail(error);
    });
    server.on("listening", () => {
      const address = /** @type {import("node:net").AddressInfo} */ (server.address());
      done({ url: `http://localhost:${address.port}/`, close: () => server.close() });
    });
    listen(port);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = process.argv[2] ?? fileURLToPath(new URL("out", import.meta.url));
  console.log(`open ${(await serve(folder, Number(process.argv[3] ?? 8080))).url}`);
}
