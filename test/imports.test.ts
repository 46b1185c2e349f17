// The architecture of src/ and assembly/, held against the real module graph: which room may import from which, no circles, who
// alone sees binaries and WebAssembly, how long a file may be. Type imports count.
import { readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { cruise, type ICruiseResult, type IRegularForbiddenRuleType as Rule } from "dependency-cruiser";
import ts from "typescript";
import { beforeAll, describe, expect, it } from "vitest";

/** What a room (a folder of src/, or a file at its root) may import from, besides itself. No room leads back up the list. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  // The command line: a program of its own, which nothing imports.
  cli: ["index", "image", "formats", "errors"],
  index: [
    "image",
    "worker",
    "engine",
    "training",
    "network",
    "eager",
    "formats",
    "model",
    "layers",
    "ops",
    "tensor",
    "errors",
  ],
  image: ["engine", "tensor", "runtime", "validate", "errors"],
  nets: ["formats", "model", "layers", "validate", "errors"],
  worker: ["engine", "training", "network", "formats", "model", "tensor", "runtime", "validate", "errors"],
  engine: ["network", "eager", "model", "layers", "ops", "tensor", "runtime", "validate", "errors"],
  training: [
    "network",
    "eager",
    "formats",
    "passes",
    "model",
    "ops",
    "graph",
    "tensor",
    "runtime",
    "validate",
    "errors",
  ],
  network: [
    "eager",
    "formats",
    "passes",
    "model",
    "layers",
    "ops",
    "graph",
    "tensor",
    "runtime",
    "validate",
    "errors",
  ],
  eager: ["passes", "layers", "ops", "graph", "tensor", "runtime", "validate", "errors"],
  formats: ["model", "layers", "ops", "graph", "tensor", "validate", "errors"],
  passes: ["ops", "graph", "tensor", "runtime", "errors"],
  model: ["layers", "ops", "graph", "tensor", "validate", "errors"],
  layers: ["ops", "graph", "tensor", "validate", "errors"],
  ops: ["graph", "tensor", "runtime", "validate", "errors"],
  graph: ["tensor", "runtime", "errors"],
  tensor: ["runtime", "validate", "errors"],
  runtime: ["errors"],
  validate: ["errors"],
  errors: [],
};

/** A room's files, as a pattern. */
const room = (name: string): string => `^src/${name}(/|\\.ts$)`;

/** As dependency-cruiser names them: without "node:". */
const NODE_MODULES = `^(node:)?(${builtinModules.join("|")})$`;

/** What may be imported from outside src/, and by whom alone. */
const DOORS: readonly (readonly [what: string, to: string, by: string])[] = [
  ["numbers shared with kernels", "^assembly/abi(-imported|-math)?\\.ts$", "^src/runtime/wasm\\.ts$"],
  ["types of kernels", "^build/(simd\\.(js|d\\.ts)|kernels\\.d\\.ts)$", "^src/runtime/wasm\\.ts$"],
  ["the loader", "@assemblyscript/loader", "^src/runtime/wasm\\.ts$"],
  ["binaries", "\\.(wasm(\\?module)?|deflate)$", "^src/runtime/hosts/"],
  ["code of workers", "^build/[a-z-]+\\.txt$", "^src/(runtime/hosts|worker)/"],
  ["what inflates binaries", "/fflate/", "^src/runtime/hosts/"],
  ["Node's modules", NODE_MODULES, "^src/(cli/|runtime/hosts/builtin-node\\.ts$)"],
  ["decoders of pictures", "/(fast-png|jpeg-js)/", "^src/cli/"],
  ["the progress bar", "/cli-progress/", "^src/cli/progress"],
];

const RULES: readonly Rule[] = [
  { name: "no circles", from: {}, to: { circular: true } },
  ...Object.entries(ROOMS).map(([name, allowed]) => ({
    name: `${name} imports from ${allowed.join(", ") || "no room"} alone`,
    from: { path: room(name) },
    to: { path: "^src/", pathNot: [name, ...allowed].map(room) },
  })),
  ...DOORS.map(([what, to, by]) => ({
    name: `${what}: for ${by} alone`,
    from: { path: "^src/", pathNot: by },
    to: { path: to },
  })),
  {
    name: "nothing else from outside src",
    from: { path: "^src/" },
    to: { pathNot: ["^src/", ...DOORS.map(([, to]) => to)] },
  },
  { name: "kernels stay in assembly", from: { path: "^assembly/" }, to: { pathNot: "^assembly/" } },
  {
    name: "imports name files that exist",
    from: {},
    to: { couldNotResolve: true, pathNot: "\\.wasm(\\?module)?$" }, // beside the file only once they are packed
  },
];

const root = new URL("../", import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, root), "utf8");
const filesOf = (folder: string, pattern: RegExp): string[] =>
  (readdirSync(new URL(folder, root), { recursive: true }) as string[])
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .filter((name) => pattern.test(name) && !/node_modules|\/out\/|\.generated\./.test(name));

