// Grids of numbers: to read, with cells that stand out, or to edit.
import { useEffect, useState } from "preact/hooks";
import { useScrollable } from "./hooks.ts";

/** Shortest text of a number: 0.333, −2, 12. */
export function number(value: number, digits = 3): string {
  const text = String(Number(value.toFixed(digits)));
  return (text === "-0" ? "0" : text).replace("-", "−");
}

/** Blue below 0, red above, paler towards 0: the background of a number; `largest` has the full colour, of `full` percent. */
export function diverging(value: number, largest: number, full = 60): string {
  const part = largest > 0 ? Math.min(1, Math.abs(value) / largest) : 0;
  return `color-mix(in oklab, var(${value < 0 ? "--negative" : "--positive"}) ${Math.round(part * full)}%, var(--sunken))`;
}

export interface GridProps {
  readonly label: string;
  readonly values: readonly (readonly number[])[];
  /** Classes of a cell: "window", "chosen", "border", "faint", "done". */
  readonly mark?: (row: number, column: number) => string | undefined;
  readonly background?: (value: number, row: number, column: number) => string | undefined;
  readonly text?: (value: number, row: number, column: number) => string;
  readonly digits?: number;
  readonly testid?: string;
  /** Makes cells editable. */
  readonly onChange?: (row: number, column: number, value: number) => void;
  readonly editable?: (row: number, column: number) => boolean;
  /** What the arrow keys of an input add. */
  readonly step?: number;
  /** Called when a cell is clicked. Offer another way for the keyboard: cells are not in the order of tabs. */
  readonly onPick?: (row: number, column: number) => void;
}

/** Grey by brightness, so that a grid looks like the picture it is. */
export const shade = (value: number, brightest: number): string =>
  `color-mix(in oklab, var(--ink) ${Math.round((Math.max(0, value) / (brightest || 1)) * 32)}%, var(--sunken))`;

/** A table of numbers. Every cell has data-row and data-column. */
export function Grid({
  label,
  values,
  mark,
  background,
  text,
  digits,
  testid,
  onChange,
  editable,
  step = 1,
  onPick,
}: GridProps) {
  const box = useScrollable<HTMLDivElement>();
  const written = (value: number, y: number, x: number) => text?.(value, y, x) ?? number(value, digits);
  return (
    <div class="grid-scroll" ref={box}>
      <table class="grid" aria-label={label} data-testid={testid}>
        <tbody>
          {values.map((row, y) => (
            <tr key={y}>
              {row.map((value, x) => (
                <td
                  key={x}
                  class={mark?.(y, x)}
                  style={background ? { backgroundColor: background(value, y, x) } : undefined}
                  data-row={y}
                  data-column={x}
                >
                  {onChange && (editable?.(y, x) ?? true) ? (
                    <Cell
                      label={`${label}, row ${y + 1}, column ${x + 1}`}
                      value={value}
                      step={step}
                      onChange={(next) => onChange(y, x, next)}
                    />
                  ) : onPick ? (
                    <button type="button" tabIndex={-1} onClick={() => onPick(y, x)}>
                      {written(value, y, x)}
                    </button>
                  ) : (
                    written(value, y, x)
                  )}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface CellProps {
  readonly label: string;
  readonly value: number;
  readonly step: number;
  readonly onChange: (value: number) => void;
}

/** Keeps what is typed, also "-" and "0.", and tells numbers only. */
function Cell({ label, value, step, onChange }: CellProps) {
  const [text, setText] = useState(number(value).replace("−", "-"));
  useEffect(() => {
    if (Number(text.replace(",", ".")) !== value) setText(number(value).replace("−", "-"));
  }, [value]);
  const set = (next: number) => {
    const rounded = Number(next.toFixed(6));
    setText(String(rounded));
    onChange(rounded);
  };
  return (
    <input
      type="text"
      inputmode="decimal"
      aria-label={label}
      value={text}
      onFocus={(event) => event.currentTarget.select()}
      onInput={(event) => {
        const typed = event.currentTarget.value;
        setText(typed);
        const parsed = Number(typed.trim().replace(",", "."));
        if (typed.trim() !== "" && Number.isFinite(parsed)) onChange(parsed);
      }}
      onBlur={() => setText(number(value).replace("−", "-"))}
      onKeyDown={(event) => {
        if (event.key === "ArrowUp") set(value + step);
        else if (event.key === "ArrowDown") set(value - step);
        else return;
        event.preventDefault();
      }}
    />
  );
}

export interface MatrixEditorProps {
  readonly label: string;
  readonly value: readonly (readonly number[])[];
  readonly onChange: (value: number[][]) => void;
  readonly step?: number;
  readonly testid?: string;
}

/** A kernel to edit: colours say sign and size. */
export function MatrixEditor({ label, value, onChange, step = 1, testid }: MatrixEditorProps) {
  const largest = Math.max(...value.flat().map(Math.abs));
  return (
    <Grid
      label={label}
      values={value}
      step={step}
      testid={testid}
      background={(v) => diverging(v, largest)}
      onChange={(row, column, next) =>
        onChange(value.map((line, y) => line.map((v, x) => (y === row && x === column ? next : v))))
      }
    />
  );
}
