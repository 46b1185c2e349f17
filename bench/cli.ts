// Every benchmark by one command: npm run bench -- <layers | nets | images | memory | train | grad | compile | worker | peers | load | browser | models> [part of a name]
interface Command {
  readonly about: string;
  load(): Promise<{ run(args: readonly string[]): Promise<void> }>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  layers: {
    about:
      "convolutions of well-known nets: ms, GFLOP/s, per cent of the machine's roof, error; arrays in and out",
    load: () => import("./layers.ts"),
  },
  nets: {
    about: "whole nets: ms, images per second, GFLOP/s, several threads, memory",
    load: () => import("./net-table.ts"),
  },
  images: {
    about: "filters, Canny, resize and the like of a photo beside OpenCV.js and sharp [--rounds=7] [--best]",
    load: () => import("./images.ts"),
  },
  memory: {
    about: "pooling, normalisation, softmax, copies and the like: GB/s, per cent of a plain copy's",
    load: () => import("./memory.ts"),
  },
  train: {
    about:
      "a step of training on one thread and several, beside ConvNetJS and, where it is installed, PyTorch",
    load: () => import("./peers/train.ts"),
  },
  grad: { about: "gradients of single ops: GFLOP/s or GB/s", load: () => import("./grad.ts") },
  compile: {
    about: "what compiling takes: milliseconds, bytes per byte of weights",
    load: () => import("./compile.ts"),
  },
  worker: {
    about:
      "the engine in workers: what a request costs beside Comlink, images per second, how long the caller is blocked",
    load: () => import("./worker.ts"),
  },
  peers: {
    about:
      "layers and nets beside onnxruntime-web, TensorFlow.js and native onnxruntime [layers | nets] [--rounds=7] [--engines=convolith,ort-web]",
    load: () => import("./peers/compare.ts"),
  },
  load: {
    about:
      "from the bytes of an ONNX file to the first answer, and the memory that takes: file.onnx [--rounds=5]",
    load: () => import("./peers/load.ts"),
  },
  browser: {
    about:
      "from import to MobileNetV2's first answer in Chromium and Firefox, beside onnxruntime-web [--rounds=5] [--modules=folder]",
    load: () => import("./peers/browser.ts"),
  },
  models: {
    about:
      "trained models in files beside TensorFlow.js and onnxruntime-web [--rounds=7] [--dir=folder of .onnx files]",
    load: () => import("./peers/models.ts"),
  },
};

const [name, ...args] = process.argv.slice(2);
if (name !== undefined && Object.hasOwn(COMMANDS, name)) {
  await (await COMMANDS[name].load()).run(args);
} else {
  console.error("npm run bench -- <command> [part of a name]\n");
  for (const [command, { about }] of Object.entries(COMMANDS))
    console.error(`  ${command.padEnd(8)} ${about}`);
  process.exitCode = 1;
}
