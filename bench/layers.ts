// Layers of real nets on this engine alone: `npm run bench -- layers [part of a name]`. GFLOP/s and per cent of the roof (what fused multiply-adds reach in registers,
// measured beside each row) are of the best run, because noise on a shared machine only ever adds; the median stands beside
// it. Errors are relative to the largest value, against float64 sums.
import { END_TO_END, endToEndTable } from "./end-to-end.ts";
import { convolith, type OurEngine } from "./ours.ts";
import { describeHost, measureRoof } from "./roof.ts";
import { type Operands, operandsOf, outSize, type Row, rows } from "./rows.ts";
import { figure, interleave, table } from "./table.ts";
import { layerTask, named } from "./task.ts";

/** Outputs that are summed again in float64, spread over the layer. */
const SAMPLES = 2000;

/** The largest difference from the formula, over samples, relative to the largest value. */
function error(row: Row, { x, w, bias }: Operands, y: Float32Array): number {
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

export async function run(args: readonly string[]): Promise<void> {
  const chosen = named(rows, args.join(" "));
  console.log(`${await describeHost()}\n`);
  const engine = await convolith();
  console.log(await layerTable(engine, chosen));
  engine.dispose();
  const whole = chosen.filter(({ name }) => END_TO_END.includes(name));
  if (whole.length) console.log(`\n${await endToEndTable(whole)}`);
}

async function layerTable(engine: OurEngine, rows: readonly Row[]): Promise<string> {
  const lines: string[][] = [];
  for (const row of rows) {
    const operands = operandsOf(row);
    const task = layerTask(row, operands);
    const runner = await engine.create(task);
    const { median, best } = (await interleave({ run: () => runner.run() }, { rounds: 12 })).run;
    const roof = await measureRoof();
    const speed = task.flops / 1e6 / best;
    lines.push([
      row.name,
      figure(median),
      figure(best),
      figure(speed),
      `${Math.round((100 * speed) / (roof.relaxed ?? roof.baseline))} %`,
      error(row, operands, runner.output()).toExponential(1),
    ]);
    await runner.dispose();
  }
  return table(["layer", "median ms", "best ms", "GFLOP/s", "of the roof", "error"], lines);
}
