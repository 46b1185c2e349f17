// (f) Pooling: the largest and the mean of every window.
import { useEffect, useState } from "preact/hooks";
import type { CardProps } from "../shared/card.ts";
import { worker } from "../shared/client.ts";
import { Controls, Failure, Result, Slider, Toggle } from "../shared/controls.tsx";
import { useJob } from "../shared/hooks.ts";
import { Formula, SizeFormula, Sub } from "../shared/math.tsx";
import { Grid, number, shade } from "../shared/matrix.tsx";
import { Picture } from "../shared/picture.tsx";
import { samplePhoto } from "../shared/source.tsx";
import { Stepper, useSteps } from "../shared/stepper.tsx";
import { outputSize, taps, type WindowAxis } from "../shared/window.ts";

export const id = "pooling";
export const title = "Pooling";
export const intro =
  "Pooling makes a picture smaller: of every window one number is left. The largest says that a feature was found somewhere in the window, the mean says how much of it there was. There is nothing to learn in it.";
export const formula = (
  <div class="line">
    <Formula>
      <msubsup>
        <mi>y</mi>
        <mrow>
          <mi>i</mi>
          <mo>,</mo>
          <mi>j</mi>
        </mrow>
        <mtext>max</mtext>
      </msubsup>
      <mo>=</mo>
      <munder>
        <mo>max</mo>
        <mrow>
          <mi>u</mi>
          <mo>,</mo>
          <mi>v</mi>
        </mrow>
      </munder>
      <Sub of="x" index="Si+u,Sj+v" />
    </Formula>
    <Formula>
      <mspace width="1em" />
      <msubsup>
        <mi>y</mi>
        <mrow>
          <mi>i</mi>
          <mo>,</mo>
          <mi>j</mi>
        </mrow>
        <mtext>average</mtext>
      </msubsup>
      <mo>=</mo>
      <mfrac>
        <mn>1</mn>
        <msup>
          <mi>F</mi>
          <mn>2</mn>
        </msup>
      </mfrac>
      <munder>
        <mo>∑</mo>
        <mrow>
          <mi>u</mi>
          <mo>,</mo>
          <mi>v</mi>
        </mrow>
      </munder>
      <Sub of="x" index="Si+u,Sj+v" />
    </Formula>
  </div>
);

const SIZE = 6;
const VALUES = [
  [1, 3, 2, 1, 0, 2],
  [4, 6, 5, 0, 1, 1],
  [2, 8, 1, 3, 9, 2],
  [0, 1, 0, 7, 4, 3],
  [1, 2, 6, 2, 1, 0],
  [3, 0, 1, 5, 2, 8],
];
/** Side of the photo's part, and of its pixels on the screen. */
const PHOTO = 128;

