// (b) Every kernel of the textbook, or one's own, on a picture; timed beside a plain loop.
import { KERNELS, type Kernel, normalizeKernel, type TextbookKernel } from "convolith/image";
import { useMemo, useState } from "preact/hooks";
import "../pictures.css";
import type { CardProps } from "../shared/card.ts";
import { worker } from "../shared/client.ts";
import { Button, Choices, Controls, Failure, Result, Select, Slider } from "../shared/controls.tsx";
import { useJob } from "../shared/hooks.ts";
import { Formula, Sub } from "../shared/math.tsx";
import { MatrixEditor } from "../shared/matrix.tsx";
import { milliseconds } from "../shared/milliseconds.ts";
import { Picture, type Pixels } from "../shared/picture.tsx";
import { useSettled } from "../shared/settled.ts";
import { PictureSource } from "../shared/source.tsx";
import type { Border, FilterOptions } from "../worker/filters.ts";

export const id = "kernels";
export const title = "Kernels on a picture";
export const intro = (
  <>
    The same few numbers at every place of a picture: they blur it, sharpen it, find its edges. Choose a
    kernel, or change its numbers.
  </>
);
export const formula = (
  <div class="line">
    <Formula>
      <Sub of="out" index="y,x" />
      <mo>=</mo>
      <mi>scale</mi>
      <mo>·</mo>
      <munder>
        <mo>∑</mo>
        <mrow>
          <mi>i</mi>
          <mo>,</mo>
          <mi>j</mi>
        </mrow>
      </munder>
      <Sub of="k" index="i,j" />
    </Formula>
    <Formula>
      <mo>·</mo>
      <Sub of="p" index="y+i−a,x+j−a" />
      <mo>+</mo>
      <mi>offset</mi>
    </Formula>
  </div>
);

const OWN = "own";
type Name = TextbookKernel | typeof OWN;
const NAMES = [
  ...Object.entries(KERNELS).map(([value, { label }]) => ({ value: value as Name, text: label })),
  { value: OWN as Name, text: "Your own" },
];
const BORDERS: readonly { value: Border; text: string }[] = [
  { value: "reflect101", text: "reflect 101: dcb|abcd|cba" },
  { value: "reflect", text: "reflect: cba|abcd|dcb" },
  { value: "replicate", text: "replicate: aaa|abcd|ddd" },
  { value: "zeros", text: "zeros: 000|abcd|000" },
];
const OWN_SIZES = [3, 5, 7] as const;
/** The largest that is shown as numbers. */
const EDITABLE = 7;

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/**
 * Derivatives have a sum of 0, and results below 0: they are shown around middle gray, as steep as a Sobel kernel at half its size.
 * Others keep brightness as they are.
 */
function shownAs(kernel: Kernel): { scale: number; bias: number } {
  const values = kernel.flat();
  const absolute = sum(values.map(Math.abs));
  if (absolute === 0 || Math.abs(sum(values)) > 1e-6 * absolute) return { scale: 1, bias: 0 };
  return { scale: Number((4 / absolute).toPrecision(2)), bias: 128 };
}

/** A kernel as a picture: 0 is gray. */
function portrait(kernel: Kernel): Pixels {
  const values = kernel.flat();
  const most = Math.max(...values.map(Math.abs)) || 1;
  return {
    data: Uint8ClampedArray.from(values, (v) => 128 + (127 * v) / most),
    width: kernel[0].length,
    height: kernel.length,
    channels: 1,
  };
}

/** A quarter turn clockwise. */
const turned = (kernel: Kernel): number[][] => kernel[0].map((_, x) => kernel.map((row) => row[x]).reverse());

const own = (size: number): number[][] =>
  Array.from({ length: size }, (_, y) =>
    Array.from({ length: size }, (_, x) => (x === size >> 1 && y === size >> 1 ? 1 : 0)),
  );

