// What a command is at, on a terminal: a bar of its stages. Elsewhere nothing is shown, and the library is not loaded.
import type { Host } from "./host.ts";

export interface Progress {
  /** The next stage begins. Drawn at once: stages compute without a pause. */
  begin(stage: string): void;
  /** Clears the line. */
  end(): void;
}

const SILENT: Progress = { begin() {}, end() {} };

/** The progress of a command with so many stages. */
export async function progressOf({ terminal }: Host, stages: number): Promise<Progress> {
  if (!terminal) return SILENT;
  const { Presets, SingleBar } = (await import("cli-progress")).default;
  const bar = new SingleBar(
    {
      ...{ format: "{bar} {stage}", barsize: 20, stream: terminal, clearOnComplete: true },
      // Wrapping stays as it is, so that Ctrl+C leaves a terminal in order. Every stage is drawn.
      ...{ linewrap: true, fps: 1000 },
    },
    Presets.shades_classic,
  );
  let begun = 0;
  return {
    begin(stage) {
      if (begun === 0) bar.start(stages, 0, { stage });
      else bar.update(begun, { stage });
      begun++;
    },
    end: () => bar.stop(),
  };
}
