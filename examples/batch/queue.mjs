// What producer, consumers and status line share: the queue on Redis, and its library, which is installed where it is missing (14 MB, once).
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";

const folder = new URL("bullmq/", import.meta.url);

/** BullMQ's classes. */
export function bullmq() {
  if (!existsSync(new URL("node_modules/bullmq", folder))) {
    console.error("installing BullMQ, 14 MB, once ...");
    // Standard output is a command's own.
    execFileSync("npm", ["ci", "--prefix", fileURLToPath(folder), "--no-audit", "--no-fund"], {
      stdio: ["ignore", 2, 2],
      shell: process.platform === "win32",
    });
  }
  return createRequire(folder)("bullmq");
}

/** The options that all commands take. */
export const OPTIONS = /** @type {const} */ ({
  redis: { type: "string", default: process.env.REDIS_URL ?? "redis://127.0.0.1:6379" },
  queue: { type: "string", default: "images" },
});

/** How to reach Redis. Ends the process, and says what to do, where none answers. @param {string} url */
export async function connectionTo(url) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port || 6379), hostname);
  try {
    await once(socket, "connect");
  } catch {
    console.error(
      `no Redis answers at ${url}: start redis-server (Debian: apt-get install redis-server), or give --redis`,
    );
    process.exit(1);
  }
  socket.destroy();
  // A consumer waits as long as it takes; it is told when Redis is there again.
  return { url, maxRetriesPerRequest: null };
}
