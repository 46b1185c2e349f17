// The Next.js route, on its edge runtime. The bundler copies the file that `new URL` names; fetch reads it.
import { createHandler } from "../../../digits/classify.mjs";

export const runtime = "edge";

const file = new URL("../../../digits/digits.safetensors", import.meta.url);

export const POST = createHandler(async () => (await fetch(file)).arrayBuffer());
