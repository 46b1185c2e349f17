// Layers of real nets on this engine alone: `npm run bench -- [part of a row's name]`. GFLOP/s and per cent of the roof (what
// fused multiply-adds reach in registers, measured beside each row) are of the best run, because noise on a shared machine
// only ever adds; the median stands beside it. Errors are relative to the largest value, against float64 sums.
import { cpus } from "node:os";
import { convolith } from "./ours.ts";
import { measureRoof } from "./roof.ts";
import { flops, operandsOf, outSize, type Row, rows } from "./rows.ts";
import { figure, interleave, table } from "./table.ts";

/** Outputs that are summed again in float64, spread over the layer. */
const SAMPLES = 2000;

/** The largest difference from the formula, over samples, relative to the largest value. */
function error(row: Row, x: Float32Array, w: Float32Array, bias: Float32Array, y: Float32Array): number {
  const [oh, ow] = outSize(row);
  const depthwise = row.groups > 1;
  const inputs = row.c / row.groups;
  let worst = 0;
  let largest = 0;
  for (let s = 0; s < SAMPLES; s++) {
    const at = Math.floor(((s + 0.5) * oh * ow * row.oc) / SAMPLES);
    const o = at % row.oc;
    const oy = Math.floor(at / row.oc / ow);
    const ox = Math.floor(at / row.oc) % ow;
    let sum = bias[o];
    for (let ky = 0; ky < row.kh; ky++)
      for (let kx = 0; kx < row.kw; kx++) {
        const iy = oy * row.stride + ky * row.dilation - row.padding[0];
        const ix = ox * row.stride + kx * row.dilation - row.padding[1];
        if (iy < 0 || ix < 0 || iy >= row.h || ix >= row.w) continue;
        for (let i = 0; i < inputs; i++)
          sum +=
            x[(iy * row.w + ix) * row.c + (depthwise ? o : i)] *
            w[((ky * row.kw + kx) * inputs + i) * row.oc + o];
      }
    worst = Math.max(worst, Math.abs(sum - y[at]));
    largest = Math.max(largest, Math.abs(sum));
  }
  return worst / largest;
}

const wanted = (process.argv[2] ?? "").toLowerCase();
const chosen = rows.filter((row) => row.name.toLowerCase().includes(wanted));
if (!chosen.length) throw new Error(`no row's name contains "${wanted}"`);

const engine = await convolith();
const before = await measureRoof();
const lines: string[][] = [];
for (const row of chosen) {
  const { x, w, bias } = operandsOf(row);
  const runner = await engine.create(row, x, w, bias);
  const { median, best } = (await interleave({ run: () => runner.run() }, { rounds: 12 })).run;
  const roof = await measureRoof();
  const speed = flops(row) / 1e6 / best;
  lines.push([
    row.name,
    figure(median),
    figure(best),
    figure(speed),
    `${Math.round((100 * speed) / (roof.relaxed ?? roof.baseline))} %`,
    error(row, x, w, bias, runner.output()).toExponential(1),
  ]);
  await runner.dispose();
}
const fused = before.relaxed ? `${figure(before.relaxed)} fused multiply-add, ` : "";
console.log(`Node ${process.versions.node}, V8 ${process.versions.v8}, ${cpus()[0].model}, one thread`);
console.log(`the roof of 128-bit SIMD, GFLOP/s: ${fused}${figure(before.baseline)} multiply and add\n`);
console.log(table(["layer", "median ms", "best ms", "GFLOP/s", "of the roof", "error"], lines));
