import { fileURLToPath } from "node:url";

/** The folder that holds all that is bundled: this example uses files beside its own folder, and convolith from the clone it lies in. */
const root = fileURLToPath(new URL("../..", import.meta.url));

export default { outputFileTracingRoot: root, turbopack: { root }, experimental: { externalDir: true } };
