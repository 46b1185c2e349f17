// All cells, in the order of the table.
import { bunAndDeno } from "./bun-deno.ts";
import { bundled } from "./bundled.ts";
import type { Cell } from "./cell.ts";
import { edges } from "./edge.ts";
import { jsdoms } from "./jsdom.ts";
import { nodes } from "./nodes.ts";
import { plainPages } from "./plain-pages.ts";

export const cells: readonly Cell[] = [
  ...nodes,
  ...bunAndDeno,
  ...edges,
  ...jsdoms,
  ...bundled,
  ...plainPages,
];
