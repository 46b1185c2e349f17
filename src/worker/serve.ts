// The worker's side: an engine and its networks, which answer the calls of the other thread.
import { createEngine } from "../engine/create.ts";
import type { Engine } from "../engine/engine.ts";
import { DisposedError } from "../errors.ts";
import { fromSafetensors } from "../formats/checkpoint.ts";
import { importedKinds } from "../formats/import/emit.ts";
import { fromOnnx } from "../formats/onnx/from-onnx.ts";
import type { Model, ModelSource, TrainedModel } from "../model/schema.ts";
import type { FitOptions, Schedule } from "../network/fit-options.ts";
import type { Network } from "../network/network.ts";
import type { Batches, Samples, TrainOptions } from "../network/trainer-interface.ts";
import type { Peer } from "../runtime/thread-pool.ts";
import { optimizerOfKind } from "../training/optimizers.ts";
import { resume } from "../training/resume.ts";
import { isObject } from "../validate.ts";
import { Connection, Moved } from "./connection.ts";
import type { EngineCalls, Facts, Fit, HostCalls } from "./protocol.ts";

type Host = Connection<HostCalls, EngineCalls>;

/** Serves one engine for as long as the worker lives. */
export function serve(peer: Peer): void {
  let engine: Engine;
  const nets = new Map<number, Network>();
  const fits = new Map<number, AbortController>();
  /** Of the last fit of each network. */
  const schedules = new Map<number, ScheduleState>();
  const netOf = (net: number, what: string): Network => {
    const found = nets.get(net);
    if (!found) throw new DisposedError(`${what}: the network has been disposed`);
    return found;
  };
  const host: Host = new Connection<HostCalls, EngineCalls>(peer, {
    async open(options) {
      engine = await createEngine(options);
      return engine.info;
    },
    compile(given) {
      const net = engine.compile(sourceOf(given.source), withOptimizer(given.options, "train"));
      nets.set(given.net, net);
      return factsOf(net);
    },
    predict({ net, inputs }) {
      const given = inputs.length === 1 ? inputs[0] : inputs;
      const outputs = [netOf(net, "predict").predict<Float32Array | Float32Array[]>(given)].flat();
      return new Moved(outputs, buffersOf(outputs));
    },
    evaluate: ({ net, samples, options }) => netOf(net, "evaluate").evaluate(samples, options),
    async fit(given) {
      const { net, fit, samples } = given;
      const controller = new AbortController();
      fits.set(fit, controller);
      try {
        const state = { value: undefined };
        schedules.set(net, state);
        const options = { ...fitOptions(host, given, state), signal: controller.signal };
        return await netOf(net, "fit").fit(samples ?? ((epoch) => pulled(host, fit, epoch)), options);
      } finally {
        fits.delete(fit);
      }
    },
    abort: ({ fit }) => fits.get(fit)?.abort(),
    save({ net, options, schedule }) {
      const state = schedules.get(net);
      if (state) state.value = schedule;
      const bytes = netOf(net, "save").save(options);
      return new Moved(bytes, buffersOf([bytes]));
    },
    load: ({ net, bytes }) => netOf(net, "load").load(bytes),
    resume: ({ net, bytes }) => void resume(netOf(net, "resume"), bytes),
    weights({ net }) {
      const weights = { ...netOf(net, "weights").weights };
      return new Moved(weights, buffersOf(Object.values(weights)));
    },
    emaWeights({ net }) {
      const averages = netOf(net, "emaWeights").emaWeights;
      return new Moved(averages, buffersOf(Object.values(averages ?? {})));
    },
    setWeights({ net, weights }) {
      netOf(net, "weights").weights = weights;
    },
    summary: ({ net }) => netOf(net, "summary").summary(),
    dispose({ net }) {
      nets.get(net)?.dispose();
      nets.delete(net);
      schedules.delete(net);
    },
  });
}

