// Serves the page with the package built in dist/ beside it, as a copy would lie on a static host: node examples/page/serve.mjs [port]
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { serve } from "../playground/serve.mjs";

const path = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

const out = path("out");
rmSync(out, { recursive: true, force: true });
mkdirSync(out);
cpSync(path("index.html"), `${out}/index.html`);
cpSync(path("../astronaut.png"), `${out}/photo.png`);
cpSync(path("../../dist"), `${out}/convolith`, { recursive: true });
console.log(`open ${(await serve(out, Number(process.argv[2] ?? 8080))).url}`);
