// All cells, in the order of the table.
import { bunAndDeno } from "./bun-deno.ts";
import type { Cell } from "./cell.ts";
import { edges } from "./edge.ts";
import { jsdoms } from "./jsdom.ts";
import { nodes } from "./nodes.ts";

export const cells: readonly Cell[] = [...nodes, ...bunAndDeno, ...edges, ...jsdoms];
