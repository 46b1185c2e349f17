// (c) Smoothing, sharpening and slopes, with their sliders.
import { gaussian1d } from "convolith/image";
import { useMemo, useState } from "preact/hooks";
import "../pictures.css";
import { Of } from "../shared/brackets.tsx";
import type { CardProps } from "../shared/card.ts";
import { worker } from "../shared/client.ts";
import { Choices, Controls, Failure, Result, Slider } from "../shared/controls.tsx";
import { useJob } from "../shared/hooks.ts";
import { Formula } from "../shared/math.tsx";
import { number } from "../shared/matrix.tsx";
import { milliseconds } from "../shared/milliseconds.ts";
import { Picture } from "../shared/picture.tsx";
import { useSettled } from "../shared/settled.ts";
import { boxDeviation, boxSize, gaussianSize } from "../shared/smoothing.ts";
import { PictureSource } from "../shared/source.tsx";
import { WindowCurves } from "../shared/window-curves.tsx";

export const id = "blur";
export const title = "Blur, sharpen, edges";
export const intro = (
  <>
    A Gaussian weighs near pixels most and has no corners; a box of equal strength is cheaper and leaves
    squares. What a blur takes away is detail: add it once more, and the picture is sharper. Slopes are edges.
  </>
);
export const formula = (
  <div class="line">
    <Formula>
      <mi>G</mi>
      <Of>
        <mi>x</mi>
      </Of>
      <mo>∝</mo>
      <msup>
        <mi>e</mi>
        <mrow>
          <mo>−</mo>
          <msup>
            <mi>x</mi>
            <mn>2</mn>
          </msup>
          <mo>/</mo>
          <mn>2</mn>
          <msup>
            <mi>σ</mi>
            <mn>2</mn>
          </msup>
        </mrow>
      </msup>
    </Formula>
    <Formula>
      <mspace width="1.5em" />
      <mi>sharp</mi>
      <mo>=</mo>
      <mi>p</mi>
      <mo>+</mo>
      <mi>amount</mi>
      <mo>·</mo>
      <Of>
        <mi>p</mi>
        <mo>−</mo>
        <mi>G</mi>
        <mo>∗</mo>
        <mi>p</mi>
      </Of>
    </Formula>
    <Formula>
      <mspace width="1.5em" />
      <mi>slope</mi>
      <mo>=</mo>
      <msqrt>
        <msubsup>
          <mi>g</mi>
          <mi>x</mi>
          <mn>2</mn>
        </msubsup>
        <mo>+</mo>
        <msubsup>
          <mi>g</mi>
          <mi>y</mi>
          <mn>2</mn>
        </msubsup>
      </msqrt>
    </Formula>
  </div>
);

const SOBEL_SIZES = [3, 5, 7] as const;

export function Card({ visible }: CardProps) {
  const [picture, setPicture] = useState<ImageData>();
  const [sigma, setSigma] = useState(2);
  const [amount, setAmount] = useState(1.5);
  const [sobel, setSobel] = useState<number>(3);

  const [window, box] = [gaussianSize(sigma), boxSize(sigma)];
  const options = useMemo(() => ({ sigma, window, box, amount, sobel }), [sigma, window, box, amount, sobel]);
  const { value, error } = useJob(
    async () => picture && worker("pictures").blurs(picture, options),
    [picture, options],
  );
  const asked = useMemo(() => ({ picture, options }), [picture, options]);
  const settled = useSettled(asked);
  const times = useJob(
    async () => settled.picture && worker("timing").timeBlurs(settled.picture, settled.options),
    [settled],
  );
  const curves = useMemo(
    () => [
      { name: "Gaussian", weights: gaussian1d(window, sigma) },
      { name: "box", weights: Array.from({ length: box }, () => 1 / box) },
    ],
    [window, box, sigma],
  );
  const spent = (key: "gaussian" | "box" | "sharp" | "edges") =>
    times.value ? `, ${milliseconds(times.value[key])} ms` : "";

  return (
    <>
      <PictureSource onPicture={setPicture} limit={384} visible={visible} testid="blur-source" />
      <Controls>
        <Slider
          label="Sigma"
          value={sigma}
          min={0.3}
          max={12}
          step={0.1}
          format={(v) => v.toFixed(1)}
          onInput={setSigma}
          testid="blur-sigma"
        />
        <Slider
          label="Amount"
          value={amount}
          min={0}
          max={5}
          step={0.1}
          format={(v) => v.toFixed(1)}
          onInput={setAmount}
          testid="blur-amount"
        />
        <Choices
          label="Sobel"
          value={sobel}
          options={SOBEL_SIZES.map((n) => ({ value: n, text: `${n} × ${n}` }))}
          onChange={setSobel}
          testid="blur-sobel"
        />
      </Controls>
      <div class="titled">
        <h3>The weights along one axis</h3>
        <WindowCurves
          curves={curves}
          title={`A Gaussian window of ${window} weights, ${number(curves[0].weights[window >> 1])} in the middle, and a box of ${box} weights of ${number(1 / box)}`}
        />
        <ul class="keys">
          <li class="key-0">
            Gaussian: <span data-testid="blur-window">{window}</span> weights, σ {number(sigma, 1)}, highest{" "}
            <span data-testid="blur-highest">{number(curves[0].weights[window >> 1], 4)}</span>
          </li>
          <li class="key-1">
            box: <span data-testid="blur-box-size">{box}</span> weights of {number(1 / box, 4)}, σ{" "}
            <span data-testid="blur-box-sigma">{number(boxDeviation(box), 2)}</span>
          </li>
        </ul>
      </div>
      <div class="pictures">
        <Picture pixels={picture} label="The picture" caption="Picture" testid="blur-picture" />
        <Picture
          pixels={value?.gaussian}
          label={`The picture after a Gaussian blur of sigma ${sigma}`}
          caption={`Gaussian, ${window} × ${window}${spent("gaussian")}`}
          testid="blur-gaussian"
        />
        <Picture
          pixels={value?.box}
          label={`The picture after a box blur of ${box} by ${box}`}
          caption={`Box, ${box} × ${box}${spent("box")}`}
          testid="blur-box"
        />
        <Picture
          pixels={value?.sharp}
          label={`The picture sharpened by ${amount}`}
          caption={`Unsharp mask${spent("sharp")}`}
          testid="blur-sharp"
        />
        <Picture
          pixels={value?.edges}
          label="The magnitude of the picture's gradient: bright at edges"
          caption={`Sobel magnitude of gray${spent("edges")}`}
          testid="blur-edges"
        />
      </div>
      <Result testid="blur-times" live={false}>
        {times.value && (
          <>
            Gaussian <span data-testid="blur-gaussian-ms">{milliseconds(times.value.gaussian)}</span> ms, box{" "}
            <span data-testid="blur-box-ms">{milliseconds(times.value.box)}</span> ms. The box is a running
            sum: its time does not grow with its size.
          </>
        )}
      </Result>
      <Failure error={error ?? times.error} />
    </>
  );
}
