// (a) A kernel slides over a small grid: products, their sum, and how large the output is.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { CardProps } from "../shared/card.ts";
import { worker } from "../shared/client.ts";
import { Choices, Controls, Failure, Result, Select, Slider } from "../shared/controls.tsx";
import { useJob } from "../shared/hooks.ts";
import { Formula, SizeFormula, Sub } from "../shared/math.tsx";
import { diverging, Grid, MatrixEditor, number, shade } from "../shared/matrix.tsx";
import { Stepper, useSteps } from "../shared/stepper.tsx";
import { outputSize, samePadding, span, taps, type WindowAxis } from "../shared/window.ts";

export const id = "sliding-window";
export const title = "The sliding window";
export const intro =
  "A kernel is a small grid of weights. It is laid over a part of the picture, every weight is multiplied with the number below it, and the sum of the products is one number of the output. Then it moves on. Change any number, and step through.";
export const formula = (
  <div class="line">
    <Formula>
      <Sub of="y" index="i,j" />
      <mo>=</mo>
      <munder>
        <mo>∑</mo>
        <mrow>
          <mi>u</mi>
          <mo>,</mo>
          <mi>v</mi>
        </mrow>
      </munder>
      <Sub of="k" index="u,v" />
    </Formula>
    <Formula>
      <mo>·</mo>
      <Sub of="x" index="Si+Du−P,Sj+Dv−P" />
    </Formula>
  </div>
);

const DIGITS = [
  [0, 1, 2, 7, 8, 9, 8, 7, 9],
  [1, 0, 3, 8, 9, 8, 9, 8, 8],
  [0, 2, 2, 9, 8, 7, 9, 9, 7],
  [1, 1, 1, 2, 8, 9, 8, 8, 9],
  [0, 0, 1, 1, 3, 8, 9, 7, 8],
  [2, 1, 0, 2, 1, 2, 9, 8, 9],
  [1, 2, 1, 0, 1, 1, 2, 9, 8],
  [0, 1, 0, 1, 2, 0, 1, 3, 9],
  [1, 0, 2, 1, 0, 1, 2, 1, 2],
];
const KERNELS: Record<string, number[][]> = {
  "vertical edges": [
    [-1, 0, 1],
    [-2, 0, 2],
    [-1, 0, 1],
  ],
  "horizontal edges": [
    [-1, -2, -1],
    [0, 0, 0],
    [1, 2, 1],
  ],
  sharpen: [
    [0, -1, 0],
    [-1, 5, -1],
    [0, -1, 0],
  ],
  "sum of all": [
    [1, 1, 1],
    [1, 1, 1],
    [1, 1, 1],
  ],
  "copy the centre": [
    [0, 0, 0],
    [0, 1, 0],
    [0, 0, 0],
  ],
};

/** The kernel in the middle of one of another size. */
const resized = (kernel: number[][], size: number): number[][] => {
  const shift = Math.floor((kernel.length - size) / 2);
  return Array.from({ length: size }, (_, y) =>
    Array.from({ length: size }, (_, x) => kernel[y + shift]?.[x + shift] ?? 0),
  );
};

type PaddingKind = "valid" | "same" | "custom";

export function Card({ visible }: CardProps) {
  const [size, setSize] = useState(6);
  const [values, setValues] = useState(DIGITS);
  const [kernel, setKernel] = useState(KERNELS["vertical edges"]);
  const [kind, setKind] = useState<PaddingKind>("valid");
  const [custom, setCustom] = useState(1);
  const [stride, setStride] = useState(1);
  const [dilation, setDilation] = useState(1);

  const grid = values.slice(0, size).map((row) => row.slice(0, size));
  const bare = { size, kernel: kernel.length, stride, dilation, before: 0, after: 0 };
  const [before, after] =
    kind === "same" ? samePadding(size, span(bare), stride) : kind === "custom" ? [custom, custom] : [0, 0];
  const axis: WindowAxis = { ...bare, before, after };
  const out = outputSize(axis);

  const { value: output, error } = useJob(
    () => worker().convolve(grid, kernel, { stride, dilation, padding: kind === "custom" ? custom : kind }),
    [values, size, kernel, stride, dilation, kind, custom],
  );
  const steps = useSteps(Math.max(0, out) ** 2, visible);
  const [row, column] = [Math.floor(steps.step / out), steps.step % out];
  const preset = Object.keys(KERNELS).find((name) => String(KERNELS[name]) === String(kernel)) ?? "your own";

  return (
    <>
      <Controls>
        <Slider label="Input W" value={size} min={3} max={9} onInput={setSize} testid="window-input-size" />
        <Slider
          label="Kernel F"
          value={kernel.length}
          min={1}
          max={5}
          onInput={(f) => setKernel(resized(kernel, f))}
          testid="window-kernel-size"
        />
        <Slider label="Stride S" value={stride} min={1} max={4} onInput={setStride} testid="window-stride" />
        <Slider
          label="Dilation D"
          value={dilation}
          min={1}
          max={3}
          onInput={setDilation}
          testid="window-dilation"
        />
        <Choices
          label="Padding"
          value={kind}
          options={(["valid", "same", "custom"] as const).map((value) => ({ value, text: value }))}
          onChange={setKind}
          testid="window-padding"
        />
        {kind === "custom" && (
          <Slider
            label="Padding P"
            value={custom}
            min={0}
            max={4}
            onInput={setCustom}
            testid="window-custom"
          />
        )}
      </Controls>
      <SizeFormula axis={axis} name="window" />
      {out >= 1 ? (
        <>
          <Stepper
            steps={steps}
            label="Output cell"
            format={(s) => `row ${Math.floor(s / out) + 1}, column ${(s % out) + 1}`}
            testid="window-step"
          />
          <Walk
            grid={grid}
            kernel={kernel}
            axis={axis}
            at={[row, column]}
            output={output?.length === out ? output : undefined}
            onGrid={(y, x, v) =>
              setValues(values.map((line, r) => line.map((w, c) => (r === y && c === x ? v : w))))
            }
            onPick={(y, x) => steps.setStep(y * out + x)}
          >
            <MatrixEditor label="Kernel" value={kernel} onChange={setKernel} testid="window-kernel" />
            <Select
              label="A well-known one"
              value={preset}
              options={[...Object.keys(KERNELS), ...(preset === "your own" ? [preset] : [])].map((value) => ({
                value,
                text: value,
              }))}
              onChange={(name) => setKernel(KERNELS[name] ?? kernel)}
              testid="window-preset"
            />
          </Walk>
        </>
      ) : (
        <p class="note">The window does not fit into the input. In the words of the library:</p>
      )}
      <Failure error={error} />
    </>
  );
}

