// (a) A kernel slides over a small grid.
import { useState } from "preact/hooks";
import type { CardProps } from "../shared/card.ts";
import { worker } from "../shared/client.ts";
import { Failure, Result } from "../shared/controls.tsx";
import { useJob } from "../shared/hooks.ts";
import { Grid, MatrixEditor } from "../shared/matrix.tsx";

export const id = "sliding-window";
export const title = "The sliding window";
export const formula = (
  <math display="block">
    <mi>O</mi>
    <mo>=</mo>
    <mrow>
      <mo>⌊</mo>
      <mfrac>
        <mrow>
          <mi>W</mi>
          <mo>−</mo>
          <mi>F</mi>
          <mo>+</mo>
          <mn>2</mn>
          <mi>P</mi>
        </mrow>
        <mi>S</mi>
      </mfrac>
      <mo>⌋</mo>
    </mrow>
    <mo>+</mo>
    <mn>1</mn>
  </math>
);

const GRID = Array.from({ length: 6 }, (_, y) => Array.from({ length: 6 }, (_, x) => (x + 2 * y) % 4));

export function Card(_: CardProps) {
  const [kernel, setKernel] = useState([
    [1, 0, -1],
    [2, 0, -2],
    [1, 0, -1],
  ]);
  const { value, error } = useJob(
    () => worker().convolve(GRID, kernel, { stride: 1, dilation: 1, padding: "valid" }),
    [kernel],
  );
  return (
    <>
      <MatrixEditor label="Kernel" value={kernel} onChange={setKernel} testid="window-kernel" />
      {value && <Grid label="Output" values={value} testid="window-output" />}
      <Result testid="window-size">{value && `${value[0].length} x ${value.length}`}</Result>
      <Failure error={error} />
    </>
  );
}
