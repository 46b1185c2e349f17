// (d) Canny's edge detector, stage by stage.
import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import "../pictures.css";
import { Absolute, Of } from "../shared/brackets.tsx";
import type { CardProps } from "../shared/card.ts";
import { worker } from "../shared/client.ts";
import { Choices, Controls, Failure, Result, Slider, Toggle } from "../shared/controls.tsx";
import { useJob } from "../shared/hooks.ts";
import { Formula } from "../shared/math.tsx";
import { milliseconds } from "../shared/milliseconds.ts";
import { Picture, type Pixels } from "../shared/picture.tsx";
import { useSettled } from "../shared/settled.ts";
import { PictureSource } from "../shared/source.tsx";
import type { EdgeOptions } from "../worker/edges.ts";

export const id = "canny";
export const title = "Canny, stage by stage";
export const intro = (
  <>
    From slopes to lines one pixel wide, in the five steps that John Canny published in 1986. Move a slider
    and watch which stage it changes.
  </>
);
export const formula = (
  <div class="line">
    <Formula>
      <Absolute>
        <mi>g</mi>
      </Absolute>
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
      <mspace width="1em" />
      <mtext>or</mtext>
      <mspace width="1em" />
      <Absolute>
        <msub>
          <mi>g</mi>
          <mi>x</mi>
        </msub>
      </Absolute>
      <mo>+</mo>
      <Absolute>
        <msub>
          <mi>g</mi>
          <mi>y</mi>
        </msub>
      </Absolute>
    </Formula>
    <Formula>
      <mspace width="1.5em" />
      <mi>θ</mi>
      <mo>=</mo>
      <mi>atan2</mi>
      <Of>
        <msub>
          <mi>g</mi>
          <mi>y</mi>
        </msub>
        <mo>,</mo>
        <msub>
          <mi>g</mi>
          <mi>x</mi>
        </msub>
      </Of>
    </Formula>
  </div>
);

type Stage =
  | "gray"
  | "smoothed"
  | "dx"
  | "dy"
  | "magnitude"
  | "direction"
  | "thinned"
  | "thresholds"
  | "edges";

const STAGES: readonly { key: Stage; name: string; text: string }[] = [
  { key: "gray", name: "Gray", text: "Brightness alone: 0.299 red + 0.587 green + 0.114 blue." },
  {
    key: "smoothed",
    name: "Smoothed",
    text: "A Gaussian blur removes grain, which would make edges of its own.",
  },
  {
    key: "dx",
    name: "Slope to the right",
    text: "Sobel's kernel for x. Middle gray is flat, bright rises, dark falls.",
  },
  { key: "dy", name: "Slope downwards", text: "Sobel's kernel for y." },
  { key: "magnitude", name: "Magnitude", text: "How steep it is, whatever the direction." },
  {
    key: "direction",
    name: "Direction",
    text: "Where it rises, in four sectors: red across, blue up and down, yellow and green diagonally.",
  },
  {
    key: "thinned",
    name: "Thinned",
    text: "Only pixels steeper than both neighbours along the slope stay: ridges, one pixel wide.",
  },
  {
    key: "thresholds",
    name: "Thresholds",
    text: "White is above the high threshold: an edge. Gray lies between the two: perhaps.",
  },
  {
    key: "edges",
    name: "Edges",
    text: "Gray pixels that touch an edge, directly or through others, become edges; the rest goes.",
  },
];

/** Slopes of bytes under Sobel's kernels: their largest by aperture, and a good pair of thresholds for 3. */
const STEEPEST: Readonly<Record<3 | 5 | 7, number>> = { 3: 1020, 5: 12_240, 7: 163_200 };

