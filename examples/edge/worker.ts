// The Cloudflare Worker. Wrangler imports the weights as an ArrayBuffer (rules in wrangler.jsonc).
import { createHandler } from "../digits/classify.mjs";
import weights from "../digits/digits.safetensors";

export default { fetch: createHandler(weights) };
