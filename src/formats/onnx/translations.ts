// The translation of every op that can be written, joined from the tables of the families.
import type { Op } from "../../graph/op.ts";
import { activationTranslations } from "./activation.ts";
import type { Translation } from "./call.ts";
import { convTranslations } from "./conv.ts";
import { denseTranslations } from "./dense.ts";
import { elementwiseTranslations } from "./elementwise.ts";
import { gatherTranslations } from "./gather.ts";
import { mapTranslations } from "./map.ts";
import { moveTranslations } from "./move.ts";
import { normTranslations } from "./norm.ts";
import { poolTranslations } from "./pool.ts";
import { reduceTranslations } from "./reduce.ts";
import { resizeTranslations } from "./resize.ts";
import { selectTranslations } from "./select.ts";
import { shapeTranslations } from "./shape.ts";

const TRANSLATIONS: ReadonlyMap<unknown, Translation<unknown>> = new Map([
  ...convTranslations,
  ...denseTranslations,
  ...poolTranslations,
  ...normTranslations,
  ...activationTranslations,
  ...elementwiseTranslations,
  ...reduceTranslations,
  ...resizeTranslations,
  ...shapeTranslations,
  ...mapTranslations,
  ...gatherTranslations,
  ...moveTranslations,
  ...selectTranslations,
]);

/** The translation of an op; undefined where ONNX has no equivalent. */
export function translationOf(op: Op<unknown>): Translation<unknown> | undefined {
  return TRANSLATIONS.get(op);
}
