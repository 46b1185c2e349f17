// The cards, in the order of the page.
import type { CardModule } from "../shared/card.ts";
import * as learnSobel from "./learn-sobel.tsx";
import * as learningDigits from "./learning-digits.tsx";
import * as pooling from "./pooling.tsx";
import * as slidingWindow from "./sliding-window.tsx";
import * as whyConvolution from "./why-convolution.tsx";

export const cards: readonly CardModule[] = [
  slidingWindow,
  pooling,
  whyConvolution,
  learningDigits,
  learnSobel,
];
