// A trained network, ESRGAN-slim: what its first layer sees, what the whole makes of a picture, and where its time goes.
import type { Network, TrainedModel } from "convolith";
import { colorMap, resize } from "convolith/image";
import { loadTfjs } from "convolith/tfjs";
import { engine } from "./engine.ts";

/** Its first layer. */
const FIRST = "F_m1";
const SCALE = 2;

let read: Promise<TrainedModel> | undefined;
function trained(): Promise<TrainedModel> {
  // A layers model, which has its weights by name at once.
  read ??= loadTfjs(new URL("esrgan-slim/model.json", self.location.href)) as Promise<TrainedModel>;
  return read;
}

/** RGB from 0 to 255, as the network was trained with; without alpha. */
function rgb({ data, width, height }: ImageData): Float32Array {
  const values = new Float32Array(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    values[to] = data[from];
    values[to + 1] = data[from + 1];
    values[to + 2] = data[from + 2];
  }
  return values;
}

export interface FirstLayer {
  readonly filters: number;
  /** [row, column, channel, filter], 3 x 3 x 3 of each. */
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
}

export async function firstLayer(): Promise<FirstLayer> {
  const { weights } = await trained();
  const [kernel, bias] = ["kernel", "bias"].map((name) => Float32Array.from(weights[`${FIRST}.${name}`]));
  return { kernel, bias, filters: bias.length };
}

export interface FeatureMaps {
  readonly width: number;
  readonly height: number;
  /** What the layer gives: [row, column, filter]. */
  readonly values: Float32Array;
  /** A map per filter, its lowest value dark, its highest bright. */
  readonly pictures: readonly Uint8Array[];
}

export async function featureMaps(picture: ImageData): Promise<FeatureMaps> {
  const e = await engine();
  const { kernel, bias, filters } = await firstLayer();
  const { width, height } = picture;
  using x = e.tensor(rgb(picture), [1, height, width, 3]);
  using w = e.tensor(kernel, [3, 3, 3, filters]);
  using b = e.tensor(bias, [filters]);
  using y = e.conv2d(x, w, { bias: b, padding: "same" });
  const values = y.data() as Float32Array;
  const pictures = Array.from({ length: filters }, (_, f) => {
    const data = new Float32Array(width * height);
    for (let i = 0; i < data.length; i++) data[i] = values[i * filters + f];
    return new Uint8Array(colorMap({ data, width, height, channels: 1 }, "viridis").data);
  });
  return { width, height, values, pictures };
}

const networks = new Map<string, Network>();

/** The network for pictures of one size; `batchSize` of them at once. */
async function networkFor(width: number, height: number, batchSize = 1): Promise<Network> {
  const key = [width, height, batchSize].join();
  let net = networks.get(key);
  if (!net) {
    net = (await engine()).compile(await trained(), { shape: [height, width, 3], batchSize });
    networks.set(key, net);
  }
  return net;
}

/** Twice as wide and high: by the network, and by cubic interpolation for comparison. */
export async function upscale(picture: ImageData) {
  const [width, height] = [picture.width * SCALE, picture.height * SCALE];
  const net = await networkFor(picture.width, picture.height);
  const x = rgb(picture);
  const values = new Float32Array(width * height * 3);
  const start = performance.now();
  net.run(x, values);
  const ms = performance.now() - start;
  const image = new ImageData(width, height);
  for (let from = 0, to = 0; from < values.length; from += 3, to += 4) {
    for (let c = 0; c < 3; c++) image.data[to + c] = values[from + c];
    image.data[to + 3] = 255;
  }
  const cubic = resize(await engine(), picture, { width, height, method: "cubic" });
  return { image, cubic, ms, multiplyAdds: net.multiplyAdds };
}

/** The shortest time that this browser's clock can tell, in milliseconds: 0.1 or 1 where a page is not isolated. */
function tick(): number {
  const start = performance.now();
  let now = start;
  while (now === start) now = performance.now();
  return now - start;
}

/** Where the time goes, layer by layer, in milliseconds per picture: over a batch, where the clock is too coarse for one. */
export async function profile(width: number, height: number) {
  const clock = Math.min(tick(), tick());
  const batch = clock > 0.5 ? 8 : 1;
  const net = await networkFor(width, height, batch);
  const { layers } = net.profile(undefined, { runs: batch > 1 ? 5 : 15 });
  return {
    batch,
    ms: layers.reduce((sum, layer) => sum + layer.ms, 0) / batch,
    layers: layers.map((layer) => ({ ...layer, ms: layer.ms / batch })),
  };
}
