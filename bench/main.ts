// This engine alone: `npm run bench -- [layers | nets | part of a name]`.
import { layerTable } from "./layers.ts";
import { netTable } from "./net-table.ts";
import { convolith, MANY_THREADS } from "./ours.ts";
import { describeHost } from "./roof.ts";
import { choose } from "./task.ts";

const { rows, nets } = choose(process.argv[2]);
const engine = await convolith();
console.log(`${await describeHost()}\n`);
if (rows.length) console.log(`${await layerTable(engine, rows)}\n`);
if (nets.length) {
  // Only now: workers that wait would take time from the rows above.
  const crew = await convolith(MANY_THREADS);
  console.log(await netTable(engine, crew, nets));
  crew.dispose();
}
engine.dispose();
