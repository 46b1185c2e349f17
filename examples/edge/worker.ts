// The Cloudflare Worker. Wrangler imports the weights as an ArrayBuffer (rules in wrangler.jsonc).

import weights from "../digits/digits.safetensors";
import { createHandler } from "./classify.mjs";

export default { fetch: createHandler(weights) };
