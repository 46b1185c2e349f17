// All textbook kernels by name, for those who show or choose them: a gallery, a command line.
import * as k from "./kernels.ts";

export interface KernelEntry {
  /** For people. */
  readonly label: string;
  /** What it is, in a line. */
  readonly formula: string;
  /** The kernel, at a size and with parameters that suit a photo. */
  readonly make: () => number[][];
}

/** The angle of the diagonal that rises to the right. */
const DIAGONAL = Math.PI / 4;

/** Times a factor that makes the sum of absolute values 8, as Sobel's: about as bright then. */
function bright(kernel: k.Kernel): number[][] {
  const sum = kernel.flat().reduce((a, b) => a + Math.abs(b), 0);
  return kernel.map((row) => row.map((value) => (8 * value) / sum));
}

/** Kernels by name. */
export const KERNELS = {
  identity: { label: "Identity", formula: "1 in the middle", make: () => k.identity() },
  "box-3": { label: "Box 3 x 3", formula: "1 / 9", make: () => k.box(3) },
  "box-7": { label: "Box 7 x 7", formula: "1 / 49", make: () => k.box(7) },
  "gaussian-3": { label: "Gaussian 3 x 3", formula: "[1 2 1]ᵀ [1 2 1] / 16", make: () => k.gaussian(3) },
  "gaussian-5": {
    label: "Gaussian 5 x 5",
    formula: "[1 4 6 4 1]ᵀ [1 4 6 4 1] / 256",
    make: () => k.gaussian(5),
  },
  "gaussian-9": {
    label: "Gaussian, σ = 2",
    formula: "exp(−(x² + y²) / 2σ²) / sum",
    make: () => k.gaussian(9, 2),
  },
  "motion-blur": {
    label: "Motion blur",
    formula: "the mean along a line",
    make: () => k.motionBlur(9, DIAGONAL),
  },
  sharpen: { label: "Sharpen, 5 points", formula: "identity − Laplacian", make: () => k.sharpen() },
  "sharpen-8": {
    label: "Sharpen, 9 points",
    formula: "identity − Laplacian with diagonals",
    make: () => k.sharpen({ neighbours: 8 }),
  },
  unsharp: {
    label: "Unsharp mask",
    formula: "identity + (identity − Gaussian)",
    make: () => k.unsharp(5, 1),
  },
  emboss: { label: "Emboss", formula: "identity + [−2 −1 0; −1 0 1; 0 1 2]", make: () => k.emboss() },
  edge: { label: "Edge, 8 neighbours", formula: "−Laplacian with diagonals", make: () => k.edge() },
  "edge-4": { label: "Edge, 4 neighbours", formula: "−Laplacian", make: () => k.edge({ neighbours: 4 }) },
  "sobel-x": { label: "Sobel, x", formula: "[1 2 1]ᵀ [−1 0 1]", make: () => k.sobelX() },
  "sobel-y": { label: "Sobel, y", formula: "[−1 0 1]ᵀ [1 2 1]", make: () => k.sobelY() },
  "sobel-x-5": { label: "Sobel 5 x 5, x", formula: "[1 4 6 4 1]ᵀ [−1 −2 0 2 1]", make: () => k.sobelX(5) },
  "sobel-y-5": { label: "Sobel 5 x 5, y", formula: "[−1 −2 0 2 1]ᵀ [1 4 6 4 1]", make: () => k.sobelY(5) },
  "sobel-xy": {
    label: "Sobel, x and y",
    formula: "[−1 0 1]ᵀ [−1 0 1]",
    make: () => k.sobelX(3, { dx: 1, dy: 1 }),
  },
  "scharr-x": { label: "Scharr, x", formula: "[3 10 3]ᵀ [−1 0 1]", make: k.scharrX },
  "scharr-y": { label: "Scharr, y", formula: "[−1 0 1]ᵀ [3 10 3]", make: k.scharrY },
  "prewitt-x": { label: "Prewitt, x", formula: "[1 1 1]ᵀ [−1 0 1]", make: k.prewittX },
  "prewitt-y": { label: "Prewitt, y", formula: "[−1 0 1]ᵀ [1 1 1]", make: k.prewittY },
  "roberts-x": { label: "Roberts, falling", formula: "[1 0; 0 −1]", make: k.robertsX },
  "roberts-y": { label: "Roberts, rising", formula: "[0 1; −1 0]", make: k.robertsY },
  laplacian: { label: "Laplacian, 4 neighbours", formula: "∂²/∂x² + ∂²/∂y²", make: k.laplacian4 },
  "laplacian-8": { label: "Laplacian, 8 neighbours", formula: "with diagonals", make: k.laplacian8 },
  "laplacian-5": {
    label: "Laplacian 5 x 5",
    formula: "Sobel's ∂²/∂x² + ∂²/∂y²",
    make: () => k.laplacianKernel(5),
  },
  log: {
    label: "Laplacian of Gaussian",
    formula: "(x² + y² − 2σ²) / σ⁴ · Gaussian, scaled",
    make: () => bright(k.laplacianOfGaussian(9, 1.4)),
  },
  dog: {
    label: "Difference of Gaussians",
    formula: "Gaussian(σ) − Gaussian(1.6 σ), scaled",
    make: () => bright(k.differenceOfGaussians(9, 1, 1.6)),
  },
  gabor: {
    label: "Gabor, 0°",
    formula: "Gaussian · cos(2π u / λ), scaled",
    make: () => bright(k.gabor(15, { wavelength: 6 })),
  },
  "gabor-45": {
    label: "Gabor, diagonal",
    formula: "Gaussian · cos(2π u / λ), θ = π / 4, scaled",
    make: () => bright(k.gabor(15, { wavelength: 6, theta: DIAGONAL })),
  },
  "gaussian-dilated": {
    label: "Gaussian 3 x 3, dilated",
    formula: "the same values, 4 pixels apart",
    make: () => k.dilate(k.gaussian(3), 4),
  },
} as const satisfies Readonly<Record<string, KernelEntry>>;

/** The name of one of them. */
export type TextbookKernel = keyof typeof KERNELS;
