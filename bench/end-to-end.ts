// What a caller sees who has arrays: the run in the engine, and the copies into and out of its memory.
import { load } from "./ours.ts";
import { outSize, type Row } from "./rows.ts";
import { figure, interleave, table } from "./table.ts";
import { layerTask } from "./task.ts";

/** Rows whose arrays are large beside their work. */
export const END_TO_END = ["depthwise 3x3 112² 32"];

export async function endToEndTable(rows: readonly Row[]): Promise<string> {
  const { createEngine } = await load();
  const engine = await createEngine();
  const lines: string[][] = [];
  for (const row of rows) {
    const { net: described, x } = layerTask(row);
    const net = engine.compile(described.model, { weights: described.weights });
    const input = engine.tensor(x, [1, row.h, row.w, row.c]);
    const output = net.predict(input);
    const [oh, ow] = outSize(row);
    const y = new Float32Array(oh * ow * row.oc);
    const { tensors, arrays, predict } = await interleave(
      {
        tensors: () => net.run(input, output),
        arrays: () => net.run(x, y),
        predict: () => {
          net.predict(x);
        },
      },
      { rounds: 12 },
    );
    lines.push([
      row.name,
      figure((4 * (x.length + y.length)) / 1e6),
      ...[tensors, arrays, predict].flatMap(({ median, best }) => [figure(median), figure(best)]),
    ]);
    for (const held of [net, input, output]) held.dispose();
  }
  engine.dispose();
  const calls = ["run(tensor, tensor)", "run(array, array)", "predict(array)"];
  return table(
    ["end to end", "MB in and out", ...calls.flatMap((call) => [`${call} median ms`, "best ms"])],
    lines,
  );
}
