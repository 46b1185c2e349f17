// One place of a worker engine's pool: a worker, the networks it holds, and a new worker when it dies.
import type { EngineInfo } from "../engine/engine.ts";
import { WorkerError } from "../errors.ts";
import type { HostWorker } from "../runtime/thread-pool.ts";
import { Connection, type Handlers } from "./connection.ts";
import type { Compilation, EngineCalls, HostCalls, NamedWeights, Opening } from "./protocol.ts";

/** How often in a row a worker may fail to start. */
const MAX_FAILURES = 3;

/** A network that every worker holds. */
export interface SharedNet {
  readonly id: number;
  /** Counts changes of the weights. */
  version: number;
  /** Those of the newest version; undefined where they are as they were compiled. */
  weights: NamedWeights | undefined;
  /** What compiles it, made anew for every worker, and the buffers in it. */
  compilation(): { readonly given: Compilation; readonly transfer: ArrayBuffer[] };
}

/** What slots need from their pool. */
export interface Surroundings {
  readonly nets: ReadonlySet<SharedNet>;
  readonly opening: Promise<Opening>;
  readonly handlers: Handlers<HostCalls>;
  start(): HostWorker;
  /** A worker has become free, ready, or ended. */
  changed(): void;
}

export class Slot {
  readonly #around: Surroundings;
  /** The versions of the networks that the worker holds. */
  readonly #held = new Map<SharedNet, number>();
  #host: HostWorker | undefined;
  #connection: Connection<EngineCalls, HostCalls> | undefined;
  /** Why there is no worker to ask, and why there will be none. */
  #gone: ((call: string) => Error) | undefined;
  #stopped = false;
  state: "starting" | "ready" | "ended" = "starting";
  /** What the engine in the worker said of itself. */
  info: EngineInfo | undefined;
  /** Why there is no worker, once the state is "ended". */
  failure: unknown;
  /** Workers that took the place of one that died. */
  restarts = 0;
  /** Trainings that run. */
  fits = 0;
  /** Settles when the worker is ready, or there will be none. */
  ready: Promise<void>;

  constructor(around: Surroundings) {
    this.#around = around;
    this.ready = this.#start();
  }

  /** Calls other than trainings that have not been answered. */
  get load(): number {
    return (this.#connection?.pending ?? 0) - this.fits;
  }

  /** Asks the worker. Rejects with WorkerError where it ends first. */
  async call<Name extends keyof EngineCalls>(
    name: Name,
    given: EngineCalls[Name]["given"],
    transfer?: readonly Transferable[],
  ): Promise<EngineCalls[Name]["gives"]> {
    const [host, connection] = [this.#host, this.#connection];
    if (!host || !connection) throw this.#gone!(name);
    const fit = name === "fit" ? 1 : 0;
    this.fits += fit;
    try {
      // A process waits for an answer, but not for a worker without work.
      if (connection.pending === 0) host.ref();
      return await connection.call(name, given, transfer);
    } finally {
      this.fits -= fit;
      if (connection.pending === 0) host.unref();
      this.#around.changed();
    }
  }

  /** Brings the worker's networks up to date. */
  async sync(): Promise<void> {
    const { nets } = this.#around;
    for (;;) {
      const behind = this.#behind();
      const gone = [...this.#held.keys()].filter((net) => !nets.has(net));
      if (!behind.length && !gone.length) return;
      for (const net of gone) this.#held.delete(net);
      await Promise.all([
        ...behind.map((net) => this.#update(net)),
        ...gone.map(({ id }) => this.call("dispose", { net: id })),
      ]);
    }
  }

  /** Networks of which the worker does not hold the newest version. */
  #behind(): SharedNet[] {
    return [...this.#around.nets].filter((net) => this.#held.get(net) !== net.version);
  }

  /** The worker holds the network as it is now. */
  holds(net: SharedNet): void {
    this.#held.set(net, net.version);
  }

  /** Compiles a network, or hands over its weights. What is sent arrives in order, so that it counts as held at once. */
  async #update(net: SharedNet): Promise<void> {
    const { id, weights, version } = net;
    const known = this.#held.has(net);
    this.#held.set(net, version);
    if (!known) {
      const { given, transfer } = net.compilation();
      const compiled = this.call("compile", given, transfer);
      // Without a network the weights are refused, too: the first error is the one to tell.
      if (weights) await Promise.all([compiled, this.call("setWeights", { net: id, weights })]);
      await compiled;
    } else if (weights) await this.call("setWeights", { net: id, weights });
  }

  /** The worker cannot be used any more: another takes its place. */
  replace(reason: string): void {
    if (this.#host) this.#ended(this.#host, reason);
  }

  /** Ends the worker for good; open calls reject with the error of their name. */
  stop(error: (call: string) => Error): void {
    this.#stopped = true;
    this.state = "ended";
    this.#letGo(error);
  }

  #letGo(error: (call: string) => Error): void {
    const [host, connection] = [this.#host, this.#connection];
    this.#host = undefined;
    this.#gone = error;
    // A web worker whose script failed still listens.
    host?.stop();
    connection?.close(error);
  }

  /** The first start tells why it fails; later ones are tried again. */
  async #start(): Promise<void> {
    for (let failures = 1; ; failures++)
      try {
        this.#held.clear();
        this.#open();
        this.info = await this.call("open", await this.#around.opening);
        // Again where something changed after the last look at it.
        while (this.#behind().length) await this.sync();
        if (this.#stopped) return;
        this.state = "ready";
        this.#around.changed();
        return;
      } catch (error) {
        if (this.#stopped) return;
        const reason = (error as Error).message;
        this.#letGo((call) => new WorkerError(`${call}: a worker did not start: ${reason}`));
        if (this.info && failures < MAX_FAILURES) continue;
        this.state = "ended";
        this.failure = error;
        this.#around.changed();
        return;
      }
  }

  #open(): void {
    const host = this.#around.start();
    this.#host = host;
    this.#connection = new Connection<EngineCalls, HostCalls>(host, this.#around.handlers);
    host.onEnd((reason) => this.#ended(host, reason));
  }

  #ended(host: HostWorker, reason: string): void {
    if (host !== this.#host) return;
    const starting = this.state === "starting";
    this.state = "starting";
    this.#letGo((call) =>
      starting
        ? new WorkerError(`a worker did not start: ${reason}`)
        : new WorkerError(`${call}: the worker ended before it answered: ${reason}`),
    );
    if (starting) return;
    this.restarts++;
    this.ready = this.#start();
  }
}
