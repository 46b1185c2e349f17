// The cards, in the order of the page.
import type { CardModule } from "../shared/card.ts";
import * as blur from "./blur.tsx";
import * as canny from "./canny.tsx";
import * as depth from "./depth.tsx";
import * as kernels from "./kernels.tsx";
import * as learnSobel from "./learn-sobel.tsx";
import * as learningDigits from "./learning-digits.tsx";
import * as nets from "./nets.tsx";
import * as pooling from "./pooling.tsx";
import * as slidingWindow from "./sliding-window.tsx";
import * as whyConvolution from "./why-convolution.tsx";

export const cards: readonly CardModule[] = [
  slidingWindow,
  kernels,
  blur,
  canny,
  depth,
  pooling,
  whyConvolution,
  learnSobel,
  learningDigits,
  nets,
];
