// How the package in dist/ is laid out. Its code is there three times:
//
//   index.js, formats/*.js, chunk-*.js   minified bundles, for pages without a bundler: few files, quick to load
//   node/**                              the same, not minified, for Node, Deno and Bun, which show the code that throws;
//                                        node/cli.js is the command line, with the decoders of picture files and the progress bar it needs
//   modules/**                           a module per source file, for bundlers: they drop whole modules that are not used, and
//                                        minify what is left
//
// Conditions under `exports` choose. All load simd.js or relaxed.js, which hold a binary each, and for workers
// thread-worker-code.js or engine-worker-code.js.
// Declarations: one file per entry.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { build, transform } from "esbuild";
import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";

const ENTRIES = {
  index: "src/index.ts",
  image: "src/image/index.ts",
  nets: "src/nets/index.ts",
  "formats/tfjs": "src/formats/tfjs/index.ts",
  "formats/onnx": "src/formats/onnx/index.ts",
  worker: "src/worker/index.ts",
};
const TARGET = "es2022";
const BUNDLED = { bundle: true, format: "esm", target: TARGET };
/** Lines short enough to be shown; the names of errors are strings, see src/errors.ts. */
const MINIFIED = { ...BUNDLED, minify: true, lineLimit: 400 };
/** Lines as long as a terminal shows them, long messages included. */
const READABLE = { ...BUNDLED, lineLimit: 120 };

/** The file in dist/ that stands for an import of what is built: build/simd.deflate is simd.js, build/thread-worker.txt thread-worker-code.js. */
function carriedFile(path) {
  const [, name, ending] = CARRIED.exec(path);
  if (ending === "deflate") return `${name}.js`;
  return ending === "txt" ? `${name}-code.js` : `${name}.${ending}`;
}

/** Binaries, and the code of workers. */
const CARRIED = /([\w-]+)\.(deflate|txt|wasm|wasm\?module)$/;

/**
 * The loader makes a TextDecoder when it is loaded. Jest's jsdom has none, and bundlers keep it in programs that load no binary. Where
 * its decoder fails, the loader reads strings without.
 */
function withoutDecoder(code, file) {
  const [decoder] = /^const utf16 = new TextDecoder\(.*?\);/m.exec(code) ?? [];
  if (!decoder) throw new Error(`${file} has changed`);
  return code.replace(decoder, "const utf16 = undefined;");
}

const LOADER = /@assemblyscript\/loader\/index\.js$/;

const loader = {
  name: "loader",
  setup({ onLoad }) {
    onLoad({ filter: LOADER }, ({ path }) => ({
      contents: withoutDecoder(readFileSync(path, "utf8"), path),
    }));
  },
};

/** A worker in one piece, which runs from a file, from a blob and in Node from its text. One with an engine has a host of its own. */
export async function bundleWorker(entry, outfile) {
  const host = resolve("src/runtime/hosts/engine-worker.ts");
  await build({
    ...MINIFIED,
    format: "iife",
    entryPoints: [entry],
    outfile,
    loader: { ".txt": "text" },
    plugins: [
      loader,
      {
        name: "host",
        setup: ({ onResolve }) => onResolve({ filter: /\/hosts\/default\.ts$/ }, () => ({ path: host })),
      },
    ],
  });
}

/** Bundles of every entry, with binaries and the code of workers left in dist/. */
async function bundleEntries(outdir, dist, options, { more = {}, plugins = [] } = {}) {
  return await build({
    ...options,
    entryPoints: { ...ENTRIES, ...more },
    metafile: true,
    splitting: true,
    outdir,
    chunkNames: "chunk-[hash]",
    plugins: [
      {
        name: "carried",
        setup({ onResolve }) {
          onResolve({ filter: CARRIED }, ({ path }) => ({
            path: dist + carriedFile(path),
            external: true,
          }));
        },
      },
      loader,
      ...plugins,
    ],
  });
}

