// Workers whose other side runs in this thread: what tests hold back, kill and count.
import type { HostWorker, Peer } from "../src/runtime/thread-pool.ts";
import { openWorkerEngine, type WorkerEngineOptions } from "../src/worker/create.ts";
import type { WorkerEngine } from "../src/worker/engine.ts";
import { serve } from "../src/worker/serve.ts";
import { binary } from "./harness.ts";

interface Message {
  readonly call?: string;
  readonly value?: { readonly inputs?: readonly { readonly length: number }[] };
}

/** A worker without a thread: messages are cloned, and buffers moved, as between threads. */
export class FakeWorker implements HostWorker {
  /** Calls it was asked for, by name; of predictions also the values of the first input. */
  readonly calls: string[] = [];
  readonly sizes: number[] = [];
  /** Names of calls that are held back. */
  readonly #held = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  #toWorker: ((message: unknown) => void) | undefined;
  #toCaller: ((message: unknown) => void) | undefined;
  #ended: ((reason: string) => void) | undefined;
  #dead = false;
  refs = 1;

  constructor() {
    const peer: Peer = {
      post: (message, transfer = []) => {
        const copy = structuredClone(message, { transfer: [...transfer] });
        queueMicrotask(() => {
          if (!this.#dead) this.#toCaller?.(copy);
        });
      },
      onMessage: (listener) => {
        this.#toWorker = listener;
      },
    };
    serve(peer);
  }

  post(message: unknown, transfer: readonly Transferable[] = []): void {
    const copy = structuredClone(message, { transfer: [...transfer] }) as Message;
    const { call, value } = copy;
    if (call) this.calls.push(call);
    if (call === "predict") this.sizes.push(value!.inputs![0].length);
    const deliver = (): void => {
      if (!this.#dead) this.#toWorker?.(copy);
    };
    if (this.#held.has(call!)) this.#waiting.push(deliver);
    else queueMicrotask(deliver);
  }

  onMessage(listener: (message: unknown) => void): void {
    this.#toCaller = listener;
  }

  onEnd(listener: (reason: string) => void): void {
    this.#ended = listener;
  }

  ref(): void {
    this.refs = 1;
  }

  unref(): void {
    this.refs = 0;
  }

  stop(): void {
    this.#dead = true;
  }

  get stopped(): boolean {
    return this.#dead;
  }

  /** From now on calls of that name do not arrive. */
  hold(call: string): void {
    this.#held.add(call);
  }

  /** What was held back arrives, and what comes later. */
  release(): void {
    this.#held.clear();
    for (const deliver of this.#waiting.splice(0)) deliver();
  }

  die(reason: string): void {
    this.stop();
    this.#ended?.(reason);
  }
}

/** An engine over fake workers, and those that were started so far, the newest last. */
export async function fakeEngine(
  options: WorkerEngineOptions = {},
  make: () => HostWorker = () => new FakeWorker(),
): Promise<{ engine: WorkerEngine; workers: FakeWorker[] }> {
  const workers: FakeWorker[] = [];
  const engine = await openWorkerEngine(options, Promise.resolve(binary("simd")), () => {
    const worker = make() as FakeWorker;
    workers.push(worker);
    return worker;
  });
  return { engine, workers };
}

/** A few turns of the event loop. */
export async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
