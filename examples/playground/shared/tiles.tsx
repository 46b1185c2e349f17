// Small pictures of one size side by side on one canvas: a browser draws one canvas that changes much sooner than thirty.
import { useEffect, useRef } from "preact/hooks";
import { useWidth } from "./hooks.ts";
import { type Pixels, toImageData } from "./picture.tsx";

export interface TilesProps {
  readonly pictures: readonly Pixels[];
  /** The text alternative. */
  readonly label: string;
  /** Width of a tile in CSS pixels. */
  readonly size: number;
  readonly testid?: string;
  /** Numbers of the pictures, for who reads the page by program: data-values. */
  readonly values?: string;
}

const GAP = 8;

export function Tiles({ pictures, label, size, testid, values }: TilesProps) {
  const { ref, width } = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const room = Math.max(1, Math.floor((width + GAP) / (size + GAP)));
  // A power of two, so that rows are full.
  const columns = Math.min(pictures.length, 2 ** Math.floor(Math.log2(room)));
  const rows = Math.ceil(pictures.length / columns);
  const [wide, high] = [columns * (size + GAP) - GAP, rows * (size + GAP) - GAP];
  useEffect(() => {
    if (!canvas.current || width === 0) return;
    const scale = Math.max(1, Math.round(devicePixelRatio));
    if (canvas.current.width !== wide * scale) canvas.current.width = wide * scale;
    if (canvas.current.height !== high * scale) canvas.current.height = high * scale;
    const context = canvas.current.getContext("2d", { willReadFrequently: true });
    if (!context) return;
    context.clearRect(0, 0, canvas.current.width, canvas.current.height);
    pictures.forEach((picture, i) => {
      const [x, y] = [i % columns, Math.floor(i / columns)].map((place) => place * (size + GAP) * scale);
      context.putImageData(enlarged(toImageData(picture), size * scale), x, y);
    });
  }, [pictures, width, columns, wide, high, size]);
  return (
    <div class="tiles" ref={ref} data-testid={testid} data-values={values}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={label}
        style={{ width: `${wide}px`, height: `${high}px` }}
      />
    </div>
  );
}

/** A square picture with pixels repeated: `size` pixels wide and high. */
function enlarged({ data, width, height }: ImageData, size: number): ImageData {
  const image = new ImageData(size, size);
  const [from, to] = [new Uint32Array(data.buffer), new Uint32Array(image.data.buffer)];
  const columns = Array.from({ length: size }, (_, x) => Math.floor((x * width) / size));
  for (let y = 0; y < size; y++) {
    const row = Math.floor((y * height) / size) * width;
    for (let x = 0; x < size; x++) to[y * size + x] = from[row + columns[x]];
  }
  return image;
}
