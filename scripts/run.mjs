// Runs a TypeScript program, which Node 20 cannot: node scripts/run.mjs bench/cli.ts layers
import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import { build } from "esbuild";

const [file, ...args] = process.argv.slice(2);
// Beside the packages that benchmarks compare with; those of the project are found from there, too.
const outfile = `bench/peers/out/${basename(file, ".ts")}.mjs`;
await build({
  entryPoints: [file],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  packages: "external",
  loader: { ".deflate": "base64" },
  logLevel: "warning",
});
process.exitCode = spawnSync(process.execPath, [outfile, ...args], { stdio: "inherit" }).status ?? 1;
