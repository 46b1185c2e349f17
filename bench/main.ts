// This engine alone: `npm run bench -- [layers | nets | part of a name]`.
import { layerTable } from "./layers.ts";
import { netTable } from "./net-table.ts";
import { convolith } from "./ours.ts";
import { describeHost } from "./roof.ts";
import { choose } from "./task.ts";

const { rows, nets } = choose(process.argv[2]);
const engine = await convolith();
console.log(`${await describeHost()}\n`);
if (rows.length) console.log(`${await layerTable(engine, rows)}\n`);
if (nets.length) console.log(await netTable(engine, nets));
