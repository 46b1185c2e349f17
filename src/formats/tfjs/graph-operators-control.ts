// Constants, and control flow as far as it is decided when the model is compiled: branches on known conditions, and calls of functions.
import { FormatError } from "../../errors.ts";
import type { Call, Operator, Operators, Outputs } from "./graph-call.ts";

const weight: Operator = (call, writer) => {
  const { name } = call.node;
  const known = call.around.weight(name);
  if (!known) throw new FormatError(`${call.where}: the manifest lists no weight of that name`);
  return writer.known(known);
};

/** Whether a condition is true, which must be known. */
function decided(call: Call, i: number): boolean {
  if (!call.input(i).constant)
    call.unsupported("branches on a condition that is known only when the network runs");
  const values = call.known(i, "the condition").data;
  if (values.length !== 1) throw new FormatError(`${call.where}: the condition has ${values.length} values`);
  return values[0] !== 0;
}

/** Sends a value to one of two branches: outputs are that for false, and that for true. */
const switchTo: Operator = (call) => {
  const x = call.input(0);
  return decided(call, 1) ? [undefined, x] : [x, undefined];
};

/** The value of the branch that was taken, and which it was. */
const merge: Operator = (call, writer) => {
  const alive = call.given.findIndex((value) => value !== undefined);
  if (alive < 0) return [undefined, undefined];
  if (call.given.some((value, i) => value !== undefined && i !== alive))
    call.unsupported("merges branches of which more than one is taken");
  return [call.given[alive], writer.ints(alive)];
};

const branch: Operator = (call) => {
  const name = decided(call, 0) ? "then_branch" : "else_branch";
  return call.around.run(call.attributes.functionName(name), call.given.slice(1), call);
};

/** A loop as often as its condition says, which must be known each time: it is written out. */
const loop: Operator = (call, writer) => {
  const [condition, body] = [call.attributes.functionName("cond"), call.attributes.functionName("body")];
  let values: Outputs = call.given;
  for (;;) {
    call.around.iteration(call);
    const [goesOn] = call.around.run(condition, values, call);
    const known = goesOn && writer.cast(goesOn, "bool").constant;
    if (!known) return call.unsupported("repeats on a condition that is known only when the network runs");
    if (known.data[0] === 0) return values;
    values = call.around.run(body, values, call);
    if (values.length !== call.given.length)
      call.fail(`its body gives ${values.length} values but takes ${call.given.length}`);
  }
};

const called: Operator = (call) => call.around.run(call.attributes.functionName("f"), call.given, call);

export const controlOperators: Operators = {
  Const: weight,
  VarHandleOp: weight,
  VariableV2: weight,
  Switch: switchTo,
  RefSwitch: switchTo,
  Merge: merge,
  If: branch,
  StatelessIf: branch,
  While: loop,
  StatelessWhile: loop,
  PartitionedCall: called,
  StatefulPartitionedCall: called,
};