const buffersOf = (views: readonly ArrayBufferView[]): ArrayBuffer[] => [
  ...new Set(views.map(({ buffer }) => buffer as ArrayBuffer)),
];

/** What `compile` takes, of what was sent: the kinds of layers of imported models are known here. */
function sourceOf(source: unknown): Model | TrainedModel | ModelSource {
  if (source instanceof Uint8Array) {
    if (isOnnx(source)) return fromOnnx(source);
    return { ...fromSafetensors(source), kinds: importedKinds };
  }
  const model = isObject(source) && "model" in source ? source : { model: source, weights: undefined };
  return { ...(model as unknown as TrainedModel), kinds: importedKinds };
}

/** Protobuf begins with its first field, safetensors with a length of eight bytes and the header. */
const isOnnx = (bytes: Uint8Array): boolean => bytes[0] === 8 && bytes[8] !== 0x7b;

function factsOf(net: Network): Facts {
  const { model, inputShapes, outputShapes, batchSize, parameters, multiplyAdds } = net;
  return {
    inputs: model.inputs.map(({ name, dtype }) => ({
      name,
      shape: inputShapes[name],
      dtype: dtype ?? "float32",
    })),
    outputs: model.outputs.map((name) => ({ name, shape: outputShapes[name] })),
    batchSize,
    batched: model.batch !== false,
    parameters,
    multiplyAdds,
  };
}

/** Optimizers arrive as plain data, and become ones that train. */
function withOptimizer<O extends object, Key extends keyof O>(options: O, key?: Key): O {
  const holder = key === undefined ? options : options[key];
  if (!isObject(holder) || holder.optimizer === undefined) return options;
  const complete = { ...holder, optimizer: optimizerOfKind(holder.optimizer) };
  return key === undefined ? (complete as unknown as O) : { ...options, [key]: complete };
}

/** The state of a schedule in the caller's thread, as it was told last. */
interface ScheduleState {
  value: unknown;
}

function fitOptions(
  host: Host,
  { fit, callbacks, options }: Fit,
  state: ScheduleState,
): FitOptions & Partial<TrainOptions> {
  const calls = callbacks.map((name) => [
    name,
    (argument: unknown) => host.call("callback", { fit, name, argument }),
  ]);
  const { schedule, momentum, remind, ...others } = Object.fromEntries(calls);
  return {
    ...{ ...withOptimizer(options), ...others },
    ...(schedule && { schedule: scheduleOf(schedule, momentum, remind, state) }),
  };
}

type HostCall = (argument: unknown) => Promise<unknown>;

/** The caller's schedule, as the training sees it: what it gives are promises. */
function scheduleOf(
  ask: HostCall,
  momentum: HostCall | undefined,
  remind: HostCall | undefined,
  state: ScheduleState,
): Schedule {
  let reminded: Promise<unknown> | undefined;
  const schedule = async (step: number): Promise<unknown> => {
    // Where it refuses its state, the training ends.
    await reminded;
    return await ask(step);
  };
  if (momentum) Object.assign(schedule, { momentum });
  if (remind)
    Object.defineProperty(schedule, "state", {
      get: () => state.value,
      set(value) {
        state.value = value;
        reminded = remind(value);
        reminded.catch(() => {});
      },
    });
  return schedule as unknown as Schedule;
}

/** The batches of an epoch, one by one. The next is asked for before one is trained on: the other thread makes it meanwhile. */
async function* pulled(host: Host, fit: number, epoch: number): AsyncGenerator<Samples> & Batches {
  await host.call("begin", { fit, epoch });
  const ask = (): Promise<HostCalls["next"]["gives"]> => {
    const next = host.call("next", { fit });
    // Heard when its turn comes, if it does.
    next.catch(() => {});
    return next;
  };
  let next = ask();
  try {
    for (;;) {
      const answer = await next;
      if (!answer) return;
      next = ask();
      yield answer.samples;
    }
  } finally {
    await next.catch(() => {});
    await host.call("end", { fit });
  }
}
