// The translation of every Keras class that can be read, joined from the tables of the families.
import { UnsupportedError } from "../../errors.ts";
import { describe } from "../../validate.ts";
import { activationTranslations } from "./activation.ts";
import type { Translation, Translations } from "./call.ts";
import { convTranslations } from "./conv.ts";
import { denseTranslations } from "./dense.ts";
import { elementwiseTranslations } from "./elementwise.ts";
import { normTranslations } from "./norm.ts";
import { poolTranslations } from "./pool.ts";
import { resizeTranslations } from "./resize.ts";
import { shapeTranslations } from "./shape.ts";

const TRANSLATIONS: Translations = {
  ...convTranslations,
  ...denseTranslations,
  ...poolTranslations,
  ...normTranslations,
  ...activationTranslations,
  ...elementwiseTranslations,
  ...shapeTranslations,
  ...resizeTranslations,
};

/** The translation of a Keras class. Throws UnsupportedError for a class without one. */
export function translationOf(className: string, where: string): Translation {
  if (!Object.hasOwn(TRANSLATIONS, className))
    throw new UnsupportedError(
      `${where}: layers of class ${describe(className).slice(1, -1)} are not supported`,
    );
  return TRANSLATIONS[className];
}
