// One engine per worker, on one thread: the page need not be cross-origin isolated.
import { createEngine, type Engine } from "convolith";

let made: Promise<Engine> | undefined;

export function engine(): Promise<Engine> {
  made ??= createEngine();
  return made;
}
