// Builds the playground into a folder of static files, which any host can serve: npm run playground, or
//
//   node examples/playground/build.mjs --out DIR     builds only
//   node examples/playground/build.mjs --serve       builds, then serves it on localhost (--port 8080)
//
// The package itself must be built before (npm run build): the page uses dist/ through the package's own exports.
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { packDigits } from "./digits.mjs";
import { serve } from "./serve.mjs";

const { values: flags } = parseArgs({
  options: { out: { type: "string" }, serve: { type: "boolean" }, port: { type: "string", default: "8080" } },
});
const here = fileURLToPath(new URL(".", import.meta.url));
const out = resolve(flags.out ?? `${here}/out`);

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await build({
  entryPoints: { main: `${here}/main.tsx`, worker: `${here}/worker/index.ts` },
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  // Given here so that no tsconfig.json is read: its paths lead to the sources of the package, the page shall use what is published.
  tsconfigRaw: {
    compilerOptions: { jsx: "react-jsx", jsxImportSource: "preact", verbatimModuleSyntax: true },
  },
  logLevel: "warning",
});
copyFileSync(`${here}/index.html`, `${out}/index.html`);
copyFileSync(`${here}/../astronaut.png`, `${out}/astronaut.png`);
// The network of the cards on real nets; MIT licence, which goes with it.
const esrgan = fileURLToPath(new URL("../../node_modules/@upscalerjs/esrgan-slim/", import.meta.url));
mkdirSync(`${out}/esrgan-slim`);
for (const file of ["model.json", "group1-shard1of1.bin"])
  copyFileSync(`${esrgan}/models/x2/${file}`, `${out}/esrgan-slim/${file}`);
copyFileSync(`${esrgan}/LICENSE`, `${out}/esrgan-slim/LICENSE`);
writeFileSync(`${out}/digits.bin`, packDigits({ train: 4000, test: 1000 }));
console.log(`the playground is in ${out}`);
if (flags.serve) {
  const { url } = await serve(out, Number(flags.port));
  console.log(`open ${url}`);
}
