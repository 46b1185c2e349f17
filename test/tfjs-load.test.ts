// loadTfjs: models by URL, from files picked by hand, and from handlers of TensorFlow.js.
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromTfjs, loadTfjs } from "../src/formats/tfjs/index.ts";
import { floats, graphModel } from "./tfjs-graphs.ts";

const { json, bytes } = graphModel([["y", "Add", ["x", "w"]]], { w: floats([4], 1, 2, 3, 4) });
// In two files, one of them in a folder.
const [{ weights }] = json.weightsManifest;
const sharded = { ...json, weightsManifest: [{ paths: ["a.bin", "more/b.bin"], weights }] };
const text = JSON.stringify(sharded);
const files: Readonly<Record<string, string | Uint8Array>> = {
  "/nets/model.json": text,
  "/nets/a.bin": bytes.subarray(0, 7),
  "/nets/more/b.bin": bytes.subarray(7),
  "/alone/model.json": text,
  "/page": "<html></html>",
};

let server: Server;
let base: string;
const asked: string[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url!);
    const { pathname } = new URL(request.url!, "http://host");
    if (pathname === "/moved.json") response.writeHead(302, { location: "/nets/model.json" }).end();
    else if (files[pathname] === undefined) response.writeHead(404).end();
    else response.end(files[pathname]);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

/** The layers and weights of a model. */
function made(model: Awaited<ReturnType<typeof loadTfjs>>): unknown {
  if (!("resolve" in model)) return model;
  const { model: description, weights: stored } = model.resolve();
  return { description, weights: Object.entries(stored).map(([name, weight]) => [name, weight.read()]) };
}
const expected = made(fromTfjs(json, bytes));

describe("loadTfjs", () => {
  it("fetches a model and the files next to it", async () => {
    expect(made(await loadTfjs(`${base}/nets/model.json`))).toEqual(expected);
    expect(made(await loadTfjs(new URL("/moved.json", base)))).toEqual(expected);
    asked.length = 0;
    await loadTfjs(`${base}/nets/model.json?key=a/b`);
    expect(asked.sort()).toEqual([
      "/nets/a.bin?key=a/b",
      "/nets/model.json?key=a/b",
      "/nets/more/b.bin?key=a/b",
    ]);
  });

  it("takes files", async () => {
    const picked = [
      new File([bytes], "weights.bin"),
      new File([JSON.stringify(json)], "model.json", { type: "application/json" }),
    ];
    expect(made(await loadTfjs(picked))).toEqual(expected);
    await expect(loadTfjs(picked.slice(0, 1))).rejects.toThrow(/of 1 files, 0 end in .json/);
    await expect(loadTfjs([5 as never])).rejects.toThrow(/files\[0\] is 5 but must be a File/);
  });

  it("takes handlers, with weights in one buffer or several", async () => {
    const { modelTopology, format } = json;
    const artifacts = { modelTopology, format, weightSpecs: weights };
    const whole = { load: async () => ({ ...artifacts, weightData: bytes.buffer }) };
    const parts = { load: async () => ({ ...artifacts, weightData: [bytes.slice(0, 5), bytes.slice(5)] }) };
    expect(made(await loadTfjs(whole))).toEqual(expected);
    expect(made(await loadTfjs(parts))).toEqual(expected);
    await expect(loadTfjs({ load: async () => 5 })).rejects.toThrow(
      /load gave 5 but must give the artifacts/,
    );
  });

  it("says what is missing", async () => {
    await expect(loadTfjs(`${base}/nowhere.json`)).rejects.toThrow(/nowhere.json" answers 404/);
    await expect(loadTfjs(`${base}/alone/model.json`)).rejects.toThrow(/alone\/(a|more\/b).bin" answers 404/);
    await expect(loadTfjs(`${base}/page`)).rejects.toThrow(/looks like an HTML page/);
    await expect(loadTfjs("http://127.0.0.1:1/model.json")).rejects.toThrow(/cannot be fetched/);
    await expect(loadTfjs(undefined as never)).rejects.toThrow(/the model is undefined but must be a URL/);
  });
});
