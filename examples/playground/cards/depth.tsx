// (e) Filters that are as deep as their input, and the maps that they make: the first layer of a trained network.
import { useEffect, useMemo, useState } from "preact/hooks";
import "../pictures.css";
import type { CardProps } from "../shared/card.ts";
import { worker } from "../shared/client.ts";
import { Controls, Failure, Result, Slider, Toggle } from "../shared/controls.tsx";
import { useJob } from "../shared/hooks.ts";
import { Formula, Sub } from "../shared/math.tsx";
import { diverging, Grid, number } from "../shared/matrix.tsx";
import { Picture, type Pixels } from "../shared/picture.tsx";
import { PictureSource } from "../shared/source.tsx";
import { Thumb } from "../shared/thumb.tsx";
import { Volumes } from "../shared/volume.tsx";
import type { FirstLayer } from "../worker/layers.ts";

export const id = "depth";
export const title = "Depth and feature maps";
export const intro = (
  <>
    A colour picture is a volume: height × width × 3 channels. A filter is as deep as its input and gives one
    number per place, so many filters give a volume again, a map for each. These are the first filters of
    ESRGAN-slim, a network trained to enlarge photos.
  </>
);
export const formula = (
  <div class="line">
    <Formula>
      <Sub of="y" index="r,s,f" />
      <mo>=</mo>
      <Sub of="b" index="f" />
      <mo>+</mo>
      <munder>
        <mo>∑</mo>
        <mi>c</mi>
      </munder>
      <munder>
        <mo>∑</mo>
        <mrow>
          <mi>i</mi>
          <mo>,</mo>
          <mi>j</mi>
        </mrow>
      </munder>
    </Formula>
    <Formula>
      <Sub of="w" index="i,j,c,f" />
      <mo>·</mo>
      <Sub of="x" index="r+i−1,s+j−1,c" />
    </Formula>
  </div>
);

const CHANNELS = ["red", "green", "blue"] as const;
const COLORS = ["#d64545", "#3d9a50", "#4472d6"] as const;
const TAPS = [0, 1, 2] as const;
/** As many as fit a screen. */
const FEW = 16;
/** Longest side of the picture: a map is drawn for each filter. */
const LIMIT = 96;

/** The values of one filter for one channel. */
const plane = ({ kernel, filters }: FirstLayer, filter: number, channel: number): number[][] =>
  TAPS.map((i) => TAPS.map((j) => kernel[((i * 3 + j) * 3 + channel) * filters + filter]));

const largest = (grids: readonly (readonly (readonly number[])[])[]): number =>
  Math.max(...grids.flat(2).map(Math.abs));

/** A filter as 3 x 3 coloured pixels: gray is 0. */
function tile(layer: FirstLayer, filter: number): Pixels {
  const planes = CHANNELS.map((_, c) => plane(layer, filter, c));
  const most = largest(planes);
  const data = new Uint8ClampedArray(27);
  for (const i of TAPS)
    for (const j of TAPS)
      planes.forEach((values, c) => {
        data[(i * 3 + j) * 3 + c] = 128 + (127 * values[i][j]) / most;
      });
  return { data, width: 3, height: 3, channels: 3 };
}

/** The 3 x 3 values of a channel around a place; 0 outside. */
const patch = (
  { data, width, height }: ImageData,
  row: number,
  column: number,
  channel: number,
): number[][] =>
  TAPS.map((i) =>
    TAPS.map((j) => {
      const [y, x] = [row + i - 1, column + j - 1];
      return y < 0 || x < 0 || y >= height || x >= width ? 0 : data[(y * width + x) * 4 + channel];
    }),
  );

