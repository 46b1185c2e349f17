// Curves, drawn by uPlot.
import { useEffect, useMemo, useRef } from "preact/hooks";
import uPlot from "uplot";
import { useWidth } from "./hooks.ts";
import { colour, useTheme } from "./theme.ts";

export interface Curve {
  readonly label: string;
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** A custom property of style.css ("--accent") or a CSS colour. */
  readonly colour: string;
  readonly dashed?: boolean;
  /** Default 2. */
  readonly width?: number;
}

export interface ChartProps {
  readonly curves: readonly Curve[];
  /** Says what is drawn; the last values belong beside it, as text. */
  readonly label: string;
  readonly xLabel: string;
  readonly height?: number;
  /** Logarithmic y. */
  readonly log?: boolean;
  /** Limits of y; default: as the curves need. */
  readonly range?: readonly [number, number];
  readonly testid?: string;
}

/** Points above which a list that grows is thinned: more than a chart has pixels. */
const POINTS = 800;

/** Every second point once there are too many: the more there are, the wider apart they lie. */
export const thinned = <T,>(points: readonly T[]): readonly T[] =>
  points.length < POINTS ? points : points.filter((_, i) => i % 2 === 0);

/** Curves over a common x axis, each with points of its own. */
export function Chart({ curves, label, xLabel, height = 220, log = false, range, testid }: ChartProps) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const theme = useTheme();
  const plot = useRef<uPlot | undefined>(undefined);
  const data = useMemo(() => aligned(curves), [curves]);
  const latest = useRef(data);
  latest.current = data;
  const kind = JSON.stringify(
    curves.map(({ label, colour, dashed, width }) => [label, colour, dashed, width]),
  );

  useEffect(() => {
    if (!ref.current || width === 0) return;
    const css = (name: string) => (name.startsWith("--") ? colour(name) : name);
    const axis = {
      stroke: css("--muted"),
      grid: { stroke: css("--line"), width: 1 },
      ticks: { show: false },
    };
    const font = "12px system-ui, sans-serif";
    plot.current = new uPlot(
      {
        width,
        height,
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: false },
          y: log ? { distr: 3, log: 10 } : range ? { range: [range[0], range[1]] } : {},
        },
        axes: [
          { ...axis, font, size: 44, label: xLabel, labelFont: font, labelSize: 18 },
          log
            ? {
                ...axis,
                grid: {
                  ...axis.grid,
                  filter: (_, ticks) => ticks.map((tick) => (isPower(tick) ? tick : null)),
                },
                font,
                size: 52,
                values: (_, ticks) => ticks.map((tick) => (isPower(tick) ? power(tick) : "")),
              }
            : { ...axis, font, size: 52 },
        ],
        series: [
          {},
          ...curves.map(({ label, colour, dashed, width = 2 }) => ({
            label,
            stroke: css(colour),
            width,
            dash: dashed ? [5, 5] : undefined,
            spanGaps: true,
            points: { show: false },
          })),
        ],
      },
      latest.current,
      ref.current,
    );
    return () => {
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [width > 0, height, kind, theme, log, xLabel, range?.[0], range?.[1]]);
  useEffect(() => {
    if (width > 0) plot.current?.setSize({ width, height });
  }, [width, height]);
  useEffect(() => {
    plot.current?.setData(data);
  }, [data]);

  return (
    <div class="chart">
      <div ref={ref} role="img" aria-label={label} data-testid={testid} style={{ height: `${height}px` }} />
    </div>
  );
}

const isPower = (value: number | null): value is number =>
  value !== null && Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9;

/** 0.0001 as "10⁻⁴". */
function power(value: number): string {
  const exponent = Math.round(Math.log10(value));
  if (exponent >= -2 && exponent <= 3) return String(Number(value.toPrecision(1)));
  return `10${[...String(exponent)].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)])).join("")}`;
}

function aligned(curves: readonly Curve[]): uPlot.AlignedData {
  if (curves.length === 0) return [[]];
  return uPlot.join(curves.map(({ x, y }) => [[...x], [...y]] as uPlot.AlignedData));
}

/** What the colours of a chart mean, with the last value of each curve. */
export function Legend({
  entries,
}: {
  readonly entries: readonly { label: string; colour: string; value?: string; dashed?: boolean }[];
}) {
  return (
    <ul class="legend">
      {entries.map(({ label, colour, value, dashed }) => (
        <li key={label}>
          <span
            class={dashed ? "swatch dashed" : "swatch"}
            style={{ borderColor: colour.startsWith("--") ? `var(${colour})` : colour }}
            aria-hidden="true"
          />
          {label} {value && <span class="value">{value}</span>}
        </li>
      ))}
    </ul>
  );
}
