// (h) A CNN learns to read digits, in the page.
import { useEffect, useRef, useState } from "preact/hooks";
import { Chart, type Curve, Legend, thinned } from "../shared/chart.tsx";
import { proxy, worker } from "../shared/client.ts";
import { Button, Choices, Controls, Failure, Result, Select, Slider } from "../shared/controls.tsx";
import { messageOf, painted, useJob } from "../shared/hooks.ts";
import { normalizeDigit } from "../shared/mnist.ts";
import { DrawingPad } from "../shared/pad.tsx";
import { Picture } from "../shared/picture.tsx";
import type { DigitsInit, DigitsOptimizer, DigitsReport, Look } from "../worker/digits-shapes.ts";
import { Confusion, digitPicture, Kernels, Maps, Probabilities, percent } from "./digits-views.tsx";

export const id = "learning-digits";
export const title = "Learning kernels";
export const intro =
  "Nobody writes the kernels of a CNN by hand: they begin at random, and gradient descent moves every weight a little in the direction in which the error falls. This network learns to read from 4,000 handwritten digits, on your computer, in some seconds. The 1,000 digits it is tested on it never learns from.";
export const formula = (
  <div class="line">
    <math display="block">
      <mi>w</mi>
      <mo>←</mo>
      <mi>w</mi>
      <mo>−</mo>
      <mi>η</mi>
      <mfrac>
        <mrow>
          <mo>∂</mo>
          <mi>L</mi>
        </mrow>
        <mrow>
          <mo>∂</mo>
          <mi>w</mi>
        </mrow>
      </mfrac>
    </math>
    <math display="block">
      <mspace width="1.5em" />
      <mi>L</mi>
      <mo>=</mo>
      <mo>−</mo>
      <mi>log</mi>
      <mspace width="0.2em" />
      <msub>
        <mi>p</mi>
        <mtext>digit</mtext>
      </msub>
    </math>
  </div>
);

const INITS: { value: DigitsInit; text: string; note: string }[] = [
  {
    value: "glorotUniform",
    text: "Xavier",
    note: "Xavier (Glorot): random weights whose spread, variance 2 / (inputs + outputs), keeps signals of one size on their way through the layers, forwards and backwards.",
  },
  {
    value: "heNormal",
    text: "He",
    note: "He: variance 2 / inputs. ReLU drops one half of the values; weights that are a little larger make up for it.",
  },
  {
    value: "zeros",
    text: "zeros",
    note: "Zeros: every feature map is 0, so that no weight makes a difference, and the gradient of every kernel is 0. Only the ten biases at the end learn how frequent each digit is: the loss stays at about ln 10 = 2.30.",
  },
  {
    value: "constant",
    text: "all equal",
    note: "All weights are 0.02: equal kernels compute the same, so they get the same gradient, and stay equal for ever: eight kernels as good as one. It learns, but reads some 87 % instead of 97 %. Nothing breaks the symmetry; that is what random numbers are for.",
  },
];
const OPTIMIZERS: { value: DigitsOptimizer; text: string; rate: number }[] = [
  { value: "sgd", text: "SGD", rate: 0.1 },
  { value: "momentum", text: "SGD with momentum 0.9", rate: 0.03 },
  { value: "adam", text: "Adam", rate: 0.002 },
  { value: "rmsprop", text: "RMSprop", rate: 0.001 },
];
const EPOCHS = 10;
const BATCHES = 125;
/** Colours of runs: the present one has the accent. */
const EARLIER = ["#9a6fd0", "#c58a1b", "#7f8a92"];

type Phase = "loading" | "ready" | "running" | "paused" | "done";

interface Run {
  readonly name: string;
  readonly steps: readonly number[];
  readonly loss: readonly number[];
  readonly accuracy: readonly number[];
}

/** The runs after one more report; `name` begins a new one. Of earlier runs the last three that learnt are kept. */
function extended(runs: readonly Run[], { step, loss, accuracy }: DigitsReport, name?: string): Run[] {
  const point = { steps: [step], loss: [loss], accuracy: [accuracy] };
  if (name !== undefined)
    return [...runs.filter((run) => run.steps.length > 1).slice(-EARLIER.length), { name, ...point }];
  const last = runs[runs.length - 1];
  if (!last) return [];
  const more: Run = {
    name: last.name,
    steps: [...thinned(last.steps), step],
    loss: [...thinned(last.loss), loss],
    accuracy: [...thinned(last.accuracy), accuracy],
  };
  return [...runs.slice(0, -1), more];
}

