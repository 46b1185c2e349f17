// Where eager ops and networks meet without knowing each other, so that a bundle that only uses ops holds no networks.

import { UnsupportedError } from "./errors.ts";
import type { Model, TrainedModel } from "./model/schema.ts";
import type { CompileOptions, Network } from "./network/network.ts";
import type { Runtime } from "./runtime/instance.ts";

export type Compiler = (runtime: Runtime, model: Model | TrainedModel, options: CompileOptions) => Network;

let provided: Compiler | undefined;

/** Called by model.ts when it is loaded. */
export function provideCompiler(compiler: Compiler): void {
  provided = compiler;
}

export function compiler(): Compiler {
  if (!provided)
    throw new UnsupportedError(
      "compile: this bundle holds no network code; import loadModel (or sequential, model) from convolith and give it the description",
    );
  return provided;
}