const product = (a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number =>
  a.flat().reduce((sum, value, k) => sum + value * b.flat()[k], 0);

export function Card({ visible }: CardProps) {
  const [picture, setPicture] = useState<ImageData>();
  const [chosen, setChosen] = useState(0);
  const [all, setAll] = useState(false);
  const [place, setPlace] = useState({ row: 24, column: 46 });
  const layer = useJob(() => worker("pictures").firstLayer(), []);
  const maps = useJob(
    async () => picture && { picture, ...(await worker("pictures").featureMaps(picture)) },
    [picture],
  );
  // Another picture may be smaller.
  useEffect(() => {
    if (picture)
      setPlace(({ row, column }) => ({
        row: Math.min(row, picture.height - 1),
        column: Math.min(column, picture.width - 1),
      }));
  }, [picture]);

  const first = layer.value;
  const shown = maps.value;
  const tiles = useMemo(
    () => (first ? Array.from({ length: first.filters }, (_, f) => tile(first, f)) : []),
    [first],
  );
  const pixels = useMemo(
    () =>
      shown?.pictures.map(
        (data): Pixels => ({
          ...{ data, width: shown.width, height: shown.height },
          channels: data.length / (shown.width * shown.height),
        }),
      ) ?? [],
    [shown],
  );
  const count = all ? tiles.length : Math.min(FEW, tiles.length);

  return (
    <>
      <PictureSource onPicture={setPicture} limit={LIMIT} visible={visible} testid="depth-source" />
      {shown && first && (
        <>
          <Volumes
            title={`A picture of ${shown.height} by ${shown.width} by 3, convolved with ${first.filters} filters of 3 by 3 by 3, gives ${shown.height} by ${shown.width} by ${first.filters}`}
            volumes={[
              { label: "picture", height: shown.height, width: shown.width, channels: 3, colors: COLORS },
              { label: "filters", height: 3, width: 3, channels: 3, count: first.filters, colors: COLORS },
              { label: "feature maps", height: shown.height, width: shown.width, channels: first.filters },
            ]}
            signs={["∗", "="]}
          />
          <Result testid="depth-shape" live={false}>
            {first.kernel.length + first.bias.length} parameters: {first.filters} × (3 × 3 × 3 weights + 1
            bias). Output: {shown.height} × {shown.width} × {first.filters}.
          </Result>
        </>
      )}
      <fieldset class="maps" data-testid="depth-filters">
        <legend>Filters, and the map that each makes</legend>
        {tiles.slice(0, count).map((pixelsOfTile, f) => (
          <label key={f} class="map" onPointerEnter={() => setChosen(f)}>
            <input
              type="radio"
              name="depth-filter"
              checked={f === chosen}
              onChange={() => setChosen(f)}
              data-testid={`depth-filter-${f}`}
            />
            <span class="map-face">
              <Thumb pixels={pixelsOfTile} width={33} />
              <Thumb pixels={pixels[f]} width={64} />
              <span class="map-name">filter {f}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <Controls>
        <Toggle
          label={`all ${tiles.length || ""} filters`}
          value={all}
          onChange={(next) => {
            setAll(next);
            if (!next && chosen >= FEW) setChosen(0);
          }}
          testid="depth-all"
        />
      </Controls>
      {first && shown && (
        <Sum first={first} filter={chosen} place={place} onPlace={setPlace} map={pixels[chosen]} {...shown} />
      )}
      <Failure error={layer.error ?? maps.error} />
    </>
  );
}

interface SumProps {
  readonly first: FirstLayer;
  readonly filter: number;
  readonly picture: ImageData;
  readonly values: Float32Array;
  readonly map: Pixels;
  readonly place: { readonly row: number; readonly column: number };
  readonly onPlace: (place: { row: number; column: number }) => void;
}

/** One place of one map, computed before the eyes. */
function Sum({ first, filter, picture, values, map, place, onPlace }: SumProps) {
  const { width, height } = picture;
  const row = Math.min(place.row, height - 1);
  const column = Math.min(place.column, width - 1);
  const kernels = CHANNELS.map((_, c) => plane(first, filter, c));
  const patches = CHANNELS.map((_, c) => patch(picture, row, column, c));
  const sums = CHANNELS.map((_, c) => product(kernels[c], patches[c]));
  const bias = first.bias[filter];
  const value = sums.reduce((a, b) => a + b, bias);
  const given = values[(row * width + column) * first.filters + filter];
  const most = largest(kernels);
  const mark = {
    left: `${((column + 0.5) / width) * 100}%`,
    top: `${((row + 0.5) / height) * 100}%`,
  };
  const choose = (event: MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const at = (offset: number, length: number, size: number) =>
      Math.max(0, Math.min(size - 1, Math.floor((offset / length) * size)));
    onPlace({
      row: at(event.clientY - box.top, box.height, height),
      column: at(event.clientX - box.left, box.width, width),
    });
  };
  return (
    <>
      <div class="row">
        {(
          [
            [picture, "The picture", "depth-picture"],
            [map, `The map of filter ${filter}: dark is low, bright is high`, "depth-map"],
          ] as const
        ).map(([shown, label, testid]) => (
          <div key={testid} class="titled">
            <h3>{testid === "depth-map" ? `Map of filter ${filter}` : "Picture"}</h3>
            {/* The sliders below do the same for the keyboard. */}
            {/* biome-ignore lint/a11y/noStaticElementInteractions lint/a11y/useKeyWithClickEvents: see above */}
            <div class="marked" onClick={choose}>
              <Picture pixels={shown} label={label} pixelated width={288} testid={testid} />
              <span class="mark" style={mark} />
            </div>
          </div>
        ))}
      </div>
      <Controls>
        <Slider
          label="Row"
          value={row}
          min={0}
          max={height - 1}
          onInput={(next) => onPlace({ row: next, column })}
          testid="depth-row"
        />
        <Slider
          label="Column"
          value={column}
          min={0}
          max={width - 1}
          onInput={(next) => onPlace({ row, column: next })}
          testid="depth-column"
        />
      </Controls>
      <div class="channels">
        {CHANNELS.map((name, c) => (
          <div key={name} class="channel" style={{ "--channel": COLORS[c] }}>
            <h3>{name}</h3>
            <div class="channel-product">
              <Grid label={`Picture, ${name}`} values={patches[c]} />
              <span aria-hidden="true">·</span>
              <Grid
                label={`Filter ${filter}, ${name}`}
                values={kernels[c]}
                background={(v) => diverging(v, most)}
                testid={`depth-kernel-${name}`}
              />
            </div>
            <p>
              sum <b data-testid={`depth-sum-${name}`}>{number(sums[c])}</b>
            </p>
          </div>
        ))}
      </div>
      <Result testid="depth-equation" live={false}>
        {sums.map((sum, c) => (
          <span key={CHANNELS[c]}>
            {c > 0 && " + "}
            {sum < 0 ? `(${number(sum)})` : number(sum)}
          </span>
        ))}{" "}
        + bias <span data-testid="depth-bias">{number(bias)}</span> ={" "}
        <b data-testid="depth-value">{number(value)}</b>; the layer gives{" "}
        <span data-testid="depth-given">{number(given)}</span>
      </Result>
    </>
  );
}