export function Card() {
  const [init, setInit] = useState<DigitsInit>("glorotUniform");
  const [optimizer, setOptimizer] = useState<DigitsOptimizer>("momentum");
  const [rate, setRate] = useState(0.03);
  const [slow, setSlow] = useState(false);
  const [generation, setGeneration] = useState(0);
  const [phase, setPhase] = useState<Phase>("loading");
  const [report, setReport] = useState<DigitsReport>();
  const [confusion, setConfusion] = useState<number[][]>();
  const [runs, setRuns] = useState<readonly Run[]>([]);
  const [look, setLook] = useState<Look>();
  const [failure, setFailure] = useState<string>();
  const present = useRef(0);

  const take = (next: DigitsReport, name?: string) => {
    setReport(next);
    if (next.look) setLook(next.look);
    if (next.confusion) setConfusion(next.confusion);
    setRuns((all) => extended(all, next, name));
  };

  // A new network for every choice that makes the old one another. The learning rate does not: it can change on the way.
  const reset = useJob(async () => {
    present.current++;
    const first = await worker("training").resetDigits({ init, optimizer, learningRate: rate });
    return { first, name: `${textOf(INITS, init)}, ${textOf(OPTIMIZERS, optimizer)}` };
  }, [init, optimizer, generation]);
  useEffect(() => {
    if (!reset.value) return;
    take(reset.value.first, reset.value.name);
    setPhase("ready");
    setFailure(undefined);
  }, [reset.value]);
  useEffect(() => {
    if (phase !== "loading")
      worker("training")
        .tuneDigits({ learningRate: rate, slow })
        .catch(() => {});
  }, [rate, slow, phase]);

  const start = async () => {
    const run = present.current;
    setPhase("running");
    try {
      await worker("training").tuneDigits({ learningRate: rate, slow });
      const onReport = proxy((next: DigitsReport) => {
        if (present.current === run) take(next);
        return painted();
      });
      const end = await worker("training").trainDigits(EPOCHS, onReport);
      if (end === "done" && present.current === run) setPhase("done");
    } catch (error) {
      setFailure(messageOf(error));
      setPhase("done");
    }
  };
  const pause = (paused: boolean) => {
    setPhase(paused ? "paused" : "running");
    worker("training")
      .pauseDigits(paused)
      .catch((error) => setFailure(messageOf(error)));
  };

  const colour = (i: number) => (i === runs.length - 1 ? "--accent" : EARLIER[i % EARLIER.length]);
  const curves = (values: "loss" | "accuracy"): Curve[] =>
    runs.map((run, i) => ({
      label: run.name,
      x: run.steps,
      y: values === "loss" ? run.loss : run.accuracy.map((part) => 100 * part),
      colour: colour(i),
      width: i === runs.length - 1 ? 2.5 : 1.5,
    }));

  return (
    <>
      <Controls>
        <Choices
          label="Weights begin as"
          value={init}
          options={INITS}
          onChange={setInit}
          testid="learn-init"
        />
        <Select
          label="Optimizer"
          value={optimizer}
          options={OPTIMIZERS}
          onChange={(value) => {
            setOptimizer(value);
            setRate(OPTIMIZERS.find((o) => o.value === value)?.rate ?? rate);
          }}
          testid="learn-optimizer"
        />
        <Slider
          label="Learning rate η"
          value={Math.log10(rate)}
          min={-4}
          max={0}
          step={0.1}
          format={(v) => String(Number((10 ** v).toPrecision(2)))}
          onInput={(v) => setRate(10 ** v)}
          testid="learn-rate"
        />
        <Choices
          label="Speed"
          value={slow ? "slow" : "full"}
          options={[
            { value: "full", text: "full" },
            { value: "slow", text: "slow motion" },
          ]}
          onChange={(value) => setSlow(value === "slow")}
          testid="learn-speed"
        />
      </Controls>
      <p class="note" data-testid="learn-init-note">
        {INITS.find(({ value }) => value === init)?.note}
      </p>
      <Controls>
        {phase === "running" ? (
          <Button primary testid="learn-pause" onClick={() => pause(true)}>
            pause
          </Button>
        ) : (
          <Button
            primary
            disabled={phase === "loading"}
            testid="learn-start"
            onClick={phase === "paused" ? () => pause(false) : start}
          >
            {phase === "paused" ? "go on" : phase === "done" ? `${EPOCHS} more epochs` : "start"}
          </Button>
        )}
        <Button
          testid="learn-reset"
          disabled={phase === "loading"}
          onClick={() => setGeneration(generation + 1)}
        >
          reset
        </Button>
      </Controls>
      <Result live={false} testid="learn-status">
        {report ? (
          <>
            batch <strong data-testid="learn-step">{report.step}</strong>
            {report.step > 0 && ` (epoch ${Math.ceil(report.step / BATCHES)})`}: loss{" "}
            <strong data-testid="learn-loss">{report.loss.toFixed(3)}</strong>,{" "}
            <strong data-testid="learn-accuracy">{percent(report.accuracy)}</strong> of test digits read right
            {report.imagesPerSecond > 0 &&
              `, ${Math.round(report.imagesPerSecond).toLocaleString("en-US")} images per second`}
          </>
        ) : (
          "loading 5,000 digits …"
        )}
      </Result>
      <p class="visually-hidden" role="status" data-testid="learn-phase">
        {phase}
        {report && phase !== "loading" && `, epoch ${report.epoch}`}
      </p>
      <div class="halves">
        <div class="titled">
          <h3>Loss</h3>
          <Chart
            curves={curves("loss")}
            label="Loss of the training over batches"
            xLabel="batch"
            testid="learn-loss-chart"
          />
        </div>
        <div class="titled">
          <h3>Test accuracy, %</h3>
          <Chart
            curves={curves("accuracy")}
            range={[0, 100]}
            label="Part of the test digits that are read right, over batches"
            xLabel="batch"
            testid="learn-accuracy-chart"
          />
        </div>
      </div>
      <Legend
        entries={runs.map((run, i) => ({
          label: `${i === runs.length - 1 ? "this run" : `earlier run ${i + 1}`}: ${run.name}`,
          colour: colour(i),
          value: percent(run.accuracy[run.accuracy.length - 1] ?? 0),
        }))}
      />
      {report && (
        <>
          <h3>
            Kernels of the first layer <span class="note">5 × 5; red above 0, blue below</span>
          </h3>
          <Kernels kernels={report.kernels} />
        </>
      )}
      <Reader ready={phase !== "loading"} look={look} onLook={setLook} />
      {confusion && (
        <>
          <h3>
            Confusion matrix{" "}
            <span class="note">rows: the digit shown; columns: the digit read; all 1,000 test digits</span>
          </h3>
          <Confusion matrix={confusion} />
        </>
      )}
      <Failure error={failure ?? reset.error} />
    </>
  );
}

