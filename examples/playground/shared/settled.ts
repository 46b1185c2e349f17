// Values that change quickly, for what takes long.
import { useEffect, useRef, useState } from "preact/hooks";

/** The value once it has not changed for `quiet` milliseconds; of one that never rests, such as a video, another every `longest`. */
export function useSettled<T>(value: T, quiet = 250, longest = 1500): T {
  const [settled, setSettled] = useState(value);
  const last = useRef(0);
  useEffect(() => {
    const now = performance.now();
    if (last.current === 0) last.current = now;
    const wait = Math.max(0, Math.min(quiet, last.current + longest - now));
    const timer = setTimeout(() => {
      last.current = 0;
      setSettled(value);
    }, wait);
    return () => clearTimeout(timer);
  }, [value, quiet, longest]);
  return settled;
}
