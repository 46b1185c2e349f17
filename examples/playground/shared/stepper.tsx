// Walks through steps: to the start, back, play, forward, and a slider.
import { useEffect, useState } from "preact/hooks";
import { Button, Slider } from "./controls.tsx";
import { useInterval } from "./hooks.ts";

export interface Steps {
  readonly step: number;
  readonly setStep: (step: number) => void;
  readonly playing: boolean;
  readonly setPlaying: (playing: boolean) => void;
  readonly count: number;
}

/** A position among `count` steps; playing ends at the last, and rests while the card is not visible. */
export function useSteps(count: number, visible: boolean, ms = 900): Steps {
  const [wanted, setStep] = useState(0);
  const [playing, setPlaying] = useState(false);
  const step = Math.max(0, Math.min(wanted, count - 1));
  useInterval(() => setStep(step + 1), ms, playing && visible);
  useEffect(() => {
    if (playing && step >= count - 1) setPlaying(false);
  }, [playing, step, count]);
  return { step, setStep, playing, setPlaying, count };
}

export interface StepperProps {
  readonly steps: Steps;
  /** What the slider sets: "output cell". */
  readonly label: string;
  readonly format?: (step: number) => string;
  readonly testid?: string;
}

export function Stepper({ steps, label, format, testid = "step" }: StepperProps) {
  const { step, setStep, playing, setPlaying, count } = steps;
  const go = (to: number) => {
    setPlaying(false);
    setStep(to);
  };
  const last = step >= count - 1;
  const play = () => {
    if (!playing && last) setStep(0);
    setPlaying(!playing);
  };
  return (
    <div class="stepper">
      <div class="buttons">
        <Button testid={`${testid}-first`} disabled={step === 0} onClick={() => go(0)}>
          start
        </Button>
        <Button testid={`${testid}-back`} disabled={step === 0} onClick={() => go(step - 1)}>
          back
        </Button>
        <Button primary testid={`${testid}-play`} onClick={play}>
          {playing ? "pause" : "play"}
        </Button>
        <Button testid={`${testid}-next`} disabled={last} onClick={() => go(step + 1)}>
          step
        </Button>
      </div>
      <Slider
        label={label}
        value={step}
        min={0}
        max={Math.max(0, count - 1)}
        format={format ?? ((s) => `${s + 1} of ${count}`)}
        testid={`${testid}-slider`}
        onInput={go}
      />
    </div>
  );
}
