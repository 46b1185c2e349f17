// Draws docs/speed.svg from the table "Whole networks" of docs/performance.md: node docs/chart.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Columns of the table, and how their bars are labelled. onnxruntime-web is the unit. */
const UNIT = "onnxruntime-web";
const SERIES = [
  { column: "convolith", style: "ours" },
  { column: "TF.js wasm", style: "peer" },
];
const [WIDTH, LEFT, RIGHT, TOP, ROW, BAR] = [760, 150, 60, 92, 44, 14];

/**
 * Rows of the table: what stands in each column, by its title.
 *
 * @param {string} page
 * @returns {Record<string, string>[]}
 */
function netsOf(page) {
  const section = page.split("\n## Whole networks\n")[1].split("\n## ")[0];
  const lines = section.split("\n").filter((line) => line.startsWith("|"));
  const [head, , ...body] = lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  return body.map((cells) => Object.fromEntries(head.map((title, i) => [title, cells[i]])));
}

/**
 * The chart as SVG: times as fast as onnxruntime-web, a group of bars for each network.
 *
 * @param {string} page The text of performance.md.
 */
export function chartOf(page) {
  const nets = netsOf(page);
  /** @type {(net: Record<string, string>, column: string) => number} */
  const ratio = (net, column) => Number(net[UNIT].replace(",", "")) / Number(net[column].replace(",", ""));
  const largest = Math.ceil(
    Math.max(...nets.flatMap((net) => SERIES.map(({ column }) => ratio(net, column)))),
  );
  /** @param {number} value */
  const x = (value) => LEFT + (value / largest) * (WIDTH - LEFT - RIGHT);
  const height = TOP + nets.length * ROW + 36;
  const bottom = TOP + nets.length * ROW;
  /** @type {string[]} */
  const parts = [];
  /** @type {(left: number, y: number, style: string, content: string, anchor?: string) => void} */
  const text = (left, y, style, content, anchor = "start") => {
    parts.push(
      `<text x="${left.toFixed(1)}" y="${y}" class="${style}" text-anchor="${anchor}">${content}</text>`,
    );
  };
  /** @type {(value: number, style: string) => void} */
  const line = (value, style) => {
    parts.push(
      `<line x1="${x(value).toFixed(1)}" x2="${x(value).toFixed(1)}" y1="${TOP - 6}" y2="${bottom}" class="${style}"/>`,
    );
  };

  text(24, 34, "title", "Inference of 224 x 224 images on one thread: times as fast as onnxruntime-web");
  SERIES.concat({ column: UNIT, style: "unit" }).forEach(({ column, style }, i) => {
    const left = 24 + i * 130;
    parts.push(`<rect x="${left}" y="50" width="12" height="12" rx="2" class="${style}"/>`);
    text(left + 18, 61, "label", style === "unit" ? `${column} = 1` : column);
  });
  for (let value = 0; value <= largest; value++) {
    line(value, "grid");
    text(x(value), bottom + 20, "label", `${value}x`, "middle");
  }
  nets.forEach((net, n) => {
    const top = TOP + n * ROW;
    text(LEFT - 12, top + ROW / 2 + 1, "name", net.net, "end");
    SERIES.forEach(({ column, style }, i) => {
      const value = ratio(net, column);
      const y = top + 5 + i * (BAR + 2);
      parts.push(
        `<rect x="${LEFT}" y="${y}" width="${(x(value) - LEFT).toFixed(1)}" height="${BAR}" rx="2" class="${style}"/>`,
      );
      text(x(value) + 6, y + 11, style === "ours" ? "figure" : "label", `${value.toFixed(1)}x`);
    });
  });
  line(1, "one");
  const about = nets.map((net) => `${net.net} ${ratio(net, SERIES[0].column).toFixed(1)}x`).join(", ");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>convolith, times as fast as onnxruntime-web: ${about}</title>
<style>
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #57606a }
  .card { fill: #ffffff; stroke: #d0d7de }
  .title { font-weight: 600; font-size: 15px; fill: #1f2328 }
  .name, .figure { fill: #1f2328 }
  .figure { font-weight: 600 }
  .ours { fill: #2f6feb }
  .peer { fill: #a8b1bb }
  .unit { fill: #bf5b16 }
  .grid { stroke: #d8dee4 }
  .one { stroke: #bf5b16; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1 }
    .card { fill: #0d1117; stroke: #3d444d }
    .title, .name, .figure { fill: #f0f6fc }
    .ours { fill: #4c8dff }
    .peer { fill: #656c76 }
    .unit { fill: #f0883e }
    .grid { stroke: #2a313c }
    .one { stroke: #f0883e }
  }
</style>
<rect x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8" class="card"/>
${parts.join("\n")}
</svg>
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const page = readFileSync(new URL("performance.md", import.meta.url), "utf8");
  writeFileSync(new URL("speed.svg", import.meta.url), chartOf(page));
}
