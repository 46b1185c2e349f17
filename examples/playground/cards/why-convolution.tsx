// (g) A dense layer beside a convolution on the same small picture: connections, weights, multiplications.
import { useState } from "preact/hooks";
import { worker } from "../shared/client.ts";
import { Controls, Failure, Result, Slider } from "../shared/controls.tsx";
import { useJob } from "../shared/hooks.ts";

export const id = "why-convolution";
export const title = "Why convolution";
export const intro =
  "A dense layer connects every output with every pixel, and every connection has a weight of its own. A convolution connects an output with the few pixels around it (sparse connections), and uses the same few weights everywhere (weight sharing). The colour of a line says which weight it carries: the same colour is the same number.";
export const formula = (
  <div class="line">
    <math display="block">
      <mtext>dense</mtext>
      <mo>:</mo>
      <msup>
        <mi>W</mi>
        <mn>2</mn>
      </msup>
      <mo>·</mo>
      <msup>
        <mi>W</mi>
        <mn>2</mn>
      </msup>
      <mi>M</mi>
      <mo>+</mo>
      <msup>
        <mi>W</mi>
        <mn>2</mn>
      </msup>
      <mi>M</mi>
    </math>
    <math display="block">
      <mspace width="1.5em" />
      <mtext>convolution</mtext>
      <mo>:</mo>
      <msup>
        <mi>F</mi>
        <mn>2</mn>
      </msup>
      <mi>M</mi>
      <mo>+</mo>
      <mi>M</mi>
      <mspace width="1em" />
      <mtext>parameters</mtext>
    </math>
  </div>
);

/** Sides of pictures in the world, for the last row of the table. */
const LARGE = 224;

const PICTURE = [
  [0.1, 0.9, 0.9, 0.9, 0.2, 0.1],
  [0.1, 0.2, 0.1, 0.9, 0.2, 0.1],
  [0.0, 0.1, 0.8, 0.4, 0.1, 0.0],
  [0.1, 0.8, 0.5, 0.1, 0.1, 0.1],
  [0.2, 0.9, 0.9, 0.9, 0.8, 0.1],
  [0.1, 0.0, 0.1, 0.1, 0.0, 0.1],
];

const grouped = (value: number) => value.toLocaleString("en-US");

export function Card() {
  const [side, setSide] = useState(5);
  const [kernel, setKernel] = useState(3);
  const [maps, setMaps] = useState(1);
  const [wanted, setOutput] = useState(12);
  const output = Math.min(wanted, side * side - 1);
  const { value, error } = useJob(() => worker().countLayers(side, kernel, maps), [side, kernel, maps]);

  const pixels = side * side;
  const denseParameters = pixels * pixels * maps + pixels * maps;
  const convParameters = kernel * kernel * maps + maps;
  const links = connections(side, kernel);
  const large = LARGE * LARGE;
  return (
    <>
      <Controls>
        <Slider
          label="Picture W"
          value={side}
          min={2}
          max={6}
          format={(v) => `${v} × ${v}`}
          onInput={setSide}
          testid="why-side"
        />
        <Slider
          label="Kernel F"
          value={kernel}
          min={1}
          max={5}
          step={2}
          format={(v) => `${v} × ${v}`}
          onInput={setKernel}
          testid="why-kernel"
        />
        <Slider label="Feature maps M" value={maps} min={1} max={32} onInput={setMaps} testid="why-maps" />
        <Slider
          label="Output"
          value={output}
          min={0}
          max={pixels - 1}
          format={(v) => `row ${Math.floor(v / side) + 1}, column ${(v % side) + 1}`}
          onInput={setOutput}
          testid="why-output"
        />
      </Controls>
      <div class="halves">
        <div class="titled">
          <h3>Dense</h3>
          <Planes
            side={side}
            output={output}
            onPick={setOutput}
            links={connections(side, undefined)}
            label={`Dense layer: ${pixels} pixels, each connected with each of ${pixels} outputs, ${pixels * pixels} lines of as many colours`}
          />
          <p class="note">
            The chosen output sees all <span data-testid="why-dense-sees">{pixels}</span> pixels, by weights
            that no other output has: <span data-testid="why-dense-lines">{grouped(pixels * pixels)}</span>{" "}
            connections.
          </p>
        </div>
        <div class="titled">
          <h3>Convolution</h3>
          <Planes
            side={side}
            output={output}
            onPick={setOutput}
            links={links}
            label={`Convolution: each of ${pixels} outputs is connected with at most ${kernel * kernel} pixels around it, by lines of ${kernel * kernel} colours that come back everywhere`}
          />
          <p class="note">
            The chosen output sees{" "}
            <span data-testid="why-conv-sees">{links.filter((link) => link.to === output).length}</span>{" "}
            pixels, by the {kernel * kernel} weights that all outputs share:{" "}
            <span data-testid="why-conv-lines">{grouped(links.length)}</span> connections.
          </p>
        </div>
      </div>
      {maps > 1 && (
        <p class="note">
          One of the {maps} feature maps is drawn; each of the others has connections of its own, from the
          same pixels.
        </p>
      )}
      <table class="figures" aria-label="What both layers cost">
        <thead>
          <tr>
            <td />
            <th scope="col">dense</th>
            <th scope="col">convolution</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">parameters, counted by the library</th>
            <td data-testid="why-dense-parameters">{value && grouped(value.dense.parameters)}</td>
            <td data-testid="why-conv-parameters">{value && grouped(value.conv.parameters)}</td>
          </tr>
          <tr>
            <th scope="row">the same by the formula</th>
            <td>{grouped(denseParameters)}</td>
            <td>{grouped(convParameters)}</td>
          </tr>
          <tr>
            <th scope="row">
              multiplications for a picture, counted by the library (with those of the padding)
            </th>
            <td data-testid="why-dense-multiplications">{value && grouped(value.dense.multiplyAdds)}</td>
            <td data-testid="why-conv-multiplications">{value && grouped(value.conv.multiplyAdds)}</td>
          </tr>
          <tr>
            <th scope="row">
              parameters for a photo of {LARGE} × {LARGE}, by the formula
            </th>
            <td>{grouped(large * large * maps + large * maps)}</td>
            <td>{grouped(convParameters)}</td>
          </tr>
        </tbody>
      </table>
      <Result testid="why-result">
        {value &&
          `Here the dense layer has ${grouped(Math.round((10 * value.dense.parameters) / value.conv.parameters) / 10)} times the parameters of the convolution.`}
      </Result>
      {value && (
        <details>
          <summary>
            What <code>net.summary()</code> says
          </summary>
          <pre data-testid="why-summary" {...{ tabIndex: 0 }}>
            {value.dense.summary}
            {"\n\n"}
            {value.conv.summary}
          </pre>
        </details>
      )}
      <Failure error={error} />
    </>
  );
}

