// Learning rate schedules: functions from the step, counted from 0, to the learning rate.
import type { Schedule } from "../network/fit-options.ts";

/** From `from` to `to` along half a cosine over `steps`, then `to` (Loshchilov and Hutter, 2017), after a linear warm-up. */
export const cosine =
  (from: number, steps: number, { to = 0, warmup = 0 } = {}): Schedule =>
  (step) => {
    if (step < warmup) return (from * (step + 1)) / warmup;
    const part = Math.min(1, (step - warmup) / Math.max(1, steps - warmup));
    return to + ((from - to) * (1 + Math.cos(Math.PI * part))) / 2;
  };

/** `from`, times `factor` after every `every` steps. */
export const stepDecay =
  (from: number, every: number, factor = 0.1): Schedule =>
  (step) =>
    from * factor ** Math.floor(step / every);
