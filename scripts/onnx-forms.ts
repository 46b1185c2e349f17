// Asks onnxruntime for the answers that test/onnx-forms.test.ts is held to, and writes them to test/fixtures/onnx-forms.json.
// Needs the peers of bench/: node scripts/run.mjs scripts/onnx-forms.ts
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { FORMS, inputOf } from "../test/onnx-forms.ts";
import { onnxFile } from "../test/onnx-graph.ts";

const ort = createRequire(pathToFileURL("bench/peers/install.ts"))("onnxruntime-node");
const answers: Record<string, { shape: number[]; data: number[] } | string> = {};
for (const form of FORMS) {
  try {
    const session = await ort.InferenceSession.create(onnxFile(form), { logSeverityLevel: 3 });
    const feeds = Object.entries(form.inputs).map(([name, shape]) => {
      const sizes = shape as number[];
      return [name, new ort.Tensor("float32", inputOf(sizes, name), sizes)];
    });
    const { y } = await session.run(Object.fromEntries(feeds));
    const data = Array.from(y.data as Float32Array, (value) => Number(value.toPrecision(7)));
    answers[form.name] = { shape: [...y.dims], data };
  } catch (error) {
    console.log(`${form.name}: ${(error as Error).message}`);
  }
}
const lines = Object.entries(answers).map(
  ([name, answer]) => `${JSON.stringify(name)}: ${JSON.stringify(answer)}`,
);
writeFileSync("test/fixtures/onnx-forms.json", `{\n${lines.join(",\n")}\n}\n`);
console.log(`${lines.length} of ${FORMS.length} answers`);
