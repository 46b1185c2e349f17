// A progress bar on standard error, where that is a terminal; nothing where it goes to a file. What an example prints stays on standard
// output.
import { Presets, SingleBar } from "cli-progress";

/**
 * `total` counts what `unit` says. Drawn when it is told of progress, 10 times a second at most, so also by loops that never wait.
 *
 * @param {number} total
 * @param {string} unit
 */
export function progressBar(total, unit) {
  const format = `{bar} {value}/{total} ${unit}  {note}`;
  // Line wrapping and cursor stay as they are: Ctrl+C leaves a terminal in order.
  const bar = new SingleBar(
    { format, barsize: 30, clearOnComplete: true, linewrap: true },
    Presets.shades_classic,
  );
  return {
    /** @param {number} done @param {string} [note] */
    show(done, note = "") {
      if (!bar.isActive) bar.start(total, done, { note });
      else bar.update(done, { note });
    },
    /** Clears the line, so that something can be printed; `show` draws it again. */
    clear: () => bar.stop(),
  };
}
