// Three bundlers, as people set them up who change no default that matters.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { build, transform } from "esbuild";
import { rollup } from "rollup";
import webpack from "webpack";

export interface Bundle {
  /** The file to run. */
  readonly entry: string;
  /** Minified code that is loaded at once: binaries and threads are in chunks of their own, loaded when they are asked for. */
  readonly loaded: readonly string[];
}

/** Bundles a program into a folder, which is empty. */
export type Bundler = (program: string, folder: string) => Promise<Bundle>;

async function esbuild(program: string, folder: string): Promise<Bundle> {
  const { metafile, outputFiles } = await build({
    entryPoints: [program],
    outdir: folder,
    absWorkingDir: folder,
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    minify: true,
    metafile: true,
    write: false,
    external: ["node:*"],
  });
  for (const { path, contents } of outputFiles) writeFileSync(path, contents);
  const [entry, output] = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint)!;
  const files = [entry];
  const follow = ({ imports }: typeof output): void => {
    for (const { path, kind } of imports)
      if (kind === "import-statement" && !files.includes(path)) {
        files.push(path);
        follow(metafile.outputs[path]);
      }
  };
  follow(output);
  const text = (file: string): string => outputFiles.find(({ path }) => path === join(folder, file))!.text;
  return { entry: join(folder, entry), loaded: files.map(text) };
}

async function rollupWithNodeResolve(program: string, folder: string): Promise<Bundle> {
  const bundle = await rollup({
    input: program,
    plugins: [
      nodeResolve(),
      {
        name: "minify",
        renderChunk: async (code) =>
          (await transform(code, { minify: true, format: "esm", target: "es2022" })).code,
      },
    ],
    external: /^node:/,
    onwarn(warning) {
      throw new Error(warning.message);
    },
  });
  const { output } = await bundle.write({ dir: folder, format: "es" });
  await bundle.close();
  const chunks = output.filter((file) => file.type === "chunk");
  const files = [chunks[0]];
  for (const { imports } of files)
    for (const name of imports) {
      const chunk = chunks.find(({ fileName }) => fileName === name);
      if (chunk && !files.includes(chunk)) files.push(chunk);
    }
  return { entry: join(folder, chunks[0].fileName), loaded: files.map(({ code }) => code) };
}

async function webpackForTheWeb(program: string, folder: string): Promise<Bundle> {
  const stats = await new Promise<webpack.Stats>((resolve, reject) => {
    webpack(
      {
        mode: "production",
        entry: { main: program },
        target: ["web", "es2022"],
        experiments: { outputModule: true },
        output: { path: folder, module: true, library: { type: "module" } },
        externals: /^node:/,
        performance: { hints: false },
      },
      (error, result) => (result ? resolve(result) : reject(error)),
    );
  });
  if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());
  const files = stats.compilation.entrypoints
    .get("main")!
    .getFiles()
    .map((name) => join(folder, name));
  return { entry: files.at(-1)!, loaded: files.map((file) => readFileSync(file, "utf8")) };
}

export const bundlers: Readonly<Record<string, Bundler>> = {
  esbuild,
  "rollup with node-resolve": rollupWithNodeResolve,
  webpack: webpackForTheWeb,
};

/** An empty folder inside the project, in which Node takes scripts for modules. */
export function emptyFolder(project: string): string {
  const folder = join(project, `bundle-${readdirSync(project).length}-${process.pid}`);
  mkdirSync(folder);
  return folder;
}
