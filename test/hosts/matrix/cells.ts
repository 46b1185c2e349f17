// All cells, in the order of the table.
import { arms } from "./arm64.ts";
import { bunAndDeno } from "./bun-deno.ts";
import { bundled } from "./bundled.ts";
import type { Cell } from "./cell.ts";
import { edges } from "./edge.ts";
import { edgeExample } from "./edge-example.ts";
import { jsdoms } from "./jsdom.ts";
import { next } from "./next.ts";
import { nodes } from "./nodes.ts";
import { plainPages } from "./plain-pages.ts";
import { types } from "./types.ts";

export const cells: readonly Cell[] = [
  ...nodes,
  ...arms,
  ...bunAndDeno,
  ...edges,
  ...jsdoms,
  ...bundled,
  ...plainPages,
  ...next,
  ...edgeExample,
  ...types,
];
