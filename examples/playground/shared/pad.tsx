// A pad to draw on, with pen, finger or mouse.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Button } from "./controls.tsx";

export interface DrawingPadProps {
  readonly label: string;
  /** Pixels of the drawing. */
  readonly width: number;
  readonly height: number;
  /** Width of a stroke in pixels of the drawing. */
  readonly pen?: number;
  readonly ink?: string;
  readonly paper?: string;
  /** After every stroke, at most once per frame while one is drawn, and after clearing. */
  readonly onDraw: (drawing: ImageData) => void;
  readonly testid?: string;
}

/**
 * A canvas of its own ink. With the keyboard: arrow keys move the pen, and draw while Shift is held.
 */
export function DrawingPad({
  label,
  width,
  height,
  pen = 14,
  ink = "#000",
  paper = "#fff",
  onDraw,
  testid,
}: DrawingPadProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const last = useRef<{ x: number; y: number }>({ x: width / 2, y: height / 2 });
  /** Where the keyboard's pen is; undefined while there is none. */
  const [penAt, setPenAt] = useState<{ x: number; y: number }>();
  const frame = useRef(0);
  const report = useRef(onDraw);
  report.current = onDraw;

  const context = useCallback(
    () => canvas.current?.getContext("2d", { willReadFrequently: true }) ?? undefined,
    [],
  );
  const tell = useCallback(() => {
    cancelAnimationFrame(frame.current);
    frame.current = requestAnimationFrame(() => {
      const c = context();
      if (c) report.current(c.getImageData(0, 0, width, height));
    });
  }, [context, width, height]);
  const clear = useCallback(() => {
    const c = context();
    if (!c) return;
    c.fillStyle = paper;
    c.fillRect(0, 0, width, height);
    tell();
  }, [context, tell, paper, width, height]);
  useEffect(() => {
    clear();
    return () => cancelAnimationFrame(frame.current);
  }, [clear]);

  const line = (x: number, y: number) => {
    const c = context();
    if (!c) return;
    c.strokeStyle = ink;
    c.lineWidth = pen;
    c.lineCap = "round";
    c.lineJoin = "round";
    c.beginPath();
    c.moveTo(last.current.x, last.current.y);
    c.lineTo(x, y + 0.01); // a dot has a length, too
    c.stroke();
    last.current = { x, y };
    tell();
  };
  const place = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLCanvasElement).getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) * width) / box.width,
      y: ((event.clientY - box.top) * height) / box.height,
    };
  };
  const keys: Record<string, [number, number]> = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  };
  return (
    <div class="pad">
      <div
        role="application"
        aria-label={`${label}. Arrow keys move the pen; with Shift they draw.`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the pad can be drawn on with keys
        tabIndex={0}
        onKeyDown={(event) => {
          const way = keys[event.key];
          if (!way) return;
          event.preventDefault();
          const x = Math.max(0, Math.min(width, last.current.x + (way[0] * width) / 28));
          const y = Math.max(0, Math.min(height, last.current.y + (way[1] * height) / 28));
          if (event.shiftKey) line(x, y);
          else last.current = { x, y };
          setPenAt({ x, y });
        }}
        onBlur={() => setPenAt(undefined)}
      >
        <canvas
          ref={canvas}
          width={width}
          height={height}
          data-testid={testid}
          onPointerDown={(event) => {
            event.currentTarget.setPointerCapture(event.pointerId);
            setPenAt(undefined);
            last.current = place(event);
            line(last.current.x, last.current.y);
          }}
          onPointerMove={(event) => {
            if (!event.currentTarget.hasPointerCapture(event.pointerId)) return;
            const { x, y } = place(event);
            line(x, y);
          }}
        />
        {penAt && (
          <span
            class="pen"
            style={{ left: `${(100 * penAt.x) / width}%`, top: `${(100 * penAt.y) / height}%` }}
          />
        )}
      </div>
      <Button testid={testid && `${testid}-clear`} onClick={clear}>
        clear
      </Button>
    </div>
  );
}
