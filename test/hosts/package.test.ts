// The packed package in Node and TypeScript, and as its linters see it.
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { transformSync } from "esbuild";
import { decode } from "fast-png";
import { expect, inject, test } from "vitest";

const project = inject("project");
const dist = join(project, "node_modules/convolith/dist");
const root = fileURLToPath(new URL("../..", import.meta.url));

/** Without npm's settings for the script that runs this: npx would take them for its own. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));

/** What a command prints; where it fails, what it printed is the error. */
function run(command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, { cwd: project, encoding: "utf8", stdio: "pipe", env });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${command} ${args.join(" ")}\n${stdout}${stderr}`);
  }
}

test.each([
  ["5.4", join(project, "node_modules/typescript/bin/tsc")],
  ["7", join(root, "node_modules/@typescript/native/bin/tsc")],
])("TypeScript %s checks a program and every declaration of the package", (_, tsc) => {
  const options =
    "--strict --noEmit --target es2022 --module nodenext --lib es2023,esnext.disposable,dom --types node";
  expect(run(process.execPath, tsc, ...options.split(" "), "use.ts")).toBe("");
});

test("declarations stand alone: they name no file outside dist and declare nothing internal", () => {
  const files = (readdirSync(dist, { recursive: true }) as string[]).filter((name) => name.endsWith(".d.ts"));
  expect(files).toEqual(
    expect.arrayContaining([
      "index.d.ts",
      "image.d.ts",
      "nets.d.ts",
      "formats/tfjs.d.ts",
      "formats/onnx.d.ts",
    ]),
  );
  const declared = files.flatMap((file) => {
    const text = readFileSync(join(dist, file), "utf8");
    for (const [, from] of text.matchAll(/(?:from|import\() ?["'](.*?)["']/g))
      expect(files).toContain(relative(dist, join(dist, file, "..", from.replace(/\.js$/, ".d.ts"))));
    return [...text.matchAll(/^(?:export )?(?:declare )?(?:class|interface|type) (\w+)/gm)].map(
      ([, name]) => name,
    );
  });
  expect(declared).toContain("Network");
  const internal = [
    "Runtime",
    "Program",
    "Address",
    "Storage",
    "Emitter",
    "KernelArguments",
    "Source",
    "Target",
    "Graph",
    "Edge",
    "Op",
  ];
  expect(declared.filter((name) => internal.includes(name))).toEqual([]);
});

test.each(["this Node", "22", "24"])("runs on Node: %s", (version) => {
  const { code } = transformSync(readFileSync(join(project, "use.ts"), "utf8"), {
    loader: "ts",
    format: "esm",
  });
  writeFileSync(join(project, "use.mjs"), code);
  const printed =
    version === "this Node"
      ? run(process.execPath, "use.mjs")
      : run("npx", "--yes", `node@${version}`, "use.mjs");
  const { said, build, ...answers } = JSON.parse(printed);
  expect(answers).toEqual({
    predicted: new Array(8).fill(9),
    sum: 10,
    value: 30,
    gradient: [1, 2, 3, 4],
    learns: true,
    onnx: [8, 8], // field 1, the version of the format: 8
    gray: [0, 0, 0, 0, 255, 255, 255, 255],
    edges: [4, 5, 6, 7].reduce(
      (made: number[], i) => made.fill(255, i, i + 1),
      new Array<number>(16).fill(0),
    ),
    floats: 255,
    fromTfjs: "function",
    resnet: { kernel: [1, 7, 2, 8, 3, 9, 4, 10, 5, 11, 6, 12], layers: 68 },
  });
  // Not the name that minifying gave the class; nor, when it is not caught, a screen full of code.
  expect(said).toMatch(/^ShapeError: /);
  expect(said.length).toBeLessThan(2000);
  if (version !== "this Node") expect(build).toBe("relaxed");
});

test("an error that nobody catches is shown with the line that throws, not with a screen full of minified code", () => {
  const program = `
    import { createEngine } from "convolith";
    const engine = await createEngine();
    engine.tensor([1, 2, 3], [2]);`;
  writeFileSync(join(project, "uncaught.mjs"), program);
  const { status, stderr } = spawnSync(process.execPath, ["uncaught.mjs"], {
    cwd: project,
    encoding: "utf8",
    env,
  });
  expect(status).toBe(1);
  const lines = stderr.split("\n");
  expect(lines[0]).toMatch(/node_modules\/convolith\/dist\/node\/.*\.js:\d+$/);
  expect(lines[1]).toMatch(/^ +throw new ShapeError\($|^ +throw new ShapeError\(.*;$/);
  expect(stderr).toMatch(/^ShapeError: /m);
  // The names that functions have in the source.
  expect(stderr).toMatch(/^ +at checkValues \(/m);
  expect(lines.filter((line) => line.length > 200)).toEqual([]);
});

test("the command line runs by npx, and fails with one line and no stack trace", () => {
  const photo = readFileSync(join(root, "examples/astronaut.png"));
  writeFileSync(join(project, "photo.png"), photo);
  expect(run("npx", "convolith", "--version")).toBe(
    `${JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version}\n`,
  );
  run("npx", "convolith", "canny", "photo.png", "--sigma", "1.4", "-o", "edges.png");
  const { width, height, channels, data } = decode(readFileSync(join(project, "edges.png")));
  expect({ width, height, channels }).toEqual({ width: 256, height: 256, channels: 1 });
  const edges = data.filter((v) => v === 255).length;
  expect(edges).toBe(data.length - data.filter((v) => v === 0).length);
  expect(edges / data.length).toBeGreaterThan(0.01);
  expect(edges / data.length).toBeLessThan(0.3);
  // Through JPEG and back.
  run("npx", "convolith", "resize", "photo.png", "--width", "100", "-o", "small.jpg");
  run("npx", "convolith", "gray", "small.jpg", "-o", "small.png");
  expect(decode(readFileSync(join(project, "small.png")))).toMatchObject({ width: 100, height: 100 });

  writeFileSync(join(project, "broken.png"), photo.subarray(0, 1000));
  const fail = (...args: string[]) =>
    spawnSync("npx", ["convolith", ...args], { cwd: project, encoding: "utf8", env });
  const broken = fail("gray", "broken.png", "-o", "out.png");
  expect(broken).toMatchObject({ status: 1, stdout: "" });
  expect(broken.stderr).toMatch(/^convolith: broken\.png: this PNG file cannot be read: .+\n$/);
  expect(fail("blur", "photo.png", "-o", "out.png").status).toBe(2);
  // Whose code the program holds.
  const licenses = readFileSync(join(dist, "LICENSES-cli"), "utf8");
  for (const name of ["fast-png", "fflate", "iobuffer", "jpeg-js", "cli-progress", "string-width"])
    expect(licenses).toMatch(new RegExp(`^${name} `, "m"));
});

test("publint and are-the-types-wrong find nothing", () => {
  const bin = join(root, "node_modules/.bin");
  expect(run(join(bin, "publint"), "run", "--strict", inject("tarball"))).toContain("All good!");
  const notModules = ["simd.wasm", "relaxed.wasm", "engine-worker.js", "thread-worker.js"];
  const options = ["--profile", "esm-only", "--format", "ascii", "--exclude-entrypoints", ...notModules];
  run(join(bin, "attw"), inject("tarball"), ...options);
});

test("the relaxed binary stays below 196 KB; a page without a bundler loads less than 195 KB", () => {
  const bytes = (...files: string[]): Buffer =>
    Buffer.concat(files.map((name) => readFileSync(join(dist, name))));
  expect(bytes("relaxed.wasm").length).toBeLessThanOrEqual(196 * 1024);
  // The front door and what it imports, with all of training, and one binary, inlined.
  const loaded = new Set(["index.js"]);
  for (const file of loaded)
    for (const [, chunk] of bytes(file)
      .toString()
      .matchAll(/(?:from|import)["']\.\/(chunk-\w+\.js)["']/g))
      loaded.add(chunk);
  const wire = gzipSync(bytes("relaxed.js", ...loaded), { level: 9 }).length;
  console.log(`over the wire without a bundler: ${(wire / 1024).toFixed(1)} KB gzipped`);
  expect(wire).toBeLessThanOrEqual(195 * 1024);
});