interface Link {
  readonly from: number;
  readonly to: number;
  /** Which weight it carries. */
  readonly weight: number;
  /** How many weights there are. */
  readonly of: number;
}

/** Connections of one feature map, "same" padding; dense without a kernel. */
function connections(side: number, kernel: number | undefined): Link[] {
  const links: Link[] = [];
  const pixels = side * side;
  for (let to = 0; to < pixels; to++)
    for (let from = 0; from < pixels; from++) {
      if (kernel === undefined) {
        links.push({ from, to, weight: to * pixels + from, of: pixels * pixels });
        continue;
      }
      const reach = Math.floor(kernel / 2);
      const u = Math.floor(from / side) - Math.floor(to / side) + reach;
      const v = (from % side) - (to % side) + reach;
      if (u >= 0 && v >= 0 && u < kernel && v < kernel)
        links.push({ from, to, weight: u * kernel + v, of: kernel * kernel });
    }
  return links;
}

/** A hue per weight, neighbours far apart (steps of the golden angle). */
const hue = ({ weight, of }: Link) => (of < 30 ? (weight * 360) / of : (weight * 137.508) % 360);

interface PlanesProps {
  readonly side: number;
  readonly output: number;
  readonly links: readonly Link[];
  readonly label: string;
  readonly onPick: (output: number) => void;
}

/** Two planes, the picture above, the outputs below, and the connections between them. */
function Planes({ side, output, links, label, onPick }: PlanesProps) {
  const cell = 44;
  const [wide, deep, shear] = [cell, cell * 0.42, cell * 0.5];
  const [width, plane] = [side * (wide + shear) + 4, side * deep];
  const gap = 150;
  const corner = (y: number, x: number, top: number) =>
    [2 + x * wide + (side - y) * shear, top + y * deep] as const;
  const centre = (i: number, top: number) => corner(Math.floor(i / side) + 0.5, (i % side) + 0.5, top);
  const [above, below] = [4, 4 + plane + gap];
  const pixel = (i: number, top: number) => {
    const [y, x] = [Math.floor(i / side), i % side];
    return [corner(y, x, top), corner(y, x + 1, top), corner(y + 1, x + 1, top), corner(y + 1, x, top)]
      .map((point) => point.join(","))
      .join(" ");
  };
  const seen = new Set(links.filter(({ to }) => to === output).map(({ from }) => from));
  const faint = Math.min(0.4, 4 / Math.sqrt(links.length));
  const line = (link: Link) => {
    const [x1, y1] = centre(link.from, above);
    const [x2, y2] = centre(link.to, below);
    const chosen = link.to === output;
    return (
      <line
        key={`${link.from},${link.to}`}
        x1={x1}
        y1={y1}
        x2={x2}
        y2={y2}
        stroke={`oklch(var(--line-lightness) 0.15 ${Math.round(hue(link))})`}
        stroke-width={chosen ? 2.5 : 1}
        stroke-opacity={chosen ? 1 : faint}
      />
    );
  };
  const indices = Array.from({ length: side * side }, (_, i) => i);
  return (
    <svg
      class="planes"
      viewBox={`0 0 ${width} ${below + plane + 4}`}
      style={{ maxWidth: `${width}px` }}
      role="img"
      aria-label={label}
    >
      {indices.map((i) => (
        <polygon
          key={i}
          class="pixel"
          points={pixel(i, below)}
          fill={i === output ? "var(--accent)" : "var(--surface)"}
          onPointerDown={() => onPick(i)}
        />
      ))}
      {indices.map((i) => (
        <polygon
          key={i}
          class={seen.has(i) ? "pixel current" : "pixel"}
          points={pixel(i, above)}
          fill={`color-mix(in oklab, var(--ink) ${Math.round(PICTURE[Math.floor(i / side)][i % side] * 70)}%, var(--surface))`}
        />
      ))}
      <g pointer-events="none">
        {links.filter(({ to }) => to !== output).map(line)}
        {links.filter(({ to }) => to === output).map(line)}
      </g>
    </svg>
  );
}
