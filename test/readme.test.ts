// README.md and docs/: code blocks are type-checked and run against the built package, as a reader would; links, commands and figures
// are held to what they refer to.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { transform } from "esbuild";
import { beforeAll, describe, expect, it } from "vitest";
import { type CodeBlock, codeBlocks, tableBelow } from "./markdown.ts";

const root = new URL("../", import.meta.url);
const out = new URL("build/readme/", root);
const run = promisify(execFile);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");

const docs = readdirSync(new URL("docs/", root))
  .filter((name) => name.endsWith(".md"))
  .map((name) => `docs/${name}`);
const pages = ["README.md", ...docs];
const blocks = pages.flatMap((page) => codeBlocks(page, read(page)));
const nameOf = ({ page, line }: CodeBlock): string => `${page.replace(/\W/g, "-")}-${line}`;
const sourceOf = ({ before, code }: CodeBlock): string => `${before}\n${code}\nexport {};\n`;

describe("code in README.md and docs/", () => {
  beforeAll(async () => {
    rmSync(out, { recursive: true, force: true });
    // Skips what has not changed.
    await run(process.execPath, ["scripts/build.mjs"], { cwd: root });
  }, 600_000);

  it("is there, and the first block runs as pasted", () => {
    expect(blocks.length).toBeGreaterThan(10);
    const [first] = blocks;
    expect([first.page, first.before, first.notRun]).toEqual(["README.md", "", undefined]);
  });

  it("passes the type checker", async () => {
    const folder = new URL("types/", out);
    mkdirSync(folder, { recursive: true });
    for (const block of blocks)
      writeFileSync(new URL(`${nameOf(block)}.${block.language}`, folder), sourceOf(block));
    const compilerOptions = {
      ...{ strict: true, noEmit: true, target: "es2022", module: "esnext", moduleResolution: "bundler" },
      // JavaScript has no types to give to parameters.
      ...{ allowJs: true, checkJs: true, noImplicitAny: false },
      ...{ lib: ["es2023", "esnext.disposable", "dom", "dom.iterable"], types: ["node"], skipLibCheck: true },
    };
    const config = new URL("tsconfig.json", folder);
    writeFileSync(config, JSON.stringify({ compilerOptions, include: ["."] }));
    const { stdout } = await run("npx", ["--no-install", "tsc", "-p", config.pathname], { cwd: root }).catch(
      (error) => error,
    );
    expect(stdout).toBe("");
  });

  for (const block of blocks.filter(({ notRun }) => notRun === undefined))
    it(`runs: ${block.page}, line ${block.line}`, async () => {
      // Blocks may write files, each in a folder of its own.
      const folder = new URL(`${nameOf(block)}/`, out);
      mkdirSync(folder, { recursive: true });
      const { code } = await transform(sourceOf(block), { loader: "ts", target: "es2022" });
      const file = new URL("block.mjs", folder);
      writeFileSync(file, code);
      const { stdout } = await run(process.execPath, [file.pathname], { cwd: folder, timeout: 100_000 });
      if (block.prints) expect(stdout).toMatch(block.prints);
    });
});

describe("README.md and docs/", () => {
  it("link to files that exist", () => {
    const broken = [...pages, "src/README.md", "assembly/README.md"].flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)]
        .map(([, to]) => new URL(to, new URL(page, root)))
        .filter((url) => !existsSync(url))
        .map((url) => `${page} → ${url.pathname}`),
    );
    expect(broken).toEqual([]);
  });

  it("name npm scripts that exist", () => {
    const { scripts } = JSON.parse(read("package.json"));
    const named = pages.flatMap((page) => [...read(page).matchAll(/\bnpm run ([\w:-]+)/g)].map(([, s]) => s));
    expect([...new Set(named)].filter((script) => !(script in scripts))).toEqual([]);
  });

  it("and src/README.md quotes the code as it is", () => {
    const quotes = codeBlocks("src/README.md", read("src/README.md"));
    expect(quotes.length).toBeGreaterThan(3);
    for (const { code } of quotes) {
      const [, file, quoted] = /^\/\/ (.+)\n([\s\S]+)$/.exec(code)!;
      for (const part of quoted.split(/\n *\/\/ \.\.\.\n/)) expect(read(`src/${file}`)).toContain(part);
    }
  });

  it("name everything the package exports", async () => {
    const code = pages.flatMap((page) => read(page).match(/```[\s\S]*?```|`[^`\n]+`/g) ?? []).join("\n");
    const words = new Set(code.match(/\w+/g));
    const exported = [
      "index.js",
      "image.js",
      "nets.js",
      "formats/tfjs.js",
      "formats/onnx.js",
      "worker.js",
    ].map(async (file) => Object.keys(await import(new URL(`dist/${file}`, root).href)));
    const names = (await Promise.all(exported)).flat();
    expect(names.length).toBeGreaterThan(50);
    expect(names.filter((name) => !words.has(name))).toEqual([]);
  });

  it("give the same figures, and draw them", async () => {
    const [head, ...nets] = tableBelow(read("docs/performance.md"), "## Whole networks");
    const [shown, ...rows] = tableBelow(read("README.md"), "## Performance");
    expect(rows.length).toBeGreaterThan(3);
    for (const row of rows) {
      const net = nets.find(([name]) => name === row[0])!;
      expect(row).toEqual(shown.map((title) => net[head.indexOf(title)]));
    }
    const { chartOf } = await import(new URL("docs/chart.mjs", root).href);
    expect(read("docs/speed.svg"), "run node docs/chart.mjs").toBe(chartOf(read("docs/performance.md")));
  });
});
