// All cells, in the order of the table.

import { bundled } from "./bundled.ts";
import type { Cell } from "./cell.ts";
import { next } from "./next.ts";
import { nodes } from "./nodes.ts";
import { plainPages } from "./plain-pages.ts";

export const cells: readonly Cell[] = [...nodes, ...bundled, ...plainPages, ...next];
