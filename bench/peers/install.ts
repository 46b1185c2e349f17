// Installs the libraries convolith is measured against, which have a package.json of their own, where they are missing.
import { execFileSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";

const FOLDER = "bench/peers";

/** npm runs scripts in the project's root. */
export function installPeers(): void {
  const installed = `${FOLDER}/node_modules/.package-lock.json`;
  const changed = (file: string): number => statSync(file).mtimeMs;
  if (existsSync(installed) && changed(installed) >= changed(`${FOLDER}/package-lock.json`)) return;
  const options = { stdio: "inherit", shell: process.platform === "win32" } as const;
  execFileSync("npm", ["ci", "--prefix", FOLDER, "--no-audit", "--no-fund"], options);
}
