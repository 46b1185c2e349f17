// The floor plan of src/ and assembly/: which room may import from which. Type imports count too.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/**
 * A room is a folder of src/ or a file at its root. Arrows point down: nobody imports from a room above.
 * `engine` names WebAssembly and the seam; `io` is read by nobody but the front door.
 */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  index: [
    "io",
    "image",
    "training",
    "create",
    "checkpoint",
    "eager",
    "options",
    "model",
    "network",
    "profile",
    "description",
    "layers",
    "ops",
    "tensor",
    "train",
    "errors",
  ],
  io: ["model", "build", "description", "layers", "ops", "tensor", "errors"],
  image: ["eager", "ops", "tensor", "errors"],
  training: ["learner", "train", "ops"],
  create: ["eager", "engine", "errors"],
  eager: ["methods", "tape", "compiler", "network", "description", "ops", "tensor", "engine", "errors"],
  methods: ["options", "ops", "tensor", "errors"],
  options: ["ops", "tensor", "errors"],
  model: ["compiler", "network", "description", "layers", "errors"],
  compiler: ["network", "description", "engine", "errors"],
  network: [
    "learner",
    "checkpoint",
    "train",
    "inference",
    "build",
    "ports",
    "profile",
    "summary",
    "description",
    "tensor",
    "engine",
    "errors",
  ],
  // Types alone: who trains is given by training.ts.
  learner: ["train", "description", "engine", "errors"],
  checkpoint: ["safetensors", "description", "tensor", "errors"],
  train: ["inference", "build", "description", "ops", "tensor", "engine", "errors"],
  inference: ["build", "ports", "profile", "summary", "description", "ops", "tensor", "engine", "errors"],
  build: ["description", "layers", "ops", "tensor", "errors"],
  ports: ["ops", "tensor", "engine", "errors"],
  profile: ["summary", "table"],
  summary: ["table", "tensor"],
  table: [],
  description: ["errors"],
  layers: ["ops", "tensor", "errors"],
  tape: ["ops", "tensor", "engine", "errors"],
  ops: ["tensor", "engine", "errors"],
  tensor: ["engine", "errors"],
  engine: ["errors"],
  safetensors: ["errors"],
  errors: [],
};

