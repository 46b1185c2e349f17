// Event files as TensorBoard reads them, written by a callback: records (TFRecord) that hold protocol buffers (Event, Summary).
import type { TrainingCallback } from "../network/fit-options.ts";
import { aFunction, anInteger, checkOptions } from "../validate.ts";
import { numbersOf } from "./monitor.ts";

export interface TensorBoardOptions {
  /** Also writes the loss and the learning rate of every so many steps. Default: of epochs alone. */
  readonly everySteps?: number;
}

/**
 * Writes `train/loss`, `validation/loss` and metrics of every epoch, which is their step. `write` is given bytes to append to one file, and
 * is awaited. TensorBoard finds the file in its folder of logs where its name contains "tfevents": `events.out.tfevents.1`.
 */
export function tensorBoard(
  write: (bytes: Uint8Array) => unknown,
  options: TensorBoardOptions = {},
): TrainingCallback {
  aFunction(write, "write", "tensorBoard");
  checkOptions("tensorBoard", options, { everySteps: anInteger(1) });
  const { everySteps } = options;
  let begun = false;
  const add = async (step: number, values: Readonly<Record<string, number>>): Promise<void> => {
    const records = begun ? [] : [recordOf(event(text(3, "brain.Event:2")))];
    begun = true;
    const summary = Object.entries(values).flatMap(([tag, value]) => [
      ...message(1, [...text(1, tag), 0x15, ...bytesOf(4, (view) => view.setFloat32(0, value, true))]),
    ]);
    records.push(recordOf(event([...varint((2 << 3) | 0), ...varint(step), ...message(5, summary)])));
    await write(Uint8Array.from(records.flat()));
  };
  const named = (prefix: string, values: Readonly<Record<string, number>>): Record<string, number> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}/${name}`, value]));
  return {
    async onBatch({ step, updated, loss, learningRate }) {
      if (everySteps !== undefined && updated && (step + 1) % everySteps === 0)
        await add(step, { "steps/loss": loss, "steps/learningRate": learningRate });
    },
    onEpoch: (report) =>
      add(report.epoch, {
        ...named("train", numbersOf(report)),
        ...named("validation", numbersOf(report.validation)),
      }),
  };
}

type Bytes = readonly number[];

function bytesOf(count: number, fill: (view: DataView) => void): Bytes {
  const bytes = new Uint8Array(count);
  fill(new DataView(bytes.buffer));
  return [...bytes];
}

// Protocol buffers: a field is its number and wire type, then its value.

function varint(value: number): Bytes {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

/** A field of bytes: a message within another. */
const message = (field: number, bytes: Bytes): Bytes => [
  ...varint((field << 3) | 2),
  ...varint(bytes.length),
  ...bytes,
];

const text = (field: number, value: string): Bytes => message(field, [...new TextEncoder().encode(value)]);

/** An Event: the time in seconds since 1970, and other fields. */
const event = (fields: Bytes): Bytes => [
  (1 << 3) | 1,
  ...bytesOf(8, (view) => view.setFloat64(0, Date.now() / 1000, true)),
  ...fields,
];

/** A record of a TFRecord file: length, its checksum, the data, their checksum. */
function recordOf(data: Bytes): number[] {
  const length = bytesOf(8, (view) => view.setUint32(0, data.length, true));
  return [...length, ...checksum(length), ...data, ...checksum(data)];
}

/** The masked CRC-32C of some bytes, as TFRecord files have it. */
function checksum(bytes: Bytes): Bytes {
  const crc = crc32c(bytes);
  const masked = ((crc >>> 15) | (crc << 17)) + 0xa282ead8;
  return bytesOf(4, (view) => view.setUint32(0, masked >>> 0, true));
}

/** The cyclic redundancy check of Castagnoli, by bits: records are short. */
export function crc32c(bytes: ArrayLike<number>): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) {
    crc ^= bytes[i];
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}
