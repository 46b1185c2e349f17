// (h) Gradient descent finds Sobel's kernel.
import { useEffect, useRef, useState } from "preact/hooks";
import type { CardProps } from "../shared/card.ts";
import { Chart, type Curve, Legend, thinned } from "../shared/chart.tsx";
import { worker } from "../shared/client.ts";
import { Button, Controls, Failure, Result, Select, Slider } from "../shared/controls.tsx";
import { messageOf, useJob } from "../shared/hooks.ts";
import { diverging, Grid } from "../shared/matrix.tsx";
import { Picture } from "../shared/picture.tsx";
import { samplePhoto } from "../shared/source.tsx";
import type { KernelReport } from "../worker/kernel.ts";

export const id = "learn-sobel";
export const title = "Gradient descent finds Sobel";
export const intro =
  "The layer is given a photo and the picture that a secret kernel makes of it. Its own kernel begins at random. It makes a picture, the two are compared, and every weight moves a little downhill, again and again, until the kernel is the secret one: nobody told it what an edge is.";
export const formula = (
  <math display="block">
    <mi>L</mi>
    <mrow>
      <mo>(</mo>
      <mi>k</mi>
      <mo>)</mo>
    </mrow>
    <mo>=</mo>
    <mfrac>
      <mn>1</mn>
      <mi>n</mi>
    </mfrac>
    <mo>∑</mo>
    <msup>
      <mrow>
        <mo>(</mo>
        <mi>k</mi>
        <mo>∗</mo>
        <mi>x</mi>
        <mo>−</mo>
        <mi>y</mi>
        <mo>)</mo>
      </mrow>
      <mn>2</mn>
    </msup>
  </math>
);

const TARGETS = [
  { value: "sobelX", text: "Sobel, vertical edges", kernel: [-1, 0, 1, -2, 0, 2, -1, 0, 1] },
  { value: "sobelY", text: "Sobel, horizontal edges", kernel: [-1, -2, -1, 0, 0, 0, 1, 2, 1] },
  { value: "laplacian", text: "Laplacian", kernel: [0, 1, 0, 1, -4, 1, 0, 1, 0] },
  { value: "sharpen", text: "sharpen", kernel: [0, -1, 0, -1, 5, -1, 0, -1, 0] },
] as const;
type Target = (typeof TARGETS)[number]["value"];

const SIDE = 128;
/** With momentum 0.95 some 500 steps find any of these kernels, and the first one already leads downhill: 0.5 would be too far. */
const RATE = 0.2;
/** Milliseconds between pictures. */
const FRAME_MS = 60;
/** Found: every weight rounds to the secret one in two decimals. */
const FOUND = 0.005;
const LAST_STEP = 5000;
/** Colours of the nine weights, by column. */
const COLUMNS = ["--negative", "--muted", "--positive"];

const rows = (kernel: ArrayLike<number>): number[][] =>
  [0, 1, 2].map((y) => [0, 1, 2].map((x) => kernel[3 * y + x]));
const distance = (kernel: ArrayLike<number>, target: readonly number[]) =>
  Math.max(...target.map((v, i) => Math.abs(v - kernel[i])));

interface Trace {
  readonly steps: readonly number[];
  readonly loss: readonly number[];
  readonly kernels: readonly Float32Array[];
}
const EMPTY: Trace = { steps: [], loss: [], kernels: [] };

