// The built package in a real browser: right answers on one thread and on two, the same bits, a reason where a page is not
// isolated, and a network that learns while the page lives on, to the same bits as in this Node. Needs dist/ and Chromium (CHROMIUM names another binary); the page reports back over HTTP.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PATIENCE = 120_000;
const TYPES = { ".js": "text/javascript", ".wasm": "application/wasm" };

/** Runs here and in the page: a network learns which half of a picture is brighter; timers tick meanwhile. */
async function learn({ createEngine, sequential, conv2d, batchNorm, relu, maxPool2d, flatten, dense, adam }) {
  const [size, count] = [16, 256];
  const x = Float32Array.from({ length: count * size * size }, (_, i) => ((i * 7919) % 1009) / 1009);
  const y = Uint8Array.from({ length: count }, (_, n) => n % 2);
  y.forEach((half, n) => {
    for (let i = 0; i < (size * size) / 2; i++) x[n * size * size + (half * size * size) / 2 + i] += 0.3;
  });
  // The baseline build without Winograd: the same bits on every host.
  const engine = await createEngine({ deterministic: true });
  const block = [conv2d({ filters: 16, kernel: 3, padding: "same", bias: false }), batchNorm(), relu()];
  const model = sequential(
    [size, size, 1],
    [...block, maxPool2d({ size: 2 }), flatten(), dense({ units: 2 })],
  );
  const net = engine.compile(model, { seed: 1 });
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  const history = await net.fit(
    { x, y },
    { loss: "softmaxCrossEntropy", optimizer: adam(), epochs: 60, batchSize: 32, seed: 1 },
  );
  clearInterval(timer);
  const bits = Object.values(net.weights).flatMap((w) => Array.from(new Uint32Array(w.slice().buffer)));
  engine.dispose();
  return {
    losses: history.map(({ loss }) => loss),
    bits: bits.reduce((h, v) => Math.imul(h ^ v, 0x01000193), 0),
    ticks,
  };
}

const page = `<!doctype html><title>convolith</title>
<script type="importmap">{ "imports": { "convolith": "/dist/index.js" } }</script>
<script type="module">
const report = (what) => fetch("/report", { method: "POST", body: JSON.stringify(what) });
try {
  const convolith = await import("convolith");
  const { createEngine, sequential, conv2d, maxPool2d, flatten, dense } = convolith;
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
  const learnt = await (${learn})(convolith);
  await report({ isolated: crossOriginIsolated, answers, learnt });
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
    // A group of its own, so that the processes it starts end with it.
    { stdio: "ignore", detached: true },
  );
  const failed = new Promise((_, reject) => browser.on("error", reject));
  try {
    return await Promise.race([report, failed]);
  } finally {
    if (browser.pid) process.kill(-browser.pid, "SIGKILL");
    server.closeAllConnections();
    server.close();
    await new Promise((resolve) =>
      browser.exitCode !== null || browser.signalCode ? resolve() : browser.on("exit", resolve),
    );
    try {
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    } catch (error) {
      // Something of the browser still writes there: a folder left behind is no reason to fail.
      console.log(`not removed: ${error.path}`);
    }
  }
}

const { error, isolated, answers, learnt } = await visit(true);
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
const here = await learn(await import("../dist/index.js"));
check(
  `a network learns: loss ${learnt.losses[0].toFixed(3)}, then ${learnt.losses.at(-1).toFixed(3)}`,
  learnt.losses.at(-1) < learnt.losses[0] / 4,
);
check(`and the page lives on: ${learnt.ticks} ticks of a timer meanwhile`, learnt.ticks > 0);
check("every weight has the bits it gets in Node", learnt.bits === here.bits);
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