let graph: ICruiseResult;

beforeAll(async () => {
  const { output } = await cruise(["src", "assembly"], {
    baseDir: new URL(".", root).pathname,
    // Before compiling: type imports are gone afterwards.
    tsPreCompilationDeps: true,
    doNotFollow: { path: ["node_modules", "^build/"] },
    enhancedResolveOptions: {
      extensions: [".ts", ".d.ts", ".js"],
      conditionNames: ["import"],
      exportsFields: ["exports"],
    },
    validate: true,
    ruleSet: { forbidden: RULES.map((rule) => ({ severity: "error", ...rule })) },
  });
  graph = output as ICruiseResult;
}, 120_000);

describe("the module graph", () => {
  it("is complete: every file, and every form of import", () => {
    const sources = new Set(graph.modules.map(({ source }) => source));
    const files = [...filesOf("src", /\.ts$/), ...filesOf("assembly", /\.ts$/)];
    expect(files.filter((file) => !sources.has(file))).toEqual([]);
    const arrow = (from: string, to: string) =>
      graph.modules
        .find(({ source }) => source === from)
        ?.dependencies.find(({ resolved }) => resolved === to)
        ?.dependencyTypes.join(" ");
    expect(arrow("src/engine/open.ts", "src/runtime/instance.ts")).toMatch(/\bimport$/);
    expect(arrow("src/engine/open.ts", "src/runtime/thread-pool.ts")).toContain("dynamic-import");
    expect(arrow("src/runtime/wasm.ts", "build/kernels.d.ts")).toContain("type-only");
    expect(arrow("src/index.ts", "src/layers/index.ts")).toContain("export");
    expect(arrow("assembly/gemm.ts", "assembly/simd.ts")).toContain("import");
  });

  it("knows every room, and the table of rooms has no way back up", () => {
    const rooms = filesOf("src", /\.ts$/).map((file) => /^src\/(\w+)(?:\.ts$|\/)/.exec(file)?.[1] ?? file);
    expect([...new Set(rooms)].filter((name) => !(name in ROOMS))).toEqual([]);
    const order = Object.keys(ROOMS);
    for (const [name, allowed] of Object.entries(ROOMS))
      for (const to of allowed)
        expect(order.indexOf(to), `${name} → ${to}`).toBeGreaterThan(order.indexOf(name));
  });

  it.each(RULES.map(({ name }) => name!))("%s", (name) => {
    const wrong = graph.summary.violations
      .filter(({ rule }) => rule.name === name)
      .map(({ from, to, cycle }) => (cycle ? cycle.map((step) => step.name).join(" → ") : `${from} → ${to}`));
    expect(wrong).toEqual([]);
  });
});

describe("files", () => {
  it("beside the rooms are the four of the front door", () => {
    const files = readdirSync(new URL("src", root), { withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const expected = ["README.md", "errors.ts", "index.ts", "tensor.ts", "tsconfig.json", "validate.ts"];
    expect(files.map(({ name }) => name).sort()).toEqual(expected);
  });

  it("have 400 lines at most", () => {
    const long = (folders: readonly string[]) =>
      folders
        .flatMap((folder) => filesOf(folder, /\.(ts|mjs)$/))
        .map((file) => ({ file, lines: read(file).split("\n").length - 1 }))
        .filter(({ lines }) => lines > 400);
    const tests = long(["test"]);
    if (tests.length)
      console.log(`tests above 400 lines: ${tests.map(({ file, lines }) => `${file} ${lines}`).join(", ")}`);
    expect(long(["src", "assembly", "bench", "scripts"])).toEqual([]);
  });
});

describe("WebAssembly", () => {
  it("is a word of src/runtime alone", () => {
    const names = (node: ts.Node): boolean =>
      (ts.isIdentifier(node) && node.text === "WebAssembly") || (ts.forEachChild(node, names) ?? false);
    const speakers = filesOf("src", /\.ts$/).filter((file) =>
      names(ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest)),
    );
    expect(speakers.filter((file) => !file.startsWith("src/runtime/"))).toEqual([]);
    expect(speakers).toContain("src/runtime/wasm.ts");
  });
});
