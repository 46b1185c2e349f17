// What a compiled model tells of itself: shapes, sizes, layers.
import { ArgumentError } from "../errors.ts";
import type { DescribedModel, Model, TrainedModel } from "../model/schema.ts";
import { type Shape, sizeOf } from "../tensor.ts";
import { aList, aText, describe } from "../validate.ts";
import { Callable } from "./callable.ts";
import type { Inference } from "./inference.ts";
import { summaryTable } from "./summary.ts";

/** A compiled model that can be called. */
export abstract class CompiledModel extends Callable {
  /** The description, with all shapes resolved. */
  abstract readonly model: Model;
  /** Images per run. */
  abstract readonly batchSize: number;
  /** @internal */
  protected abstract get inference(): Inference;
  /** @internal Of all weights, by name. */
  protected abstract get weightShapes(): Readonly<Record<string, Shape>>;

  /** Shapes of one image at each input, without batch; all axes where the model has no batch. */
  get inputShapes(): Readonly<Record<string, Shape>> {
    return Object.fromEntries(this.inference.inputs.list.map((p) => [p.name, p.imageShape]));
  }

  /** Shapes of one image at each output, without batch; all axes where the model has no batch. */
  get outputShapes(): Readonly<Record<string, Shape>> {
    return Object.fromEntries(this.inference.outputs.list.map((p) => [p.name, p.imageShape]));
  }

  /** Multiply-adds of one run, over the whole batch. */
  get multiplyAdds(): number {
    return this.inference.rows.reduce((sum, row) => sum + row.multiplyAdds, 0);
  }

  /** Values of all weights. */
  get parameters(): number {
    return Object.values(this.weightShapes).reduce((sum, shape) => sum + sizeOf(shape), 0);
  }

  /** Bytes this network holds in linear memory: weights and tables; activations and scratch. */
  get bytes(): { readonly kept: number; readonly run: number } {
    return this.inference.bytes;
  }

  /** A table of layers: output shape, parameters, multiply-adds, algorithm, bytes. */
  summary(): string {
    const batch = this.model.batch === false ? undefined : this.batchSize;
    return summaryTable(this.inference.rows, batch, this.bytes);
  }
}

/** The description with layers as its outputs, and its kinds. Throws ArgumentError for a name that is no layer's. */
export function withIntermediate({ kinds, ...model }: DescribedModel, names: unknown): TrainedModel {
  aList(aText)(names, "layers", "intermediate");
  const list = names as readonly string[];
  if (!list.length) throw new ArgumentError("intermediate: layers is [] but must name one at least");
  const known = new Set(model.layers.map(({ name }) => name));
  const unknown = list.find((name) => !known.has(name.replace(/:\d+$/, "")));
  if (unknown !== undefined)
    throw new ArgumentError(
      `intermediate: there is no layer ${describe(unknown)}; there are ${[...known].join(", ")}`,
    );
  return { model: { ...model, outputs: [...list] }, ...(kinds && { kinds }) } as TrainedModel;
}
