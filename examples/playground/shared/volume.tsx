// Volumes of height x width x channels, drawn as boxes in an oblique projection.
import type { JSX } from "preact";

export interface Volume {
  readonly label: string;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** How many of them, where it is a stack of filters. */
  readonly count?: number;
  /** The colour of each channel's slice, where there are few. */
  readonly colors?: readonly string[];
}

/** Sides grow as the square root of their sizes, so that 3 and 192 fit one drawing. */
const px = (size: number): number => 9 * Math.sqrt(size);
/** A channel is drawn to the upper right. */
const [ACROSS, UP] = [0.55, 0.4];
const GAP = 26;
const TEXT = 34;

const depthOf = (v: Volume): number => px(v.channels);
const spanOf = (v: Volume): number => Math.max(px(v.width) + depthOf(v) * ACROSS, 84);
const tallOf = (v: Volume): number => px(v.height) + depthOf(v) * UP;

function Box({ volume, x, base }: { volume: Volume; x: number; base: number }): JSX.Element {
  const { width, height, channels, colors, count, label } = volume;
  const [w, h] = [px(width), px(height)];
  const slices = colors?.length ?? 1;
  const left = x + (spanOf(volume) - w - depthOf(volume) * ACROSS) / 2;
  const middle = x + spanOf(volume) / 2;
  // From the back to the front, so that nearer slices cover farther ones.
  const boxes = Array.from({ length: slices }, (_, i) => {
    const from = ((slices - 1 - i) * depthOf(volume)) / slices;
    const d = depthOf(volume) / slices;
    const [fx, fy] = [left + from * ACROSS, base - h - from * UP];
    const [dx, dy] = [d * ACROSS, -d * UP];
    const color = colors?.[slices - 1 - i];
    const style = color ? { "--face": color } : undefined;
    return (
      <g key={from} style={style}>
        <path class="volume-top" d={`M${fx} ${fy}l${dx} ${dy}h${w}l${-dx} ${-dy}z`} />
        <path class="volume-side" d={`M${fx + w} ${fy}l${dx} ${dy}v${h}l${-dx} ${-dy}z`} />
        <rect class="volume-front" x={fx} y={fy} width={w} height={h} />
      </g>
    );
  });
  return (
    <g>
      {boxes}
      <text class="volume-size" x={middle} y={base + 15}>
        {count ? `${count} × (` : ""}
        {height} × {width} × {channels}
        {count ? ")" : ""}
      </text>
      <text class="volume-label" x={middle} y={base + 30}>
        {label}
      </text>
    </g>
  );
}

/** Volumes side by side with a sign between two: input ∗ filters = output. */
export function Volumes({
  volumes,
  signs,
  title,
}: {
  volumes: readonly Volume[];
  signs: readonly string[];
  title: string;
}): JSX.Element {
  const base = Math.max(...volumes.map(tallOf)) + 6;
  let x = 0;
  const parts = volumes.map((volume, i) => {
    const at = x;
    x += spanOf(volume) + GAP;
    return (
      <g key={volume.label}>
        <Box volume={volume} x={at} base={base} />
        {signs[i] && (
          <text class="volume-sign" x={x - GAP / 2} y={base - 20}>
            {signs[i]}
          </text>
        )}
      </g>
    );
  });
  return (
    <svg class="volumes" viewBox={`-2 0 ${x - GAP + 4} ${base + TEXT}`} role="img" aria-label={title}>
      {parts}
    </svg>
  );
}
