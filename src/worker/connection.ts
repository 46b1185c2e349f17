// Calls between two threads, in both directions: a request has a number, and its answer the same. Rather than a proxy that hides the
// thread (Comlink): buffers move in both directions, callbacks are awaited, and the other side may end at any time.
import type { Peer } from "../runtime/thread-pool.ts";
import { receivedError, type SentError, sendError } from "./sent-error.ts";

/** A call: what it is given and what it answers. */
export interface Call<Given, Gives> {
  readonly given: Given;
  readonly gives: Gives;
}

/** Calls by name. */
export type Calls<C> = { readonly [Name in keyof C]: Call<unknown, unknown> };

/** Who answers calls. An answer that is `Moved` hands its buffers over. */
export type Handlers<C extends Calls<C>> = {
  readonly [Name in keyof C]: (given: C[Name]["given"]) => Answer<C[Name]["gives"]>;
};
type Answer<R> = R | Moved<R> | Promise<R | Moved<R>>;

/** An answer, and the buffers in it that are moved instead of copied. */
export class Moved<R> {
  readonly value: R;
  readonly transfer: readonly Transferable[];

  constructor(value: R, transfer: readonly Transferable[]) {
    this.value = value;
    this.transfer = transfer;
  }
}

interface Request {
  readonly id: number;
  readonly call: string;
  readonly value: unknown;
}

interface Reply {
  readonly reply: number;
  readonly value?: unknown;
  readonly error?: SentError;
}

interface Open {
  readonly name: string;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** One end of a connection that makes the calls `Asks` and answers the calls `Serves`. */
export class Connection<Asks extends Calls<Asks>, Serves extends Calls<Serves>> {
  readonly #peer: Peer;
  readonly #handlers: Handlers<Serves>;
  readonly #open = new Map<number, Open>();
  #last = 0;
  #closed: ((call: string) => Error) | undefined;

  constructor(peer: Peer, handlers: Handlers<Serves>) {
    this.#peer = peer;
    this.#handlers = handlers;
    peer.onMessage((message) => {
      const received = message as Request | Reply;
      if ("reply" in received) this.#settle(received);
      else void this.#answer(received);
    });
  }

  /** Calls that have not been answered. */
  get pending(): number {
    return this.#open.size;
  }

  /** Rejects with what the other side throws; with a DataCloneError, at once, where `value` cannot be sent. */
  call<Name extends keyof Asks & string>(
    name: Name,
    value: Asks[Name]["given"],
    transfer?: readonly Transferable[],
  ): Promise<Asks[Name]["gives"]> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw this.#closed(name);
      const id = ++this.#last;
      this.#peer.post({ id, call: name, value } satisfies Request, transfer);
      this.#open.set(id, { name, resolve: resolve as Open["resolve"], reject });
    });
  }

  /** The other side has ended: open calls and later ones reject with the error of their name. */
  close(error: (call: string) => Error): void {
    this.#closed ??= error;
    const open = [...this.#open.values()];
    this.#open.clear();
    for (const { name, reject } of open) reject(this.#closed(name));
  }

  #settle({ reply, value, error }: Reply): void {
    const open = this.#open.get(reply);
    this.#open.delete(reply);
    if (error) open?.reject(receivedError(error));
    else open?.resolve(value);
  }

  async #answer({ id, call, value }: Request): Promise<void> {
    try {
      const handler = this.#handlers[call as keyof Serves] as (value: unknown) => Answer<unknown>;
      const answer = await handler(value);
      const [result, transfer] = answer instanceof Moved ? [answer.value, answer.transfer] : [answer];
      this.#peer.post({ reply: id, value: result } satisfies Reply, transfer);
    } catch (error) {
      this.#peer.post({ reply: id, error: sendError(error) } satisfies Reply);
    }
  }
}
