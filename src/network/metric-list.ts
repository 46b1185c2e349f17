// The metrics there are, as `metrics.f1()` and its like; each is in a bundle only where it is used.
export { accuracy } from "./accuracy.ts";
export { f1, meanIoU, precision, recall, topK } from "./class-metrics.ts";
export { ssim } from "./image-metrics.ts";
export { measure } from "./measure.ts";
export { auc, averagePrecision } from "./ranking-metrics.ts";
export { mae, mse, psnr, r2, rmse } from "./value-metrics.ts";
