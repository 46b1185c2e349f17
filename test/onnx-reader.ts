// Reads the structure of ONNX files, independently of src/formats: those that toOnnx writes, and those of others.
// Field numbers: onnx/onnx.proto.

export interface OnnxNode {
  op: string;
  name: string;
  inputs: string[];
  outputs: string[];
  attributes: Record<string, number | string | number[]>;
}

export interface OnnxTensor {
  /** TensorProto.DataType: 1 is float32, 7 is int64. */
  type: number;
  dims: number[];
  bytes: Uint8Array;
}

export interface OnnxValue {
  name: string;
  type: number;
  dims: (number | string)[];
}

export interface OnnxFile {
  irVersion: number;
  opsets: { domain: string; version: number }[];
  nodes: OnnxNode[];
  initializers: Map<string, OnnxTensor>;
  inputs: OnnxValue[];
  outputs: OnnxValue[];
}

/** A field's number and content: a whole number, four or eight bytes of a float, or the bytes of text or a message. */
type Field = [number: number, value: number | Uint8Array];

function fields(bytes: Uint8Array): Field[] {
  const list: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("a varint runs past the end");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const wire = key & 7;
    if (wire === 0) list.push([key >> 3, varint()]);
    else {
      const length = wire === 2 ? varint() : wire === 5 ? 4 : wire === 1 ? 8 : Number.NaN;
      if (!(at + length <= bytes.length))
        throw new Error(`field ${key >> 3} of wire type ${wire} is damaged`);
      list.push([key >> 3, bytes.subarray(at, at + length)]);
      at += length;
    }
  }
  return list;
}

const all = (list: Field[], number: number) => list.filter(([n]) => n === number).map(([, value]) => value);
const text = (bytes: unknown): string =>
  new TextDecoder("utf-8", { fatal: true }).decode(bytes as Uint8Array);
const messages = (list: Field[], number: number) => all(list, number).map((v) => fields(v as Uint8Array));
const one = (list: Field[], number: number): string => text(all(list, number)[0] ?? new Uint8Array());
const texts = (list: Field[], number: number): string[] => all(list, number).map(text);

/** Repeated whole numbers: one by one, or packed into one field. */
const ints = (list: Field[], number: number): number[] =>
  all(list, number).flatMap((v) => {
    if (typeof v === "number") return [v];
    // As fields of their own, a key before each, packed numbers read like any.
    return [...v]
      .reduce<number[][]>((groups, byte) => {
        if (!groups.length || groups.at(-1)!.at(-1)! < 0x80) groups.push([]);
        groups.at(-1)!.push(byte);
        return groups;
      }, [])
      .map((group) => fields(Uint8Array.from([8, ...group]))[0][1] as number);
  });

function attribute(list: Field[]): number | string | number[] {
  const [type] = all(list, 20);
  const float = all(list, 2)[0] as Uint8Array | undefined;
  if (type === 1) return new DataView(float!.buffer, float!.byteOffset).getFloat32(0, true);
  if (type === 2) return (all(list, 3)[0] as number) ?? 0;
  if (type === 3) return one(list, 4);
  if (type === 7) return ints(list, 8);
  return `a value of type ${type}`;
}

function value(list: Field[]): OnnxValue {
  const [[, type]] = [fields(all(list, 2)[0] as Uint8Array)[0]];
  const tensor = fields(type as Uint8Array);
  const dims = messages(fields(all(tensor, 2)[0] as Uint8Array), 1).map((dim) =>
    all(dim, 1).length ? (all(dim, 1)[0] as number) : one(dim, 2),
  );
  return { name: one(list, 1), type: all(tensor, 1)[0] as number, dims };
}

export function readOnnx(file: Uint8Array): OnnxFile {
  const model = fields(file);
  const graph = fields(all(model, 7)[0] as Uint8Array);
  const nodes = messages(graph, 1).map((node) => ({
    op: one(node, 4),
    name: one(node, 3),
    inputs: texts(node, 1),
    outputs: texts(node, 2),
    attributes: Object.fromEntries(messages(node, 5).map((a) => [one(a, 1), attribute(a)])),
  }));
  const initializers = messages(graph, 5).map((tensor): [string, OnnxTensor] => [
    one(tensor, 8),
    { type: all(tensor, 2)[0] as number, dims: ints(tensor, 1), bytes: all(tensor, 9)[0] as Uint8Array },
  ]);
  return {
    irVersion: all(model, 1)[0] as number,
    opsets: messages(model, 8).map((o) => ({ domain: one(o, 1), version: all(o, 2)[0] as number })),
    nodes,
    initializers: new Map(initializers),
    inputs: messages(graph, 11).map(value),
    outputs: messages(graph, 12).map(value),
  };
}

/** The values of a float32 tensor. */
export function floatsOf({ type, bytes }: OnnxTensor): Float32Array {
  if (type !== 1) throw new Error(`the tensor has data type ${type}, not 1 (float32)`);
  // A copy begins where floats may begin.
  return new Float32Array(new Uint8Array(bytes).buffer);
}
