// A program of the packed package in Cloudflare's runtime, bundled as Wrangler does: binaries arrive as modules.
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { Miniflare } from "miniflare";

/** `entry` is esbuild's way to name the program; `data` are files that it imports as bytes, by their paths. */
export async function startWorkerd(
  project: string,
  entry: Pick<BuildOptions, "entryPoints" | "stdin">,
  data: readonly string[] = [],
): Promise<Miniflare> {
  const bundle = await build({
    ...entry,
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    // What wrangler asks for.
    conditions: ["workerd", "worker", "browser"],
    plugins: [
      {
        name: "modules",
        setup({ onResolve }) {
          onResolve({ filter: /\.(wasm|safetensors)$/ }, ({ path }) => ({
            path: `./${basename(path)}`,
            external: true,
          }));
        },
      },
    ],
  });
  const binary = (name: string) => ({
    type: "CompiledWasm" as const,
    path: name,
    contents: readFileSync(join(project, "node_modules/convolith/dist", name)),
  });
  return new Miniflare({
    compatibilityDate: "2025-09-01",
    modules: [
      { type: "ESModule", path: "worker.mjs", contents: bundle.outputFiles![0].text },
      binary("relaxed.wasm"),
      binary("simd.wasm"),
      ...data.map((file) => ({ type: "Data" as const, path: basename(file), contents: readFileSync(file) })),
    ],
  });
}
