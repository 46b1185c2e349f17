// The version in package.json, which lies above dist/node/ as it does above src/cli/.
import { readFileSync } from "node:fs";

export function version(): string {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return version;
}
