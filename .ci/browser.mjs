// The built package in a real browser: right answers on one thread and on two, the same bits, and a reason where a page is
// not isolated. Needs dist/ and Chromium (CHROMIUM names another binary); the page reports back over HTTP.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PATIENCE = 120_000;
const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm" };

const page = `<!doctype html><title>convolith</title>
<script type="importmap">{ "imports": { "convolith": "/dist/index.js", "#host": "/dist/host.js" } }</script>
<script type="module">
const report = (what) => fetch("/report", { method: "POST", body: JSON.stringify(what) });
try {
  const { createEngine, sequential, conv2d, maxPool2d, flatten, dense } = await import("convolith");
  const net = sequential([32, 32, 3], [
    conv2d({ filters: 32, kernel: 3, padding: "same", activation: "relu" }),
    conv2d({ filters: 32, kernel: 3, padding: "same", activation: "relu" }),
    maxPool2d({ size: 2 }), flatten(), dense({ units: 10 }),
  ]);
  const x = Float32Array.from({ length: 32 * 32 * 3 }, (_, i) => Math.sin(i));
  const answers = [];
  for (const threads of [1, 2]) {
    const engine = await createEngine({ threads });
    answers.push({ info: engine.info, y: Array.from(engine.compile(net, { seed: 1 }).predict(x)) });
    engine.dispose();
  }
  await report({ isolated: crossOriginIsolated, answers });
} catch (error) {
  await report({ error: String(error) });
}
</script>`;

const checks = [];
const check = (what, holds) => {
  checks.push(holds);
  console.log(`${holds ? "ok" : "FAILED"}  ${what}`);
};

/** Opens the page, isolated or not, and gives what it reports. */
async function visit(isolated) {
  const profile = mkdtempSync(join(tmpdir(), "convolith-"));
  let reported;
  const report = new Promise((resolve, reject) => {
    reported = resolve;
    setTimeout(() => reject(new Error(`no report within ${PATIENCE} ms`)), PATIENCE).unref();
  });
  const server = createServer((request, response) => {
    if (isolated) {
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
    }
    if (request.method === "POST") {
      let body = "";
      request.on("data", (part) => {
        body += part;
      });
      request.on("end", () => {
        response.end();
        reported(JSON.parse(body));
      });
      return;
    }
    if (request.url === "/") {
      response.setHeader("Content-Type", "text/html");
      response.end(page);
      return;
    }
    try {
      response.setHeader("Content-Type", TYPES[/\.\w+$/.exec(request.url)?.[0]] ?? "text/plain");
      response.end(readFileSync(new URL(`..${request.url}`, import.meta.url)));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = spawn(
    process.env.CHROMIUM ?? "chromium",
    // The sandbox of a browser needs rights that containers do not give; the page is our own.
    [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      `--user-data-dir=${profile}`,
      `http://127.0.0.1:${server.address().port}/`,
    ],
    { stdio: "ignore" },
  );
  const failed = new Promise((_, reject) => browser.on("error", reject));
  try {
    return await Promise.race([report, failed]);
  } finally {
    browser.kill("SIGKILL");
    server.closeAllConnections();
    server.close();
    await new Promise((resolve) =>
      browser.exitCode !== null || browser.signalCode ? resolve() : browser.on("exit", resolve),
    );
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

const { error, isolated, answers } = await visit(true);
if (error) throw new Error(error);
const [one, two] = answers;
check(`the page is cross-origin isolated (${one.info.build} build)`, isolated);
check("two threads where two are asked for", one.info.threads === 1 && two.info.threads === 2);
check(
  "ten finite logits, not all the same",
  one.y.length === 10 && one.y.every(Number.isFinite) && new Set(one.y).size > 1,
);
check(
  "the same bits on two threads",
  one.y.every((v, i) => Object.is(v, two.y[i])),
);
const plain = await visit(false);
check("one thread on a page that is not isolated", plain.answers?.[1].info.threads === 1);
check("and a reason for it", /cross-origin isolated/.test(plain.answers?.[1].info.fallback));
check(
  "the same bits there",
  one.y.every((v, i) => Object.is(v, plain.answers?.[1].y[i])),
);
const passed = checks.filter(Boolean).length;
console.log(`Chromium: ${passed} of ${checks.length} checks hold`);
process.exit(passed === checks.length ? 0 : 1);
