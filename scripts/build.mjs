// Builds what has changed: kernels and their types to build/, the package to dist/.
//
//   node scripts/build.mjs           everything
//   node scripts/build.mjs --test    what tests and the type check read: binaries, types of kernel calls, the workers
//   node scripts/build.mjs --wasm    the same without the workers
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { deflateRawSync } from "node:zlib";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const { values: flags } = parseArgs({ options: { wasm: { type: "boolean" }, test: { type: "boolean" } } });

const RECORD = "build/steps.json";
const record = existsSync(RECORD) ? JSON.parse(readFileSync(RECORD, "utf8")) : {};

/** The files below a folder whose paths match. */
const list = (folder, pattern) =>
  (existsSync(folder) ? readdirSync(folder, { recursive: true }) : [])
    .map((file) => `${folder}/${file.replaceAll("\\", "/")}`)
    .filter((file) => pattern.test(file))
    .sort();

function digest(files, code = "") {
  const hash = createHash("sha256").update(code);
  for (const file of files) hash.update(`${file}\0`).update(existsSync(file) ? readFileSync(file) : "\0");
  return hash.digest("hex");
}

/**
 * Runs a step unless its code, its inputs and its outputs are those of the last time: a file may have been written by hand since.
 * `outputs` lists files, or is a function that lists what is there.
 */
async function step(name, { inputs, outputs, run }) {
  const written = () => (typeof outputs === "function" ? outputs() : outputs);
  const given = digest(inputs, String(run));
  if (record[name]?.inputs === given && record[name].outputs === digest(written())) return;
  const start = performance.now();
  // Names of chunks change with what they hold.
  if (typeof outputs === "function") for (const file of written()) rmSync(file, { force: true });
  delete record[name];
  await run();
  record[name] = { inputs: given, outputs: digest(written()) };
  writeFileSync(RECORD, `${JSON.stringify(record, null, 2)}\n`);
  console.log(`${name}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

/** Runs a script or a tool in a process of its own. */
const node = (...args) =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`node ${args.join(" ")} failed`))));
  });

async function buildKernels() {
  await step("micro-kernels", {
    inputs: ["scripts/generate-tiles.mjs"],
    outputs: ["assembly/tiles.generated.ts"],
    run: () => node("scripts/generate-tiles.mjs"),
  });
  const kernels = ["asconfig.json", "node_modules/assemblyscript/package.json", ...list("assembly", /\.ts$/)];
  await Promise.all(
    ["simd", "relaxed", "checked"].map((target) =>
      step(`${target}.wasm`, {
        inputs: kernels,
        outputs: ["wasm", "js", "d.ts"].map((ending) => `build/${target}.${ending}`),
        run: () => node("node_modules/assemblyscript/bin/asc.js", "--target", target),
      }),
    ),
  );
  await step("types of kernel calls", {
    inputs: ["scripts/kernel-types.mjs", "build/simd.d.ts"],
    outputs: ["build/kernels.d.ts"],
    run: () => node("scripts/kernel-types.mjs"),
  });
  // Deflated before it is inlined as base64, which compresses badly.
  for (const build of ["simd", "relaxed"])
    await step(`${build}.deflate`, {
      inputs: [`build/${build}.wasm`],
      outputs: [`build/${build}.deflate`],
      run: () =>
        writeFileSync(
          `build/${build}.deflate`,
          deflateRawSync(readFileSync(`build/${build}.wasm`), { level: 9 }),
        ),
    });
}

/** Loading bundlers takes longer than finding out that there is nothing to do. */
const bundler = () => import("./bundle.mjs");

/** What the steps of bundle.mjs depend on; the lock file has the versions of the tools. */
const bundling = ["scripts/bundle.mjs", "package-lock.json", "tsconfig.json"];
const sources = [...bundling, ...list("assembly", /abi.*\.ts$/), ...list("src", /\.ts$/)];

async function buildWorkers() {
  await step("thread worker", {
    inputs: sources,
    outputs: ["build/thread-worker.txt"],
    run: async () =>
      (await bundler()).bundleWorker("src/runtime/thread-worker.ts", "build/thread-worker.txt"),
  });
  await step("engine worker", {
    inputs: [...sources, "build/thread-worker.txt"],
    outputs: ["build/engine-worker.txt"],
    run: async () => (await bundler()).bundleWorker("src/worker/engine-worker.ts", "build/engine-worker.txt"),
  });
}

async function buildPackage() {
  for (const folder of ["dist/node", "dist/modules/runtime/hosts"]) mkdirSync(folder, { recursive: true });
  const copies = [
    ["build/simd.wasm", "dist/simd.wasm"],
    ["build/relaxed.wasm", "dist/relaxed.wasm"],
    ["build/thread-worker.txt", "dist/thread-worker.js"],
    ["build/thread-worker.txt", "dist/modules/runtime/hosts/thread-worker.js"],
    ["build/engine-worker.txt", "dist/engine-worker.js"],
    ["node_modules/assemblyscript/LICENSE", "dist/LICENSE-assemblyscript-loader"],
    ["node_modules/fflate/LICENSE", "dist/LICENSE-fflate"],
  ];
  for (const [from, to] of copies)
    await step(to, { inputs: [from], outputs: [to], run: () => copyFileSync(from, to) });
  for (const build of ["simd", "relaxed"])
    await step(`dist/${build}.js`, {
      inputs: ["scripts/bundle.mjs", `build/${build}.deflate`],
      outputs: [`dist/${build}.js`],
      run: async () => (await bundler()).inlineFile(`build/${build}.deflate`, `dist/${build}.js`, "base64"),
    });
  for (const worker of ["thread-worker", "engine-worker"])
    await step(`dist/${worker}-code.js`, {
      inputs: ["scripts/bundle.mjs", `build/${worker}.txt`],
      outputs: [`dist/${worker}-code.js`],
      run: async () => (await bundler()).inlineFile(`build/${worker}.txt`, `dist/${worker}-code.js`, "utf8"),
    });
  const elsewhere = new Set([
    ...copies.map(([, to]) => to),
    ...["simd", "relaxed", "thread-worker-code", "engine-worker-code"].map((name) => `dist/${name}.js`),
  ]);
  const scripts = (pattern) => () => list("dist", pattern).filter((file) => !elsewhere.has(file));
  await step("bundles", {
    inputs: sources,
    outputs: scripts(/^dist\/((?!modules\/).*\.js|LICENSES-cli)$/),
    run: async () => (await bundler()).bundlePackage(),
  });
  await step("modules", {
    inputs: sources,
    outputs: scripts(/^dist\/modules\/.*\.js$/),
    run: async () => (await bundler()).writeModules(),
  });
  await step("declarations", {
    inputs: ["src/tsconfig.json", "build/simd.d.ts", "build/kernels.d.ts", ...sources],
    outputs: scripts(/\.d\.ts$/),
    async run() {
      rmSync("build/types", { recursive: true, force: true });
      await node(
        "node_modules/@typescript/native/bin/tsc",
        "-p",
        "src/tsconfig.json",
        "--outDir",
        "build/types",
      );
      // tsc copies no declarations that it reads.
      mkdirSync("build/types/build");
      for (const types of ["simd.d.ts", "kernels.d.ts"])
        copyFileSync(`build/${types}`, `build/types/build/${types}`);
      await (await bundler()).bundleDeclarations("build/types");
    },
  });
}

try {
  mkdirSync("build", { recursive: true });
  await buildKernels();
  if (!flags.wasm) await buildWorkers();
  if (!flags.wasm && !flags.test) await buildPackage();
} catch (error) {
  console.error(`build: ${error.message}`);
  process.exitCode = 1;
}
