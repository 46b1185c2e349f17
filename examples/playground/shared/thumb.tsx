// A small picture that belongs to something with a name: hidden from screen readers.
import { useEffect, useRef } from "preact/hooks";
import { type Pixels, toImageData } from "./picture.tsx";

export interface ThumbProps {
  readonly pixels: Pixels | undefined;
  /** Width in CSS pixels. */
  readonly width: number;
}

export function Thumb({ pixels, width }: ThumbProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (!canvas.current || !pixels) return;
    if (canvas.current.width !== pixels.width) canvas.current.width = pixels.width;
    if (canvas.current.height !== pixels.height) canvas.current.height = pixels.height;
    canvas.current.getContext("2d")?.putImageData(toImageData(pixels), 0, 0);
  }, [pixels]);
  return (
    <span aria-hidden="true">
      <canvas ref={canvas} class="thumb pixelated" style={{ width: `${width}px` }} />
    </span>
  );
}
