// The table of gradient rules: for every op that can be differentiated, how.
import type { Op } from "../../graph/op.ts";
import { activationGradients } from "./activation.ts";
import { activationGradGradients } from "./activation-grad.ts";
import { arithmeticGradients } from "./arithmetic.ts";
import { boxGradients } from "./boxes.ts";
import { broadcastGradients } from "./broadcast.ts";
import { combineGradients } from "./combine.ts";
import { convGradients } from "./conv.ts";
import { convTransposeGradients } from "./conv-transpose.ts";
import { denseGradients } from "./dense.ts";
import { dropoutGradients } from "./dropout.ts";
import { elementwiseGradients } from "./elementwise.ts";
import { foldGradients } from "./fold.ts";
import { gatherGradients } from "./gather.ts";
import { im2colGradients } from "./im2col.ts";
import { layerNormGradients } from "./layer-norm.ts";
import { lossGradients } from "./loss.ts";
import { lossGradGradients } from "./loss-grad.ts";
import { lrnGradients } from "./lrn.ts";
import { mathGradients } from "./math.ts";
import { matmulGradients } from "./matmul.ts";
import { normGradients } from "./norm.ts";
import { normGradGradients } from "./norm-grad.ts";
import { padGradients } from "./pad.ts";
import { poolGradients } from "./pool.ts";
import { reduceGradients } from "./reduce.ts";
import { resizeGradients } from "./resize.ts";
import type { GradientRule } from "./rule.ts";
import { sampleGradients } from "./sample.ts";
import { shapeGradients } from "./shape.ts";
import { softmaxGradients } from "./softmax.ts";
import { transposeFilterGradients } from "./transpose-filter.ts";

// biome-ignore lint/suspicious/noExplicitAny: a table holds ops of every parameter type
export const GRADIENTS: ReadonlyMap<Op<any>, GradientRule> = new Map([
  ...activationGradients,
  ...activationGradGradients,
  ...arithmeticGradients,
  ...boxGradients,
  ...broadcastGradients,
  ...combineGradients,
  ...convGradients,
  ...convTransposeGradients,
  ...denseGradients,
  ...dropoutGradients,
  ...elementwiseGradients,
  ...foldGradients,
  ...gatherGradients,
  ...im2colGradients,
  ...layerNormGradients,
  ...lossGradients,
  ...lossGradGradients,
  ...lrnGradients,
  ...mathGradients,
  ...matmulGradients,
  ...normGradients,
  ...normGradGradients,
  ...padGradients,
  ...poolGradients,
  ...reduceGradients,
  ...resizeGradients,
  ...sampleGradients,
  ...shapeGradients,
  ...softmaxGradients,
  ...transposeFilterGradients,
]);
