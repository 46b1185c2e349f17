// Listens, and ends in good order.
import { createApp } from "./app.mjs";

/** Longest file, in bytes. */
const BYTES = 10 * 2 ** 20;

/**
 * Serves on PORT of HOST until SIGTERM or SIGINT; then requests that run have DRAIN_MS to be answered.
 *
 * @param {Pick<Parameters<typeof createApp>[0], "models" | "pictures">} parts
 */
export function serve(parts) {
  const limits = { requests: setting("MAX_REQUESTS", 128), bytes: BYTES, ms: setting("TIMEOUT_MS", 10_000) };
  const { server, drain } = createApp({ ...parts, limits });
  server.listen(setting("PORT", 8080), process.env.HOST ?? "127.0.0.1", () => {
    const { address, port } = /** @type {import("node:net").AddressInfo} */ (server.address());
    console.log(`listening on http://${address}:${port}, ${parts.models.info().workers} workers`);
  });
  server.on("error", (error) => {
    console.error(error.message);
    process.exit(1);
  });
  const end = async () => {
    const answered = await drain(setting("DRAIN_MS", 10_000));
    console.log(answered ? "drained" : "ended with requests that were not answered");
    process.exit(answered ? 0 : 1);
  };
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, end);
}

/**
 * A whole number from the environment.
 *
 * @param {string} name
 * @param {number} usual
 */
export function setting(name, usual) {
  const text = process.env[name] ?? String(usual);
  const value = Number(text);
  if (text === "" || !Number.isInteger(value) || value < 0)
    throw new Error(`${name} is "${text}" but must be a whole number`);
  return value;
}
