// Hooks that cards share.
import { useEffect, useRef, useState } from "preact/hooks";

export interface Job<T> {
  /** The last result; that of older inputs while the next is computed. */
  readonly value: T | undefined;
  readonly error: string | undefined;
  readonly busy: boolean;
}

/**
 * Runs something asynchronous whenever `inputs` change. One run at a time: while one is under way, only the newest inputs wait, so that a
 * slider that moves faster than the work is done never queues.
 */
export function useJob<T>(run: () => Promise<T>, inputs: readonly unknown[]): Job<T> {
  const [job, setJob] = useState<Job<T>>({ value: undefined, error: undefined, busy: true });
  const state = useRef<{ running: boolean; next: (() => Promise<T>) | undefined; gone: boolean }>({
    running: false,
    next: undefined,
    gone: false,
  });
  useEffect(() => {
    const s = state.current;
    s.next = run;
    if (s.running) return;
    s.running = true;
    (async () => {
      while (s.next && !s.gone) {
        const work = s.next;
        s.next = undefined;
        setJob((last) => ({ ...last, busy: true }));
        try {
          const value = await work();
          if (!s.gone) setJob({ value, error: undefined, busy: s.next !== undefined });
        } catch (error) {
          if (!s.gone) setJob((last) => ({ value: last.value, error: messageOf(error), busy: false }));
        }
      }
      s.running = false;
    })();
  }, inputs);
  useEffect(() => {
    state.current.gone = false;
    return () => {
      state.current.gone = true;
    };
  }, []);
  return job;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Resolves once what changed is on the screen; of a page that is hidden, and draws nothing, after a tenth of a second. */
export function painted(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 100);
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        clearTimeout(timer);
        resolve();
      }),
    );
  });
}

/** Calls `tick` every `ms` milliseconds while `on`. */
export function useInterval(tick: () => void, ms: number, on: boolean): void {
  const latest = useRef(tick);
  latest.current = tick;
  useEffect(() => {
    if (!on) return;
    const timer = setInterval(() => latest.current(), ms);
    return () => clearInterval(timer);
  }, [ms, on]);
}

/** A media query, followed. */
export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const change = () => setMatches(media.matches);
    change();
    media.addEventListener("change", change);
    return () => media.removeEventListener("change", change);
  }, [query]);
  return matches;
}

export const useReducedMotion = (): boolean => useMedia("(prefers-reduced-motion: reduce)");

/** Width of an element's content box in CSS pixels, followed. */
export function useWidth<E extends Element>() {
  const ref = useRef<E>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!ref.current) return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return { ref, width };
}

/** For a box that scrolls where its content is too wide: it can be reached by keyboard only while it does. */
export function useScrollable<E extends HTMLElement>() {
  const ref = useRef<E>(null);
  useEffect(() => {
    const box = ref.current;
    if (!box) return;
    const update = () => {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    };
    const observer = new ResizeObserver(update);
    observer.observe(box);
    if (box.firstElementChild) observer.observe(box.firstElementChild);
    return () => observer.disconnect();
  }, []);
  return ref;
}
