// All cells, in the order of the table.
import { arms } from "./arm64.ts";
import { bunAndDeno } from "./bun-deno.ts";
import type { Cell } from "./cell.ts";
import { edges } from "./edge.ts";
import { jsdoms } from "./jsdom.ts";
import { nodes } from "./nodes.ts";
import { types } from "./types.ts";

export const cells: readonly Cell[] = [...nodes, ...arms, ...bunAndDeno, ...edges, ...jsdoms, ...types];