export function Card({ visible }: CardProps) {
  const [target, setTarget] = useState<Target>("sobelX");
  const [seed, setSeed] = useState(1);
  const [speed, setSpeed] = useState(0.3);
  const [running, setRunning] = useState(false);
  const [report, setReport] = useState<KernelReport>();
  const [trace, setTrace] = useState<Trace>(EMPTY);
  const [failure, setFailure] = useState<string>();
  const pace = useRef(1);
  pace.current = Math.round(10 ** speed);
  const secret = TARGETS.find(({ value }) => value === target)?.kernel ?? TARGETS[0].kernel;

  const take = (next: KernelReport) => {
    setReport(next);
    setTrace(({ steps, loss, kernels }) => ({
      steps: [...thinned(steps), next.step],
      loss: [...thinned(loss), Math.max(next.loss, 1e-12)],
      kernels: [...thinned(kernels), next.kernel],
    }));
  };
  const begun = useJob(async () => {
    setRunning(false);
    const photo = await samplePhoto(SIDE);
    return worker("kernel").beginKernel(photo, secret, { seed, learningRate: RATE });
  }, [target, seed]);
  useEffect(() => {
    if (!begun.value) return;
    setTrace(EMPTY);
    take(begun.value);
  }, [begun.value]);

  const off = report ? distance(report.kernel, secret) : Infinity;
  const found = off < FOUND;
  const ended = found || (report?.step ?? 0) >= LAST_STEP;
  useEffect(() => {
    if (!running || !visible) return;
    let gone = false;
    (async () => {
      while (!gone) {
        const next = await worker("kernel").stepKernel(pace.current);
        if (gone || !next) return;
        take(next);
        if (distance(next.kernel, secret) < FOUND || next.step >= LAST_STEP) setRunning(false);
        await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
      }
    })().catch((error) => {
      setFailure(messageOf(error));
      setRunning(false);
    });
    return () => {
      gone = true;
    };
  }, [running, visible, secret]);

  const weightCurves: Curve[] = secret.flatMap((_, i) => ({
    label: `row ${Math.floor(i / 3) + 1}, column ${(i % 3) + 1}`,
    x: trace.steps,
    y: trace.kernels.map((kernel) => kernel[i]),
    colour: COLUMNS[i % 3],
    width: 1.5,
  }));
  const largest = Math.max(...secret.map(Math.abs));
  const matrix = (kernel: ArrayLike<number>, label: string, testid: string, digits: number) => (
    <Grid
      label={label}
      values={rows(kernel)}
      testid={testid}
      text={(v) => v.toFixed(digits).replace("-", "−")}
      background={(v) => diverging(v, largest)}
    />
  );
  return (
    <>
      <Controls>
        <Select
          label="The secret kernel"
          value={target}
          options={TARGETS.map(({ value, text }) => ({ value, text }))}
          onChange={setTarget}
          testid="sobel-target"
        />
        <Slider
          label="Steps per picture"
          value={speed}
          min={0}
          max={1.5}
          step={0.1}
          format={(v) => String(Math.round(10 ** v))}
          onInput={setSpeed}
          testid="sobel-speed"
        />
      </Controls>
      <Controls>
        <Button primary disabled={!report || ended} testid="sobel-start" onClick={() => setRunning(!running)}>
          {running ? "pause" : (report?.step ?? 0) > 0 ? "go on" : "start"}
        </Button>
        <Button
          disabled={!report || ended || running}
          testid="sobel-step"
          onClick={() => {
            worker("kernel")
              .stepKernel(1)
              .then(
                (next) => next && take(next),
                (error) => setFailure(messageOf(error)),
              );
          }}
        >
          one step
        </Button>
        <Button disabled={!report} testid="sobel-reset" onClick={() => setSeed(seed + 1)}>
          begin at another place
        </Button>
      </Controls>
      <Result live={false} testid="sobel-status">
        {report && (
          <>
            step <strong data-testid="sobel-steps">{report.step}</strong>: loss{" "}
            <strong data-testid="sobel-loss">{report.loss.toExponential(2)}</strong>, the farthest weight is{" "}
            <strong data-testid="sobel-distance">{off.toFixed(3)}</strong> off
          </>
        )}
      </Result>
      <p class="visually-hidden" role="status" data-testid="sobel-phase">
        {found ? "found" : running ? "running" : "waiting"}
      </p>
      {report && begun.value && (
        <>
          <div class="row">
            <div class="titled">
              <h3>The kernel now</h3>
              {matrix(report.kernel, "The kernel now", "sobel-kernel", 3)}
            </div>
            <div class="titled">
              <h3>The secret one</h3>
              {matrix(secret, "The secret kernel", "sobel-secret", 0)}
            </div>
            {found && <p class="found">Found: every weight is right to two decimals.</p>}
          </div>
          <div class="row thumbs">
            <Picture
              pixels={signed(begun.value.gray, SIDE, SIDE, 1, 0)}
              width={176}
              label="The photo in grey"
              caption="x: the photo"
            />
            <Picture
              pixels={signed(report.output, report.width, report.height)}
              width={176}
              label={`What the kernel makes of it after ${report.step} steps`}
              caption={`k ∗ x: step ${report.step}`}
              testid="sobel-output"
            />
            <Picture
              pixels={signed(begun.value.answer, report.width, report.height)}
              width={176}
              label="What the secret kernel makes of it"
              caption="y: what it is to be"
            />
          </div>
        </>
      )}
      <div class="halves">
        <div class="titled">
          <h3>The nine weights</h3>
          <Chart
            curves={weightCurves}
            label="The nine weights of the kernel over steps"
            xLabel="step"
            testid="sobel-weights-chart"
          />
          <Legend
            entries={["left", "middle", "right"].map((name, i) => ({
              label: `${name} column`,
              colour: COLUMNS[i],
            }))}
          />
        </div>
        <div class="titled">
          <h3>Loss</h3>
          <Chart
            log
            curves={[{ label: "loss", x: trace.steps, y: trace.loss, colour: "--accent" }]}
            label="Loss over steps, logarithmic"
            xLabel="step"
            testid="sobel-loss-chart"
          />
        </div>
      </div>
      <Failure error={failure ?? begun.error} />
    </>
  );
}

/** Values around 0 as grey around the middle. */
function signed(values: Float32Array, width: number, height: number, scale = 0.35, middle = 0.5) {
  return {
    data: Uint8ClampedArray.from(values, (v) => 255 * (middle + scale * v)),
    width,
    height,
    channels: 1,
  };
}