interface WalkProps {
  readonly grid: readonly (readonly number[])[];
  readonly kernel: readonly (readonly number[])[];
  readonly axis: WindowAxis;
  readonly at: readonly [number, number];
  readonly output: readonly (readonly number[])[] | undefined;
  readonly onGrid: (row: number, column: number, value: number) => void;
  readonly onPick: (row: number, column: number) => void;
  readonly children: ComponentChildren;
}

/** One position of the window: where it lies, its products, their sum, and the library's number. */
function Walk({ grid, kernel, axis, at, output, onGrid, onPick, children }: WalkProps) {
  const { size, before, after } = axis;
  const [ys, xs] = [taps(axis, at[0]), taps(axis, at[1])];
  const inside = (y: number, x: number) =>
    y >= before && x >= before && y < before + size && x < before + size;
  const padded = Array.from({ length: before + size + after }, (_, y) =>
    Array.from({ length: before + size + after }, (_, x) =>
      inside(y, x) ? grid[y - before][x - before] : 0,
    ),
  );
  const products = kernel.map((line, u) => line.map((k, v) => k * padded[ys[u]][xs[v]]));
  const sum = products.flat().reduce((all, p) => all + p, 0);
  const scale = products.flat().reduce((all, p) => all + Math.abs(p), 1);
  const given = output?.[at[0]]?.[at[1]];
  // The library computes in float32.
  const equal = given !== undefined && Math.abs(given - sum) <= 1e-6 * scale;
  const brightest = Math.max(1, ...grid.flat().map(Math.abs));
  const largest = Math.max(...(output ?? [[0]]).flat().map(Math.abs));
  const reached = (y: number, x: number) => y < at[0] || (y === at[0] && x <= at[1]);
  return (
    <>
      <div class="row">
        <div class="titled">
          <h3>
            Input {size} × {size}
            {before + after > 0 && <span class="note"> with padding</span>}
          </h3>
          <Grid
            label="Input"
            values={padded}
            testid="window-input"
            editable={inside}
            background={(v, y, x) => (inside(y, x) ? shade(v, brightest) : undefined)}
            mark={(y, x) =>
              [inside(y, x) ? "" : "border", ys.includes(y) && xs.includes(x) ? "window" : ""]
                .join(" ")
                .trim()
            }
            onChange={(y, x, v) => onGrid(y - before, x - before, v)}
          />
        </div>
        <div class="titled">
          <h3>Kernel</h3>
          {children}
        </div>
        <div class="titled">
          <h3>Products</h3>
          <Grid label="Products" values={products} testid="window-products" />
        </div>
        <div class="titled">
          <h3>Output</h3>
          {output && (
            <Grid
              label="Output"
              values={output}
              digits={2}
              testid="window-output"
              background={(v, y, x) => diverging(v, largest, reached(y, x) ? 60 : 25)}
              mark={(y, x) => (y === at[0] && x === at[1] ? "current" : undefined)}
              onPick={onPick}
            />
          )}
        </div>
      </div>
      <p class="sum" data-testid="window-sentence">
        {products.flatMap((line, u) =>
          line.map((_, v) => (
            <span class="term" key={`${u},${v}`}>
              {`${u + v > 0 ? "+ " : ""}${bracketed(kernel[u][v], u + v > 0)}·${bracketed(padded[ys[u]][xs[v]], true)} `}
            </span>
          )),
        )}
        <span class="term">
          = <strong class="answer">{number(sum)}</strong>
        </span>
      </p>
      <Result testid="window-check">
        Sum of the products: <strong data-testid="window-sum">{number(sum, 4)}</strong>. The library's{" "}
        <code>engine.conv2d</code> gives{" "}
        <strong data-testid="window-library">{given === undefined ? "…" : number(given, 4)}</strong>
        {given === undefined ? "." : equal ? ": equal." : ": different!"}
      </Result>
    </>
  );
}

const bracketed = (value: number, brackets: boolean) =>
  value < 0 && brackets ? `(${number(value)})` : number(value);
