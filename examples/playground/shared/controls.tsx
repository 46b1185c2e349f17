// Inputs with labels: sliders, selects, buttons, switches.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface Labelled {
  readonly label: string;
  /** data-testid of the input. */
  readonly testid?: string;
  readonly disabled?: boolean;
}

export interface SliderProps extends Labelled {
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step?: number;
  readonly onInput: (value: number) => void;
  /** How the value is written beside the label. */
  readonly format?: (value: number) => string;
}

/** A range with its value beside the label. */
export function Slider({
  label,
  value,
  min,
  max,
  step = 1,
  onInput,
  format = String,
  testid,
  disabled,
}: SliderProps) {
  const id = useId();
  return (
    <div class="control">
      <label for={id}>
        {label} <span class="value">{format(value)}</span>
      </label>
      <input
        id={id}
        type="range"
        value={value}
        min={min}
        max={max}
        step={step}
        disabled={disabled}
        aria-valuetext={format(value)}
        data-testid={testid}
        onInput={(event) => onInput(Number(event.currentTarget.value))}
      />
    </div>
  );
}

export interface Choice<T extends string | number> {
  readonly value: T;
  readonly text: string;
  /** Heading of a group in a long list. */
  readonly group?: string;
}

export interface SelectProps<T extends string | number> extends Labelled {
  readonly value: T;
  readonly options: readonly Choice<T>[];
  readonly onChange: (value: T) => void;
}

/** A drop-down list; options with a `group` are listed under its heading. */
export function Select<T extends string | number>({
  label,
  value,
  options,
  onChange,
  testid,
  disabled,
}: SelectProps<T>) {
  const id = useId();
  const groups = [...new Set(options.map(({ group }) => group))];
  const list = (group: string | undefined) =>
    options
      .filter((option) => option.group === group)
      .map((option) => (
        <option key={option.value} value={option.value}>
          {option.text}
        </option>
      ));
  return (
    <div class="control">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        disabled={disabled}
        data-testid={testid}
        onChange={(event) => {
          const found = options.find((option) => String(option.value) === event.currentTarget.value);
          if (found) onChange(found.value);
        }}
      >
        {groups.map((group) =>
          group ? (
            <optgroup key={group} label={group}>
              {list(group)}
            </optgroup>
          ) : (
            list(group)
          ),
        )}
      </select>
    </div>
  );
}

/** A few choices side by side: radio buttons that look like one bar. */
export function Choices<T extends string | number>({
  label,
  value,
  options,
  onChange,
  testid,
  disabled,
}: SelectProps<T>) {
  const name = useId();
  return (
    <fieldset class="control choices" data-testid={testid} disabled={disabled}>
      <legend>{label}</legend>
      <div class="bar">
        {options.map((option) => (
          <label key={option.value}>
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
            />
            <span>{option.text}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

export interface ToggleProps extends Labelled {
  readonly value: boolean;
  readonly onChange: (value: boolean) => void;
}

export function Toggle({ label, value, onChange, testid, disabled }: ToggleProps) {
  return (
    <label class="control toggle">
      <input
        type="checkbox"
        checked={value}
        disabled={disabled}
        data-testid={testid}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      {label}
    </label>
  );
}

export interface ButtonProps {
  readonly children: ComponentChildren;
  readonly onClick: () => void;
  /** The one action of a card. */
  readonly primary?: boolean;
  readonly disabled?: boolean;
  /** For buttons with a sign instead of a word. */
  readonly label?: string;
  readonly testid?: string;
}

export function Button({ children, onClick, primary, disabled, label, testid }: ButtonProps) {
  return (
    <button
      type="button"
      class={primary ? "primary" : undefined}
      disabled={disabled}
      aria-label={label}
      data-testid={testid}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

/** Controls in a row that wraps. */
export function Controls({ children }: { readonly children: ComponentChildren }) {
  return <div class="controls">{children}</div>;
}

export interface ResultProps {
  readonly children: ComponentChildren;
  readonly testid?: string;
  /** Announced to screen readers when it changes. Not for what changes many times a second. Default true. */
  readonly live?: boolean;
}

/** A sentence with the numbers of a card. */
export function Result({ children, testid, live = true }: ResultProps) {
  return (
    <p class="result" role={live ? "status" : undefined} data-testid={testid}>
      {children}
    </p>
  );
}

/** What went wrong, in the words of the library. */
export function Failure({ error }: { readonly error: string | undefined }) {
  return error ? (
    <p class="failure" role="alert">
      {error}
    </p>
  ) : null;
}
