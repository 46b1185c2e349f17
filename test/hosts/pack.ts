// The package packed as for publishing, and installed as a stranger installs it.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const npm = (folder: string, ...args: string[]): string =>
  execFileSync("npm", args, {
    cwd: folder,
    encoding: "utf8",
    shell: process.platform === "win32",
    stdio: "pipe",
  });

/** Packs the package of `root` into a folder and returns the tarball. Runs the build first, as publishing does: `prepack`. */
export function pack(root: string, folder: string): string {
  const packed = npm(root, "pack", "--json", "--pack-destination", folder);
  return join(folder, /"filename": "([^"]+)"/.exec(packed)![1]);
}

/** A project in a folder, with packages and the programs of test/hosts/programs. */
export function install(root: string, folder: string, packages: readonly string[], type = "module"): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type, private: true }));
  npm(folder, "install", "--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline", ...packages);
  cpSync(join(root, "test/hosts/programs"), folder, { recursive: true });
}
