// What the card on learning shows of a network: kernels, feature maps, probabilities, a confusion matrix.
import { useMemo } from "preact/hooks";
import { useScrollable } from "../shared/hooks.ts";
import type { Pixels } from "../shared/picture.tsx";
import { useTheme } from "../shared/theme.ts";
import { Tiles } from "../shared/tiles.tsx";
import { kernelPicture, largestOf, mapPicture } from "../shared/weights.ts";
import { FILTERS, FILTERS_2, KERNEL, type Look } from "../worker/digits-shapes.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
export const percent = (part: number, digits = 1) => `${(100 * part).toFixed(digits)} %`;

/** Kernels of the first layer; their numbers stand in data-values, kernel after kernel. */
export function Kernels({ kernels }: { readonly kernels: Float32Array }) {
  const theme = useTheme();
  const pictures = useMemo(() => {
    const largest = largestOf(kernels);
    return numbers(FILTERS).map((k) =>
      kernelPicture(kernels, { side: KERNEL, count: FILTERS, k, largest }, theme),
    );
  }, [kernels, theme]);
  const values = numbers(FILTERS).map((k) =>
    numbers(KERNEL * KERNEL).map((i) => Number(kernels[i * FILTERS + k].toPrecision(4))),
  );
  const flat = values.flat();
  return (
    <Tiles
      pictures={pictures}
      size={64}
      label={`${FILTERS} kernels of 5 x 5 weights, from ${Math.min(...flat).toFixed(2)} to ${Math.max(...flat).toFixed(2)}`}
      testid="learn-kernels"
      values={JSON.stringify(values)}
    />
  );
}

/** Feature maps of both convolutions. */
export function Maps({ look }: { readonly look: Look }) {
  const [first, second] = useMemo(() => {
    const pictures = (maps: Float32Array, side: number, count: number) => {
      const largest = largestOf(maps);
      return numbers(count).map((k) => mapPicture(maps, { width: side, height: side, count, k, largest }));
    };
    return [pictures(look.maps, 28, FILTERS), pictures(look.maps2, 14, FILTERS_2)];
  }, [look]);
  return (
    <>
      <h3>
        Feature maps of the first layer <span class="note">28 × 28, one per kernel</span>
      </h3>
      <Tiles
        pictures={first}
        size={64}
        label={`${FILTERS} feature maps of the first layer: bright where their kernel fits`}
        testid="learn-maps"
        values={JSON.stringify({ largest: Number(largestOf(look.maps).toPrecision(4)) })}
      />
      <h3>
        Feature maps of the second layer <span class="note">14 × 14, each from all eight above, pooled</span>
      </h3>
      <Tiles
        pictures={second}
        size={48}
        label={`${FILTERS_2} feature maps of the second layer`}
        testid="learn-maps-2"
        values={JSON.stringify({ largest: Number(largestOf(look.maps2).toPrecision(4)) })}
      />
    </>
  );
}

/** A bar per digit. */
export function Probabilities({ look, label }: { readonly look: Look; readonly label: number | undefined }) {
  const p = [...look.probabilities];
  const best = p.indexOf(Math.max(...p));
  return (
    <>
      <ul class="bars" aria-label="Probability of each digit">
        {p.map((part, digit) => (
          <li key={digit} class={digit === best ? "best" : undefined}>
            <span>{digit}</span>
            <span class="track" aria-hidden="true">
              <span class="bar" style={{ width: `${100 * part}%` }} />
            </span>
            <span data-testid={`learn-p-${digit}`}>{percent(part)}</span>
          </li>
        ))}
      </ul>
      <p class="result">
        The network reads a <strong data-testid="learn-read">{best}</strong>
        {label === undefined ? "." : `; it is a ${label}${label === best ? ": right." : ": wrong."}`}
      </p>
    </>
  );
}

/** What the network sees of a digit: 28 x 28 numbers. */
export function digitPicture(pixels: Float32Array): Pixels {
  return { data: Uint8ClampedArray.from(pixels, (v) => 255 * (1 - v)), width: 28, height: 28, channels: 1 };
}

/** Rows: the digit shown; columns: the digit read. */
export function Confusion({ matrix }: { readonly matrix: readonly (readonly number[])[] }) {
  const box = useScrollable<HTMLDivElement>();
  const most = Math.max(1, ...matrix.flatMap((row, shown) => row.filter((_, read) => read !== shown)));
  return (
    <div class="grid-scroll" ref={box}>
      <table class="grid confusion" data-testid="learn-confusion">
        <caption class="visually-hidden">
          Confusion matrix: rows are the digit shown, columns the digit the network read
        </caption>
        <thead>
          <tr>
            <td />
            {numbers(10).map((read) => (
              <th key={read} scope="col">
                {read}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {matrix.map((row, shown) => (
            <tr key={shown}>
              <th scope="row">{shown}</th>
              {row.map((count, read) => (
                <td
                  key={read}
                  class={shown === read ? "right" : undefined}
                  style={{ backgroundColor: shade(count, shown === read, most, row) }}
                >
                  {count || "·"}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function shade(count: number, right: boolean, most: number, row: readonly number[]): string {
  const part = right
    ? count /
      Math.max(
        1,
        row.reduce((sum, n) => sum + n, 0),
      )
    : count / most;
  return `color-mix(in oklab, var(${right ? "--accent" : "--positive"}) ${Math.round(part * (right ? 45 : 55))}%, var(--sunken))`;
}