/** What may be imported from outside src/, and by which file alone. */
const OUTSIDE: readonly (readonly [from: RegExp, by: RegExp])[] = [
  [/^assembly\/abi\.ts$/, /^src\/engine\/wasm\.ts$/],
  [/^build\/\w+\.js$/, /^src\/engine\/wasm\.ts$/],
  [/^@assemblyscript\/loader$/, /^src\/engine\/wasm\.ts$/],
  // The binaries themselves, and what picks one of the files that hold them.
  [/\.(wasm|deflate)$/, /^src\/engine\/host\.\w+\.ts$/],
  [/^#host$/, /^src\/create\.ts$/],
];

const BINARY = /\.(wasm|deflate)$/;

const root = new URL("../", import.meta.url);

function filesOf(folder: string): string[] {
  return (readdirSync(new URL(folder, root), { recursive: true }) as string[])
    .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"));
}

const read = (file: string): string => readFileSync(new URL(file, root), "utf8");

/** Code without its comments. Strings that hold // or /* would fool it; imports have none. */
const code = (file: string): string =>
  read(file)
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/(^|[^:"'`])\/\/.*$/gm, "$1");

/** What a file imports or re-exports, as it writes it: statements, `import()`, `import("...")` in types. */
function importsOf(source: string): string[] {
  const statements = source.matchAll(
    /(?:^|[\n;])\s*(?:import|export)\s(?:[^"';]*?\sfrom\s*)?["']([^"']+)["']/g,
  );
  const calls = source.matchAll(/\bimport\s*\(\s*["']([^"']+)["']\s*\)/g);
  return [...statements, ...calls].map(([, from]) => from);
}

/** A relative import as a path from the project's root; others as they are. */
function resolve(file: string, from: string): string {
  return from.startsWith(".") ? new URL(from, new URL(file, root)).href.slice(root.href.length) : from;
}

const roomOf = (path: string): string | undefined => /^src\/(\w+)(?:\.ts$|\/)/.exec(path)?.[1];

const sources = filesOf("src");
const imports = sources.flatMap((file) =>
  importsOf(code(file)).map((from) => ({ file, to: resolve(file, from) })),
);

describe("the parser of this test", () => {
  it("finds every form of import", () => {
    const source = [
      'import a from "a";',
      'import type { B } from "./b.ts"',
      "import {\n  c,\n  type C,\n} from './c.ts';",
      'export * from "d"; export { e } from "./e.ts";',
      'import "f";',
      'const g = await import("g");',
      'type H = import("./h.ts").H;',
      'export const text = "from";',
      'const other = "import";',
    ].join("\n");
    expect(importsOf(source).sort()).toEqual(["./b.ts", "./c.ts", "./e.ts", "./h.ts", "a", "d", "f", "g"]);
  });

  it("finds files and imports", () => {
    expect(sources).toContain("src/engine/wasm.ts");
    expect(imports).toContainEqual({ file: "src/tensor.ts", to: "src/engine/program.ts" });
    expect(imports).toContainEqual({ file: "src/ops/conv.ts", to: "src/ops/window.ts" });
    expect(imports.length).toBeGreaterThan(100);
  });
});

describe("imports", () => {
  it("go down: the table of rooms has no way back up", () => {
    const order = Object.keys(ROOMS);
    for (const [room, allowed] of Object.entries(ROOMS))
      for (const to of allowed)
        expect(order.indexOf(to), `${room} → ${to}`).toBeGreaterThan(order.indexOf(room));
  });

  it("stay within what their room may read", () => {
    const wrong = imports.filter(({ file, to }) => {
      const [from, into] = [roomOf(file)!, roomOf(to)];
      return into !== undefined && !BINARY.test(to) && from !== into && !ROOMS[from]?.includes(into);
    });
    expect(wrong.map(({ file, to }) => `${file} → ${to}`)).toEqual([]);
  });

  it("know every room", () => {
    expect([...new Set(sources.map(roomOf))].filter((room) => !room || !(room in ROOMS))).toEqual([]);
  });

  it("lead out of src through one door each, and never into Node's modules", () => {
    const wrong = imports.filter(
      ({ file, to }) =>
        (roomOf(to) === undefined || BINARY.test(to)) &&
        !OUTSIDE.some(([from, by]) => from.test(to) && by.test(file)),
    );
    expect(wrong.map(({ file, to }) => `${file} → ${to}`)).toEqual([]);
  });

  it("inside src name files that exist, with their ending", () => {
    const wrong = imports.filter(
      ({ to }) => to.startsWith("src/") && !BINARY.test(to) && !sources.includes(to),
    );
    expect(wrong.map(({ file, to }) => `${file} → ${to}`)).toEqual([]);
  });

  it("of file formats are nobody's but the front door's", () => {
    const readers = imports
      .filter(({ file, to }) => roomOf(to) === "io" && roomOf(file) !== "io")
      .map(({ file }) => file);
    expect(readers.filter((file) => file !== "src/index.ts")).toEqual([]);
  });

  it("of kernels stay in assembly/", () => {
    const wrong = filesOf("assembly").flatMap((file) =>
      importsOf(code(file))
        .filter((from) => !/^\.\/[\w-]+$/.test(from))
        .map((from) => `${file} → ${from}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe("WebAssembly", () => {
  it("is a word of src/engine alone", () => {
    const speakers = sources.filter((file) =>
      /\bWebAssembly\b/.test(code(file).replace(/(["'`])(?:\\.|(?!\1).)*\1/g, "")),
    );
    expect(speakers.filter((file) => roomOf(file) !== "engine")).toEqual([]);
    expect(speakers).toContain("src/engine/wasm.ts");
  });
});