/** Bundles for Node import its modules instead of asking whether they run in Node. */
const imported = {
  name: "imported",
  setup({ onResolve }) {
    onResolve({ filter: /\/builtin\.ts$/ }, () => ({ path: resolve("src/runtime/hosts/builtin-node.ts") }));
  },
};

/** Node's modules that the progress bar, in CommonJS, requires: a bundle of modules imports them, and hands on what they export. */
const required = {
  name: "required",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(events|readline)$/ }, ({ path }) => ({ path, namespace: "required" }));
    onLoad({ filter: /./, namespace: "required" }, ({ path }) => ({
      contents: `module.exports = require("imported:${path}").default;`,
    }));
    onResolve({ filter: /^imported:/ }, ({ path }) => ({ path: path.slice(9), namespace: "imported" }));
    onLoad({ filter: /./, namespace: "imported" }, ({ path }) => ({
      contents: `export { default } from "node:${path}";`,
    }));
  },
};

export async function bundlePackage() {
  await bundleEntries("dist", "./", MINIFIED);
  const { metafile } = await bundleEntries(
    "dist/node",
    "../",
    { ...READABLE, external: ["node:*"] },
    { more: { cli: "src/cli/main.ts" }, plugins: [imported, required] },
  );
  writeFileSync("dist/LICENSES-cli", licenses(Object.keys(metafile.inputs)));
}

