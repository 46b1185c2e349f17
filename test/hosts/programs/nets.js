// A net and PyTorch's weights for it, without an engine.
import { loadStateDict, resnet18 } from "convolith/nets";

const model = resnet18({ classes: 3, inputShape: [32, 32, 3] });
const fc = { "fc.weight": { shape: [3, 512], data: new Float32Array(3 * 512).fill(2) } };
const { weights, missing } = loadStateDict(model, fc, { strict: false });
console.log(JSON.stringify({ kernel: weights["fc.kernel"][0], missing: missing.length }));
