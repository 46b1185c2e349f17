// Operators in old and new forms, against the answers of onnxruntime.
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { fromOnnx } from "../src/formats/onnx/index.ts";
import { createEngine } from "../src/index.ts";
import { FORMS, inputOf } from "./onnx-forms.ts";
import { onnxFile } from "./onnx-graph.ts";

const ANSWERS: Readonly<Record<string, { shape: number[]; data: number[] }>> = JSON.parse(
  readFileSync(new URL("fixtures/onnx-forms.json", import.meta.url), "utf8"),
);

describe("operators as onnxruntime computes them", async () => {
  const engine = await createEngine({ build: "simd" });
  afterAll(() => engine.dispose());

  it.each(FORMS)("$name", (form) => {
    const { shape, data } = ANSWERS[form.name];
    const net = engine.compile(fromOnnx(onnxFile(form)));
    const y = net.predict<Float32Array>(
      Object.entries(form.inputs).map(([name, sizes]) => inputOf(sizes as number[], name)),
    );
    const own = net.outputShapes[net.model.outputs[0]];
    expect(net.model.batch === false ? own : [1, ...own]).toEqual(shape);
    expect(y).toHaveLength(data.length);
    const at = data.findIndex((v, i) => !(Math.abs(v - y[i]) <= 2e-6 + 2e-5 * Math.abs(v)));
    expect(at < 0 ? "" : `value ${at} is ${y[at]} instead of ${data[at]}`).toBe("");
    net.dispose();
  });
});