const textOf = <T extends string>(list: readonly { value: T; text: string }[], value: T) =>
  list.find((entry) => entry.value === value)?.text ?? value;

interface ReaderProps {
  readonly ready: boolean;
  readonly look: Look | undefined;
  readonly onLook: (look: Look) => void;
}

interface Shown {
  readonly pixels: Float32Array;
  /** Undefined of a drawing. */
  readonly label: number | undefined;
}

/** A digit, of the test set or drawn, and what the network makes of it. */
function Reader({ ready, look, onLook }: ReaderProps) {
  const [index, setIndex] = useState(0);
  const [shown, setShown] = useState<Shown>();
  const given = useJob(async () => (ready ? worker("training").testDigit(index) : undefined), [index, ready]);
  useEffect(() => {
    if (given.value) setShown(given.value);
  }, [given.value]);
  const answer = useJob(async () => shown && worker("training").watchDigit(shown.pixels), [shown]);
  useEffect(() => {
    if (answer.value) onLook(answer.value);
  }, [answer.value]);
  return (
    <>
      <div class="row">
        <div class="titled">
          <h3>Draw a digit</h3>
          <DrawingPad
            label="A pad to draw a digit on"
            width={224}
            height={224}
            pen={20}
            onDraw={(drawing) => {
              const pixels = normalizeDigit(drawing);
              if (pixels) setShown({ pixels, label: undefined });
            }}
            testid="learn-pad"
          />
        </div>
        <div class="titled">
          <h3>What the network sees</h3>
          <Picture
            pixels={shown && digitPicture(shown.pixels)}
            width={140}
            pixelated
            label={
              shown?.label === undefined ? "Your drawing, 28 x 28 pixels" : `A ${shown.label} of the test set`
            }
            caption={
              shown?.label === undefined
                ? "yours, as MNIST does: scaled to 20 × 20, centred"
                : `test digit ${index + 1}`
            }
            testid="learn-digit"
          />
          <p>
            <Button
              testid="learn-next"
              onClick={() => {
                setIndex(index + 1);
              }}
            >
              next test digit
            </Button>
          </p>
        </div>
        <div class="titled wide">
          <h3>What it reads</h3>
          {look && <Probabilities look={look} label={shown?.label} />}
        </div>
      </div>
      {look && <Maps look={look} />}
      <Failure error={given.error ?? answer.error} />
    </>
  );
}