export function Card({ visible }: CardProps) {
  const [picture, setPicture] = useState<ImageData>();
  const [name, setName] = useState<Name>("sobel-x");
  const [kernel, setKernel] = useState<number[][]>(() => KERNELS["sobel-x"].make());
  const [border, setBorder] = useState<Border>("reflect101");
  const [levels, setLevels] = useState(() => shownAs(kernel));

  const take = (next: number[][], called: Name) => {
    setKernel(next);
    setName(called);
    setLevels(shownAs(next));
  };
  const options = useMemo((): FilterOptions => ({ border, ...levels }), [border, levels]);
  const { value, error } = useJob(
    async () => picture && worker("pictures").filterPicture(picture, kernel, options),
    [picture, kernel, options],
  );
  const asked = useMemo(() => ({ picture, kernel, options }), [picture, kernel, options]);
  const settled = useSettled(asked);
  const times = useJob(async () => {
    const { picture, kernel, options } = settled;
    return picture && { ...(await worker("timing").timeFilter(picture, kernel, options)), settled };
  }, [settled]);

  const [height, width] = [kernel.length, kernel[0].length];
  const label = name === OWN ? "your kernel" : KERNELS[name].label;
  const t = times.value;
  return (
    <>
      <PictureSource onPicture={setPicture} limit={384} visible={visible} testid="kernels-source" />
      <Controls>
        <Select
          label="Kernel"
          value={name}
          options={NAMES}
          onChange={(next) => take(next === OWN ? own(3) : KERNELS[next].make(), next)}
          testid="kernels-name"
        />
        <Select
          label="Border"
          value={border}
          options={BORDERS}
          onChange={setBorder}
          testid="kernels-border"
        />
        {name === OWN && height === width && (
          <Choices
            label="Size"
            value={height}
            options={OWN_SIZES.map((n) => ({ value: n, text: `${n} × ${n}` }))}
            onChange={(n) => take(own(n), OWN)}
            testid="kernels-size"
          />
        )}
      </Controls>
      <div class="row">
        <div class="titled">
          <h3>
            {label}, {height} × {width}
          </h3>
          {name !== OWN && <p class="note">{KERNELS[name].formula}</p>}
          {Math.max(height, width) <= EDITABLE ? (
            <MatrixEditor
              label={label}
              value={kernel}
              testid="kernels-matrix"
              onChange={(next) => {
                setKernel(next);
                setName(OWN);
              }}
            />
          ) : (
            <Picture
              pixels={portrait(kernel)}
              label={`The ${height} by ${width} values of ${label}: gray is 0`}
              pixelated
              width={168}
              testid="kernels-portrait"
            />
          )}
          <div class="buttons">
            <Button testid="kernels-turn" onClick={() => take(turned(kernel), OWN)}>
              turn
            </Button>
            <Button testid="kernels-normalize" onClick={() => take(normalizeKernel(kernel), OWN)}>
              normalize
            </Button>
          </div>
        </div>
        <div class="titled levels">
          <h3>Shown as</h3>
          <Slider
            label="Scale"
            value={levels.scale}
            min={0}
            max={8}
            step={0.01}
            onInput={(scale) => setLevels({ ...levels, scale })}
            testid="kernels-scale"
          />
          <Slider
            label="Offset"
            value={levels.bias}
            min={0}
            max={255}
            onInput={(bias) => setLevels({ ...levels, bias })}
            testid="kernels-bias"
          />
          <p class="note">
            {levels.bias === 128
              ? "The numbers add up to 0: flat parts become middle gray, falls darker, rises brighter."
              : "Results below 0 and above 255 are cut off."}
          </p>
        </div>
      </div>
      <div class="pictures two">
        <Picture pixels={picture} label="The picture" caption="Picture" testid="kernels-picture" />
        <Picture
          pixels={value}
          label={`The picture after ${label}`}
          caption={`After ${label}`}
          testid="kernels-result"
        />
      </div>
      <Result testid="kernels-times" live={false}>
        {t && (
          <>
            <b data-testid="kernels-ms">{milliseconds(t.engine)}</b> ms a frame here,{" "}
            <b data-testid="kernels-naive-ms">{milliseconds(t.naive)}</b> ms in a plain JavaScript loop:{" "}
            <span data-testid="kernels-speedup">{(t.naive / t.engine).toFixed(1)}</span> times as fast.
          </>
        )}
      </Result>
      <p class="note">
        {t && (
          <>
            {t.settled.picture?.width} × {t.settled.picture?.height} pixels, RGBA in and out, medians of
            several runs, both in the same Worker.{" "}
            <span data-testid="kernels-different">
              {t.different === 0 ? "Both give the same" : `${t.different} of the`} {t.bytes} bytes
            </span>
            {t.different > 0 && " differ by rounding"}.
          </>
        )}
      </p>
      <Failure error={error ?? times.error} />
    </>
  );
}
