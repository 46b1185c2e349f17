// One-dimensional kernels as curves: weight over the distance from the middle.
import type { JSX } from "preact";

export interface WindowCurve {
  readonly name: string;
  readonly weights: readonly number[];
}

const [WIDTH, HEIGHT, MARGIN] = [360, 150, { left: 44, right: 8, top: 8, bottom: 30 }];

export function WindowCurves({
  curves,
  title,
}: {
  curves: readonly WindowCurve[];
  title: string;
}): JSX.Element {
  const radius = Math.max(1, ...curves.map(({ weights }) => weights.length >> 1));
  const highest = Math.max(...curves.flatMap(({ weights }) => weights));
  const lowest = Math.min(0, ...curves.flatMap(({ weights }) => weights));
  const inner = [WIDTH - MARGIN.left - MARGIN.right, HEIGHT - MARGIN.top - MARGIN.bottom];
  const xOf = (offset: number) => MARGIN.left + ((offset + radius) / (2 * radius)) * inner[0];
  const yOf = (weight: number) => MARGIN.top + ((highest - weight) / (highest - lowest || 1)) * inner[1];
  return (
    <svg class="curves" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={title}>
      <path
        class="curves-axis"
        d={`M${MARGIN.left} ${yOf(0)}h${inner[0]}M${xOf(0)} ${MARGIN.top}v${inner[1]}`}
      />
      {[lowest, highest].map((weight) => (
        <text key={weight} class="curves-tick curves-weight" x={MARGIN.left - 6} y={yOf(weight) + 4}>
          {weight.toFixed(3)}
        </text>
      ))}
      {[-radius, 0, radius].map((offset) => (
        <text key={offset} class="curves-tick" x={xOf(offset)} y={HEIGHT - 10}>
          {offset}
        </text>
      ))}
      {curves.map(({ name, weights }, i) => {
        const points = weights.map((weight, k) => [xOf(k - (weights.length >> 1)), yOf(weight)]);
        return (
          <g key={name} class={`curves-series curves-series-${i}`}>
            <polyline points={points.map((p) => p.join()).join(" ")} />
            {points.length < 60 && points.map(([x, y]) => <circle key={x} cx={x} cy={y} r={2.5} />)}
          </g>
        );
      })}
    </svg>
  );
}
