// Losses of pictures: how two regions overlap (Dice, IoU), and structural similarity.
import { ShapeError } from "../errors.ts";
import type { Edge } from "../graph/graph.ts";
import { show } from "../ops/check.ts";
import { conv } from "../ops/conv.ts";
import type { LossDefinition, LossOperands, LossTerms } from "./loss-math.ts";
import type { LossNumbers } from "./loss-options.ts";

/** What a fraction without `smooth` has below it at least. */
const SMALLEST = 1e-7;

/**
 * 1 − (2 Σpt + s) / (Σp + Σt + s), Dice (Milletari et al. 2016), or 1 − (Σpt + s) / (Σp + Σt − Σpt + s), IoU (Jaccard), of each channel over
 * all pixels, of each image or of the batch.
 */
export const region =
  (kind: "dice" | "iou"): LossDefinition["terms"] =>
  ({ m, x, t, classes }, { smooth = 1, perImage = false, activation, ignoreIndex }) => {
    const by = activation ?? (classes ? "softmax" : "sigmoid");
    let p = by === "softmax" ? m.softmax(x) : by === "sigmoid" ? m.activate(by, x) : x;
    if (classes && ignoreIndex !== undefined) p = m.mul(p, m.sum(t, [-1], true));
    const axes = x.shape.flatMap((_, i) => ((i > 0 || !perImage) && i < x.shape.length - 1 ? [i] : []));
    const total = (edge: Edge): Edge => m.sum(edge, axes);
    const both = total(m.mul(p, t));
    const sizes = m.add(total(p), total(t));
    const below = kind === "dice" ? sizes : m.sub(sizes, both);
    const divisor = smooth ? m.affine(below, 1, smooth) : m.binary("max", below, m.constant([SMALLEST], [1]));
    const above = m.affine(both, kind === "dice" ? 2 : 1, smooth);
    const values = m.affine(m.binary("div", above, divisor), -1, 1);
    return { values: perImage ? values : m.reshape(values, [1, ...values.shape]) };
  };

/** 1 − SSIM (Wang et al. 2004) at every place where a Gaussian window fits, [n, h, w, c]. */
export function structuralSimilarity(
  { m, x, t, where }: LossOperands,
  { window = 11, sigma = 1.5, range = 1 }: LossNumbers,
): LossTerms {
  const [, h, w, c] = x.shape;
  if (x.shape.length !== 4 || h < window || w < window)
    throw new ShapeError(
      `${where}: loss "ssim" is of images [n, h, w, c] of ${window} pixels at least, its window, but the scores have shape ${show(x.shape)}`,
    );
  const gauss = Array.from({ length: window }, (_, i) =>
    Math.exp(-(((i - (window - 1) / 2) / sigma) ** 2) / 2),
  );
  const sum = gauss.reduce((a, b) => a + b, 0);
  const taps = gauss.flatMap((v) => new Array<number>(c).fill(v / sum));
  const filters = [m.constant(taps, [window, 1, 1, c]), m.constant(taps, [1, window, 1, c])];
  const params = {
    stride: [1, 1],
    dilation: [1, 1],
    padding: "valid",
    paddingMode: "zeros",
    groups: c,
  } as const;
  const blur = (edge: Edge): Edge => filters.reduce((y, filter) => m.g.op(conv, [y, filter], params), edge);
  const [a, b] = [blur(x), blur(t)];
  const [aa, bb, ab] = [m.mul(a, a), m.mul(b, b), m.mul(a, b)];
  const [c1, c2] = [(0.01 * range) ** 2, (0.03 * range) ** 2];
  const variances = m.sub(m.add(blur(m.mul(x, x)), blur(m.mul(t, t))), m.add(aa, bb));
  const covariance = m.sub(blur(m.mul(x, t)), ab);
  const luminance = m.binary("div", m.affine(ab, 2, c1), m.affine(m.add(aa, bb), 1, c1));
  const contrast = m.binary("div", m.affine(covariance, 2, c2), m.affine(variances, 1, c2));
  return { values: m.affine(m.mul(luminance, contrast), -1, 1) };
}