/** The licenses of the packages that a bundle holds. */
function licenses(inputs) {
  const packages = inputs.flatMap((file) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  return [...new Set(packages)]
    .filter((folder) => !folder.endsWith("@assemblyscript/loader")) // its license is there for every bundle
    .sort()
    .map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
      const file = readdirSync(folder).find((file) => /^licen[cs]e(-\w+)?(\.|$)/i.test(file));
      if (!file) throw new Error(`${name} has no license file`);
      return `${name} ${version} (${license})\n\n${readFileSync(`${folder}/${file}`, "utf8").trim()}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}

/** A module whose default export is the content of a file, as text or in base64. */
export function inlineFile(file, outfile, encoding) {
  writeFileSync(outfile, `export default ${JSON.stringify(readFileSync(file, encoding))};\n`);
}

/**
 * Where compiling bytes is forbidden another host takes the place of the default one. The modules on the way from the entry to it
 * exist once more for each such host, whose name is at the end of theirs.
 */
const HOSTS = ["workerd", "edge-light"];
const FOR_A_HOST = new RegExp(`\\.(${HOSTS.join("|")})$`);
const WITH_A_HOST = ["src/index.ts", "src/image/index.ts", "src/worker/index.ts"];
const ON_THE_WAY = [
  ...WITH_A_HOST,
  "src/image/engine.ts",
  "src/worker/create.ts",
  "src/engine/create.ts",
  "src/engine/open.ts",
  "src/engine/source.ts",
].map((file) => resolve(file));
/** What workers would run where there are none. */
const NO_CODE = resolve("src/no-code.ts");

/** The way to dist/ from where a source file's module lies, whatever Rollup would make of it. */
const fromModules = (importer) => "../".repeat(moduleFile(importer).split("/").length);

const hosts = {
  name: "hosts",
  resolveId(source, importer) {
    const host = FOR_A_HOST.exec(importer ?? "")?.[1];
    if (host && source.endsWith(".txt")) return NO_CODE;
    if (CARRIED.test(source))
      return { id: fromModules(importer) + carriedFile(source), external: "absolute" };
    if (FOR_A_HOST.test(source)) return source;
    if (!host || !source.startsWith(".")) return null;
    const id = resolve(dirname(importer), source);
    if (id === resolve("src/runtime/hosts/default.ts")) return resolve(`src/runtime/hosts/${host}.ts`);
    return ON_THE_WAY.includes(id) ? `${id}.${host}` : id;
  },
  load(id) {
    if (id === NO_CODE) return 'export default "";';
    return FOR_A_HOST.test(id) ? readFileSync(id.replace(FOR_A_HOST, ""), "utf8") : null;
  },
};

/** esbuild would bundle without Rollup, but writes `var` for `const`: bundlers inline the numbers of a `const` alone. */
const typescript = {
  name: "typescript",
  async transform(code, id) {
    if (LOADER.test(id)) return withoutDecoder(code, id);
    if (!/\.ts(\.[\w-]+)?$/.test(id)) return null;
    return (await transform(code, { loader: "ts", format: "esm", target: TARGET, tsconfigRaw: {} })).code;
  },
};

/** src/ops/conv.ts is modules/ops/conv.js; what comes from elsewhere lies beside it by its name. */
function moduleFile(id) {
  const inside = relative(resolve("src"), id);
  if (!inside.startsWith("..")) return inside.replace(/\.ts(\.[\w-]+)?$/, "$1.js");
  for (const numbers of ["abi", "abi-imported", "abi-math"])
    if (id === resolve(`assembly/${numbers}.ts`)) return `${numbers}.js`;
  if (id.includes("@assemblyscript/loader")) return "assemblyscript-loader.js";
  if (id.includes("node_modules/fflate/")) return "fflate.js";
  throw new Error(`the package would hold ${id}`);
}

export async function writeModules() {
  const bundle = await rollup({
    input: [
      ...Object.values(ENTRIES),
      ...HOSTS.flatMap((host) => WITH_A_HOST.map((file) => `${resolve(file)}.${host}`)),
    ],
    plugins: [hosts, typescript, nodeResolve()],
    treeshake: { moduleSideEffects: false },
    onwarn(warning) {
      throw new Error(warning.message);
    },
  });
  await bundle.write({
    dir: "dist/modules",
    format: "es",
    preserveModules: true,
    entryFileNames: ({ facadeModuleId }) => moduleFile(facadeModuleId),
  });
  await bundle.close();
}

/**
 * What declarations name of hosts, as far as the package uses it. A project that has not told its compiler about DOM or Node then has
 * all it needs, and what hosts give is of these types, too. They are seen in the file alone.
 */
const HOST_TYPES = {
  AbortSignal:
    "interface AbortSignal { readonly aborted: boolean; readonly reason: any; throwIfAborted(): void }",
  BufferSource: "type BufferSource = ArrayBuffer | ArrayBufferView;",
  Response:
    "interface Response { readonly ok: boolean; readonly status: number; readonly url: string; arrayBuffer(): Promise<ArrayBuffer> }",
  URL: "interface URL { readonly href: string }",
  WebAssembly: "declare namespace WebAssembly { interface Module {} }",
};

const hostTypes = {
  name: "host types",
  renderChunk(code) {
    const text = code.replace(/\/\*.*?\*\//gs, "");
    const names = Object.keys(HOST_TYPES).filter((name) => new RegExp(`\\b${name}\\b`).test(text));
    const disposable = /Symbol\.(asyncDispose|dispose)/.test(text);
    const lines = [
      ...(disposable ? ['/// <reference lib="esnext.disposable" />'] : []),
      ...names.map((name) => HOST_TYPES[name]),
    ];
    return [...lines, code].join("\n");
  },
};

/** From the declarations that tsc wrote: one file per entry, and those that entries share. */
export async function bundleDeclarations(folder) {
  const input = Object.entries(ENTRIES).map(([name, file]) => [
    name,
    `${folder}/${file.replace(/\.ts$/, ".d.ts")}`,
  ]);
  const bundle = await rollup({
    input: Object.fromEntries(input),
    plugins: [dts(), hostTypes],
    onwarn({ message }) {
      // What of these a caller's own declarations have to name is exported: types.ts of the hosts' tests sees to it.
      if (!message.includes("no public re-export")) throw new Error(message);
    },
  });
  await bundle.write({
    dir: "dist",
    format: "es",
    entryFileNames: "[name].d.ts",
    chunkFileNames: ({ name }) => `shared/${name.replace(/\.d$/, "")}.d.ts`,
  });
  await bundle.close();
}
