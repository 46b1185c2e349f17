// Bundlers as people set them up who change nothing: an entry, a folder for what is written, and a page in it.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { type BuildOptions, build } from "esbuild";
import { rollup } from "rollup";
import webpack from "webpack";
import { page } from "../pages/page.ts";
import { runTool } from "../pages/tool.ts";
import { tools } from "./project.ts";

export interface PageBundler {
  readonly name: string;
  readonly core?: boolean;
  /** The file of its output that Node can run, too. */
  readonly forNode?: string;
  /** What it writes is for Node alone. */
  readonly noPage?: boolean;
  /** Bundles main.js, or index.html, which loads it, in a folder below the project; returns the folder it wrote. */
  bundle(folder: string): Promise<{ folder: string; version: string }>;
}

export const versionOf = (name: string, folder: string): string =>
  JSON.parse(readFileSync(join(folder, "node_modules", name, "package.json"), "utf8")).version;

/** A bundler that the repository has itself. */
const ownVersion = (name: string): string =>
  JSON.parse(readFileSync(createRequire(import.meta.url).resolve(`${name}/package.json`), "utf8")).version;

/** esbuild's command line with `--bundle --minify --format=...`. */
function esbuild(name: string, options: BuildOptions, more: Partial<PageBundler> = {}): PageBundler {
  return {
    name: `esbuild, ${name}`,
    ...more,
    async bundle(folder) {
      const out = join(folder, "out");
      const entryPoints = [join(folder, "main.js")];
      const common = {
        bundle: true,
        minify: true,
        absWorkingDir: folder,
        outdir: out,
        logLevel: "silent",
      } as const;
      await build({ ...common, entryPoints, ...options });
      writeFileSync(join(out, "index.html"), page("main.js", options.format === "esm" ? undefined : ""));
      return { folder: out, version: ownVersion("esbuild") };
    },
  };
}

const rollupAlone: PageBundler = {
  name: "rollup",
  core: true,
  forNode: "main.js",
  async bundle(folder) {
    const out = join(folder, "out");
    const bundle = await rollup({
      input: join(folder, "main.js"),
      plugins: [nodeResolve()],
      onwarn(warning) {
        throw new Error(warning.message);
      },
    });
    await bundle.write({ dir: out, format: "es", compact: true });
    await bundle.close();
    writeFileSync(join(out, "index.html"), page("main.js"));
    return { folder: out, version: ownVersion("rollup") };
  },
};

/** webpack, and rspack, which has its interface. */
async function pack(compile: typeof webpack, folder: string): Promise<string> {
  const path = join(folder, "out");
  const stats = await new Promise<webpack.Stats>((resolve, reject) => {
    compile({ mode: "production", context: folder, entry: "./main.js", output: { path } }, (error, result) =>
      result ? resolve(result) : reject(error),
    );
  });
  // A hint that a file is large is a warning, too.
  const warnings = (stats.toJson({ all: false, warnings: true }).warnings ?? []).filter(
    ({ message }) => !/size limit|performance/i.test(message),
  );
  if (stats.hasErrors() || warnings.length)
    throw new Error(
      `${stats.toString({ all: false, errors: true })}${warnings.map(({ message }) => message).join("\n")}`,
    );
  writeFileSync(join(path, "index.html"), page("main.js", ""));
  return path;
}

const webpackAlone: PageBundler = {
  name: "webpack",
  core: true,
  bundle: async (folder) => ({ folder: await pack(webpack, folder), version: ownVersion("webpack") }),
};

const rspack: PageBundler = {
  name: "rspack",
  async bundle(folder) {
    const installed = tools("@rspack/core@1");
    const resolve = createRequire(join(installed, "package.json")).resolve;
    const module = await import(pathToFileURL(resolve("@rspack/core")).href);
    const out = await pack(module.rspack as typeof webpack, folder);
    return { folder: out, version: versionOf("@rspack/core", installed) };
  },
};

export const vite = (major: number): string => tools(`vite@${major}`);
export const viteProgram = (installed: string): string => join(installed, "node_modules/vite/bin/vite.js");

function viteBuild(major: number, core: boolean): PageBundler {
  return {
    name: `Vite ${major}, build`,
    core,
    async bundle(folder) {
      const installed = vite(major);
      writeFileSync(join(folder, "index.html"), page("/main.js"));
      await runTool([viteProgram(installed), "build"], folder);
      return { folder: join(folder, "dist"), version: versionOf("vite", installed) };
    },
  };
}

const parcel: PageBundler = {
  name: "Parcel 2",
  async bundle(folder) {
    const installed = tools("parcel@2");
    writeFileSync(join(folder, "index.html"), page("./main.js"));
    const program = join(installed, "node_modules/parcel/lib/bin.js");
    await runTool([program, "build", "index.html", "--no-cache"], folder);
    return { folder: join(folder, "dist"), version: versionOf("parcel", installed) };
  },
};

export const pageBundlers: readonly PageBundler[] = [
  esbuild("esm with splitting", { format: "esm", splitting: true }, { core: true, forNode: "main.js" }),
  esbuild("iife", { format: "iife" }, { core: true }),
  esbuild(
    "cjs for Node",
    { format: "cjs", platform: "node", outExtension: { ".js": ".cjs" } },
    { forNode: "main.cjs", noPage: true },
  ),
  rollupAlone,
  viteBuild(5, false),
  viteBuild(7, false),
  viteBuild(8, true),
  webpackAlone,
  rspack,
  parcel,
];
