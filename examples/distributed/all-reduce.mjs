// Averages arrays over processes of one machine: the first adds up what each of them sends, in the order of their ranks, and sends all of
// them the result, so that all compute with the same bits. MPI, Gloo or a ring do the same for more processes.
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** A socket from which arrays are read whole. */
class Peer {
  #socket;
  #parts = /** @type {Uint8Array[]} */ ([]);
  #gone = false;
  #wanted =
    /** @type {{ bytes: number, resolve(all: Uint8Array): void, reject(error: Error): void } | undefined} */ (
      undefined
    );

  /** @param {import("node:net").Socket} socket */
  constructor(socket) {
    this.#socket = socket.setNoDelay();
    socket.on("data", (part) => {
      this.#parts.push(part);
      this.#deliver();
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#gone = true;
      this.#wanted?.reject(new Error("a process of the training has ended"));
    });
  }

  /** @param {Float32Array} values */
  send = (values) => this.#socket.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));

  /** The next numbers. @param {number} count @returns {Promise<Float32Array>} */
  async receive(count) {
    const bytes = await new Promise((resolve, reject) => {
      this.#wanted = { bytes: count * 4, resolve, reject };
      this.#deliver();
      if (this.#gone) this.#wanted?.reject(new Error("a process of the training has ended"));
    });
    return new Float32Array(bytes.buffer);
  }

  end = () => this.#socket.end();

  #deliver() {
    const held = this.#parts.reduce((sum, part) => sum + part.length, 0);
    if (!this.#wanted || held < this.#wanted.bytes) return;
    const { bytes, resolve } = this.#wanted;
    const all = Uint8Array.from(Buffer.concat(this.#parts));
    this.#parts = [all.subarray(bytes)];
    this.#wanted = undefined;
    resolve(all.slice(0, bytes));
  }
}

/**
 * Joins the processes of a training. The first (rank 0) listens on the loopback interface and hands its port to `listening`; the others give
 * that port.
 *
 * @param {{ rank: number, processes: number, port?: number, listening?: (port: number) => void }} options
 */
export async function joinGroup({ rank, processes, port = 0, listening }) {
  const peers = rank === 0 ? await accept(processes - 1, listening) : [new Peer(connect(port, "127.0.0.1"))];
  if (rank > 0) peers[0].send(Float32Array.of(rank));
  return {
    /** The mean of arrays of the same names and lengths over all processes. @param {Record<string, Float32Array>} arrays */
    async mean(arrays) {
      const names = Object.keys(arrays);
      const length = names.reduce((sum, name) => sum + arrays[name].length, 0);
      /** @type {Float32Array} */
      let all = new Float32Array(length);
      let at = 0;
      for (const name of names) {
        all.set(arrays[name], at);
        at += arrays[name].length;
      }
      if (rank > 0) {
        peers[0].send(all);
        all = await peers[0].receive(length);
      } else {
        for (const peer of peers) {
          const part = await peer.receive(length);
          for (let i = 0; i < length; i++) all[i] += part[i];
        }
        for (let i = 0; i < length; i++) all[i] /= processes;
        for (const peer of peers) peer.send(all);
      }
      const mean = /** @type {Record<string, Float32Array>} */ ({});
      at = 0;
      for (const name of names) {
        mean[name] = all.subarray(at, at + arrays[name].length);
        at += arrays[name].length;
      }
      return mean;
    },

    leave: () => {
      for (const peer of peers) peer.end();
    },
  };
}

/**
 * Waits for so many processes; gives them in the order of their ranks.
 *
 * @param {number} count
 * @param {(port: number) => void} [listening]
 */
async function accept(count, listening) {
  const peers = /** @type {Peer[]} */ ([]);
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const all = new Promise((resolve) => {
    let met = 0;
    server.on("connection", async (socket) => {
      const peer = new Peer(socket);
      const [rank] = await peer.receive(1);
      peers[rank - 1] = peer;
      if (++met === count) resolve(undefined);
    });
  });
  listening?.(/** @type {import("node:net").AddressInfo} */ (server.address()).port);
  await all;
  server.close();
  return peers;
}
