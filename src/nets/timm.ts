// How timm (PyTorch Image Models) names the weights of nets that torchvision names otherwise: `map` for loadStateDict.

type Names = Readonly<Record<string, string>>;

/** The parts of a block without expansion, and of all others, as the modules of a net. */
interface Blocks {
  readonly first: Names;
  readonly others: Names;
  /** The module of a block, by its stage and its number in that. */
  module(stage: number, block: number): string;
}

/** Names of a mobile net: those of the modules around its blocks, and of the parts of blocks. */
const mobile =
  (modules: Names, { first, others, module }: Blocks) =>
  (name: string): string => {
    const [, path, weight] = /^(.*)\.(\w+)$/.exec(name) ?? ["", name, ""];
    const [, stage, block, part] = /^blocks\.(\d+)\.(\d+)\.(.*)$/.exec(path) ?? [];
    if (part === undefined) return Object.hasOwn(modules, path) ? `${modules[path]}.${weight}` : name;
    const parts = stage === "0" ? first : others;
    return Object.hasOwn(parts, part) ? `${module(+stage, +block)}.${parts[part]}.${weight}` : name;
  };

const efficientNetB0 = mobile(
  {
    conv_stem: "features.0.0",
    bn1: "features.0.1",
    conv_head: "features.8.0",
    bn2: "features.8.1",
    classifier: "classifier.1",
  },
  {
    first: {
      ...{ conv_dw: "0.0", bn1: "0.1", "se.conv_reduce": "1.fc1", "se.conv_expand": "1.fc2" },
      ...{ conv_pw: "2.0", bn2: "2.1" },
    },
    others: {
      ...{ conv_pw: "0.0", bn1: "0.1", conv_dw: "1.0", bn2: "1.1" },
      ...{ "se.conv_reduce": "2.fc1", "se.conv_expand": "2.fc2", conv_pwl: "3.0", bn3: "3.1" },
    },
    module: (stage, block) => `features.${stage + 1}.${block}.block`,
  },
);

/** Blocks of the stages before each stage of MobileNetV2. */
const BEFORE = [0, 1, 3, 6, 10, 13, 16];

const mobileNetV2 = mobile(
  {
    conv_stem: "features.0.0",
    bn1: "features.0.1",
    conv_head: "features.18.0",
    bn2: "features.18.1",
    classifier: "classifier.1",
  },
  {
    first: { conv_dw: "0.0", bn1: "0.1", conv_pw: "1", bn2: "2" },
    others: { conv_pw: "0.0", bn1: "0.1", conv_dw: "1.0", bn2: "1.1", conv_pwl: "2", bn3: "3" },
    module: (stage, block) => `features.${BEFORE[stage] + block + 1}.conv`,
  },
);

const vgg16 = (name: string): string =>
  name
    .replace(/^pre_logits\.fc1\./, "classifier.0.")
    .replace(/^pre_logits\.fc2\./, "classifier.3.")
    .replace(/^head\.fc\./, "classifier.6.");

/**
 * Turns names of timm's checkpoints into torchvision's, by the function that describes the net:
 * `loadStateDict(efficientNetB0(), bytes, { map: timmNames.efficientNetB0 })`. ResNets and DenseNets have the same names in both.
 * Checkpoints `tf_...` are of nets that pad as TensorFlow does, which these do not.
 */
export const timmNames = { efficientNetB0, mobileNetV2, vgg16 } as const;
