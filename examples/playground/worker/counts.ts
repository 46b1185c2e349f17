// What a dense layer and a convolution cost on the same picture, as the library counts it.
import { conv2d, dense, flatten, type Model, sequential } from "convolith";
import { engine } from "./engine.ts";

export interface LayerCount {
  readonly parameters: number;
  /** Multiply-adds for one picture. */
  readonly multiplyAdds: number;
  /** net.summary(). */
  readonly summary: string;
}

async function count(model: Model): Promise<LayerCount> {
  const e = await engine();
  const net = e.compile(model);
  try {
    const summary = net.summary();
    const parameters = Number(/([\d,]+) parameters/.exec(summary)?.[1].replaceAll(",", ""));
    return { parameters, multiplyAdds: net.multiplyAdds, summary };
  } finally {
    net.dispose();
  }
}

/** Both layers from side x side pixels to side x side outputs for each of `maps` feature maps. */
export async function countLayers(side: number, kernel: number, maps: number) {
  const shape = [side, side, 1];
  return {
    dense: await count(sequential(shape, [flatten(), dense({ units: side * side * maps })])),
    conv: await count(sequential(shape, [conv2d({ filters: maps, kernel, padding: "same" })])),
  };
}
