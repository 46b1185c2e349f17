// An engine for images and one function.
import { canny, createImageEngine } from "convolith/image";

const engine = await createImageEngine();
const data = Uint8Array.from({ length: 8 * 8 }, (_, i) => (i % 8 < 4 ? 0 : 200));
const edges = canny(engine, { data, width: 8, height: 8 }, { low: 50, high: 150 });
console.log(JSON.stringify({ row: Array.from(edges.data.subarray(24, 32)), channels: edges.channels }));