export function Card({ visible }: CardProps) {
  const [values, setValues] = useState(VALUES);
  const [size, setSize] = useState(2);
  const [stride, setStride] = useState(2);
  const [global, setGlobal] = useState(false);
  const [photo, setPhoto] = useState<ImageData>();
  useEffect(() => {
    samplePhoto(PHOTO).then(setPhoto, () => {});
  }, []);

  const window = global ? { size: SIZE, stride: SIZE } : { size, stride };
  const axis: WindowAxis = {
    size: SIZE,
    kernel: window.size,
    stride: window.stride,
    dilation: 1,
    before: 0,
    after: 0,
  };
  const out = outputSize(axis);
  const { value, error } = useJob(
    () => worker().pool(values, { size, stride, global }),
    [values, size, stride, global],
  );
  const pictures = useJob(
    async () => photo && worker().poolPhoto(photo, { size, stride, global }),
    [photo, size, stride, global],
  );
  const steps = useSteps(out * out, visible);
  const at = [Math.floor(steps.step / out), steps.step % out];
  const [ys, xs] = [taps(axis, at[0]), taps(axis, at[1])];
  const seen = ys.flatMap((y) => xs.map((x) => ({ y, x, v: values[y][x] })));
  const chosen = seen.reduce((best, cell) => (cell.v > best.v ? cell : best));
  const sum = seen.reduce((all, { v }) => all + v, 0);
  const mean = sum / seen.length;
  const fits = value && value.max.length === out ? value : undefined;
  const [largest, average] = [fits?.max[at[0]][at[1]], fits?.average[at[0]][at[1]]];
  const equal =
    largest !== undefined &&
    average !== undefined &&
    Math.abs(largest - chosen.v) + Math.abs(average - mean) <= 1e-6 * (1 + Math.abs(sum));
  const brightest = Math.max(1, ...values.flat());

  const output = (grid: number[][], label: string, testid: string) => (
    <div class="titled">
      <h3>{label}</h3>
      <Grid
        label={label}
        values={grid}
        digits={2}
        testid={testid}
        background={(v) => shade(v, brightest)}
        mark={(y, x) => (y === at[0] && x === at[1] ? "current" : undefined)}
        onPick={(y, x) => steps.setStep(y * out + x)}
      />
    </div>
  );

  return (
    <>
      <Controls>
        <Slider
          label="Window F"
          value={size}
          min={1}
          max={5}
          disabled={global}
          onInput={setSize}
          testid="pool-window"
        />
        <Slider
          label="Stride S"
          value={stride}
          min={1}
          max={4}
          disabled={global}
          onInput={setStride}
          testid="pool-stride"
        />
        <Toggle
          label="global: one window over all"
          value={global}
          onChange={setGlobal}
          testid="pool-global"
        />
      </Controls>
      <SizeFormula axis={axis} padding={false} name="pool" />
      <Stepper
        steps={steps}
        label="Output cell"
        format={(s) => `row ${Math.floor(s / out) + 1}, column ${(s % out) + 1}`}
        testid="pool-step"
      />
      <div class="row">
        <div class="titled">
          <h3>Input</h3>
          <Grid
            label="Pooling input"
            values={values}
            testid="pool-input"
            background={(v, y, x) => (y === chosen.y && x === chosen.x ? undefined : shade(v, brightest))}
            mark={(y, x) =>
              y === chosen.y && x === chosen.x
                ? "chosen"
                : ys.includes(y) && xs.includes(x)
                  ? "window"
                  : undefined
            }
            onChange={(y, x, v) =>
              setValues(values.map((line, r) => line.map((w, c) => (r === y && c === x ? v : w))))
            }
          />
        </div>
        {fits && output(fits.max, "Max pooling", "pool-max")}
        {fits && output(fits.average, "Average pooling", "pool-average")}
      </div>
      <p>
        max({seen.map(({ v }) => number(v)).join(", ")}) ={" "}
        <strong class="answer" data-testid="pool-largest">
          {number(chosen.v)}
        </strong>
        {" and "}({seen.map(({ v }) => number(v)).join(" + ")}) / {seen.length} = {number(sum)} /{" "}
        {seen.length} ={" "}
        <strong class="answer" data-testid="pool-mean">
          {number(mean, 4)}
        </strong>
      </p>
      <Result testid="pool-check">
        The library's <code>engine.{global ? "globalMaxPool" : "maxPool2d"}</code> gives{" "}
        <strong data-testid="pool-library-max">{largest === undefined ? "…" : number(largest, 4)}</strong>,{" "}
        <code>engine.{global ? "globalAvgPool" : "avgPool2d"}</code>{" "}
        <strong data-testid="pool-library-average">{average === undefined ? "…" : number(average, 4)}</strong>
        {fits ? (equal ? ": equal." : ": different!") : "."}
      </Result>
      <h3>The same windows over a photo</h3>
      <div class="row thumbs">
        <Picture
          pixels={photo}
          width={PHOTO * 1.5}
          label="The photo"
          caption={`photo, ${PHOTO} × ${PHOTO}`}
          testid="pool-photo"
        />
        {pictures.value && (
          <>
            <Picture
              pixels={pictures.value.max}
              width={PHOTO * 1.5}
              pixelated
              label="The largest value of every window: bright spots grow"
              caption={`max, ${pictures.value.max.width} × ${pictures.value.max.height}`}
              testid="pool-photo-max"
            />
            <Picture
              pixels={pictures.value.average}
              width={PHOTO * 1.5}
              pixelated
              label="The mean of every window: a smaller, softer photo"
              caption={`average, ${pictures.value.average.width} × ${pictures.value.average.height}`}
              testid="pool-photo-average"
            />
          </>
        )}
      </div>
      <Failure error={error ?? pictures.error} />
    </>
  );
}