export function Card({ visible }: CardProps) {
  const [picture, setPicture] = useState<ImageData>();
  const [sigma, setSigma] = useState(1.4);
  const [automatic, setAutomatic] = useState(true);
  // In parts of the steepest slope, so that they mean the same for every aperture.
  const [low, setLow] = useState(0.05);
  const [high, setHigh] = useState(0.15);
  const [aperture, setAperture] = useState<3 | 5 | 7>(3);
  const [l2, setL2] = useState(true);

  const steepest = STEEPEST[aperture];
  const options = useMemo(
    (): EdgeOptions => ({
      ...(sigma > 0 && { sigma }),
      ...(!automatic && { low: Math.round(low * steepest), high: Math.round(high * steepest) }),
      ...{ aperture, l2 },
    }),
    [sigma, automatic, low, high, aperture, l2, steepest],
  );
  const { value, error } = useJob(
    async () => picture && worker("pictures").edgeStages(picture, options),
    [picture, options],
  );
  const asked = useMemo(() => ({ picture, options }), [picture, options]);
  const settled = useSettled(asked);
  const times = useJob(
    async () => settled.picture && worker("timing").timeEdges(settled.picture, settled.options),
    [settled],
  );
  const threshold = (part: number) => String(Math.round(part * steepest));

  const counted: Partial<Record<Stage, ComponentChildren>> = value
    ? {
        thinned: (
          <>
            <span data-testid="canny-thinned-count">{value.counts.thinned}</span> pixels.
          </>
        ),
        thresholds: (
          <>
            <span data-testid="canny-strong-count">{value.counts.strong}</span> white,{" "}
            <span data-testid="canny-weak-count">{value.counts.weak}</span> gray.
          </>
        ),
        edges: (
          <>
            <span data-testid="canny-edges-count">{value.counts.edges}</span> pixels.
          </>
        ),
      }
    : {};
  return (
    <>
      <PictureSource onPicture={setPicture} limit={320} visible={visible} testid="canny-source" />
      <Controls>
        <Slider
          label="Sigma"
          value={sigma}
          min={0}
          max={5}
          step={0.1}
          format={(v) => (v === 0 ? "none" : v.toFixed(1))}
          onInput={setSigma}
          testid="canny-sigma"
        />
        <Choices
          label="Sobel aperture"
          value={aperture}
          options={([3, 5, 7] as const).map((n) => ({ value: n, text: `${n}` }))}
          onChange={setAperture}
          testid="canny-aperture"
        />
        <Choices
          label="Magnitude"
          value={l2 ? "l2" : "l1"}
          options={[
            { value: "l2", text: "L2: root of squares" },
            { value: "l1", text: "L1: sum" },
          ]}
          onChange={(norm) => setL2(norm === "l2")}
          testid="canny-norm"
        />
        <Toggle
          label="automatic thresholds"
          value={automatic}
          onChange={(next) => {
            // The sliders begin where the automatic left off.
            if (!next && value) {
              setLow(value.low / steepest);
              setHigh(value.high / steepest);
            }
            setAutomatic(next);
          }}
          testid="canny-automatic"
        />
        {!automatic && (
          <>
            <Slider
              label="Low"
              value={low}
              min={0}
              max={0.5}
              step={0.001}
              format={threshold}
              onInput={(next) => {
                setLow(next);
                setHigh(Math.max(next, high));
              }}
              testid="canny-low"
            />
            <Slider
              label="High"
              value={high}
              min={0}
              max={0.5}
              step={0.001}
              format={threshold}
              onInput={(next) => {
                setHigh(next);
                setLow(Math.min(next, low));
              }}
              testid="canny-high"
            />
          </>
        )}
      </Controls>
      <Result testid="canny-result" live={false}>
        {value && (
          <>
            Thresholds <b data-testid="canny-low-used">{Math.round(value.low)}</b> and{" "}
            <b data-testid="canny-high-used">{Math.round(value.high)}</b>
            {automatic && ", chosen from the picture"}; steepest slope {Math.round(value.steepest)}.{" "}
          </>
        )}
        {times.value !== undefined && (
          <>
            <span data-testid="canny-ms">{milliseconds(times.value)}</span> ms from picture to edges.
          </>
        )}
      </Result>
      <ol class="pictures stages">
        {STAGES.map(({ key, name, text }, i) => (
          <li key={key}>
            <h3>
              <span class="position" aria-hidden="true">
                {i + 1}
              </span>
              {name}
            </h3>
            <Picture
              pixels={value?.pictures[key] as Pixels | undefined}
              label={`${name}: ${text}`}
              testid={`canny-${key}`}
            />
            <p class="note">
              {text} {counted[key]}
            </p>
          </li>
        ))}
      </ol>
      <Failure error={error ?? times.error} />
    </>
  );
}
