// The translation of every Keras class that can be read, joined from the tables of the families.
import { UnsupportedError } from "../../errors.ts";
import { activation } from "./activation.ts";
import type { Translation, Translations } from "./call.ts";
import { conv } from "./conv.ts";
import { dense } from "./dense.ts";
import { elementwise } from "./elementwise.ts";
import { norm } from "./norm.ts";
import { pool } from "./pool.ts";
import { resize } from "./resize.ts";
import { shape } from "./shape.ts";

const TRANSLATIONS: Translations = {
  ...conv,
  ...dense,
  ...pool,
  ...norm,
  ...activation,
  ...elementwise,
  ...shape,
  ...resize,
};

/** The translation of a Keras class. Throws UnsupportedError for a class without one. */
export function translationOf(className: string, where: string): Translation {
  if (!Object.hasOwn(TRANSLATIONS, className))
    throw new UnsupportedError(`${where}: layers of class ${className} are not supported`);
  return TRANSLATIONS[className];
}
