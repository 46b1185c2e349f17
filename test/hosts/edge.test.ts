// examples/edge on the packed package: the Worker in Cloudflare's runtime.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Miniflare } from "miniflare";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { asJpeg, asPng, digits, enlarged, refused } from "./digits.ts";
import { copyExamples } from "./examples.ts";
import { startWorkerd } from "./workerd.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const project = inject("project");
let flare: Miniflare;

beforeAll(async () => {
  const examples = copyExamples(root, project, "edge", "digits");
  const program = { entryPoints: [join(examples, "edge/worker.ts")] };
  flare = await startWorkerd(project, program, [join(examples, "digits/digits.safetensors")]);
});

afterAll(() => flare.dispose());

const post = (body: Uint8Array<ArrayBuffer>) =>
  flare.dispatchFetch("http://localhost/", { method: "POST", body });

test("reads digits, as PNG and JPEG files, large and small, dark and bright", async () => {
  const read = async (body: Uint8Array<ArrayBuffer>): Promise<number> => {
    const answer = (await (await post(body)).json()) as { digit: number; probabilities: number[] };
    expect(answer.probabilities.reduce((sum, p) => sum + p)).toBeCloseTo(1, 5);
    return answer.digit;
  };
  for (const form of [asPng, asJpeg, enlarged]) {
    let right = 0;
    for (const { digit, pixels } of digits) right += Number((await read(form(pixels))) === digit);
    expect(right).toBeGreaterThanOrEqual(38);
  }
});

test.each(refused)("refuses %s", async (_, body, status) => {
  const response = await post(body);
  expect([response.status, await response.json()]).toEqual([status, { error: expect.any(String) }]);
});

test("refuses a file that is too long, and everything but POST", async () => {
  expect((await post(new Uint8Array(300_000))).status).toBe(413);
  expect((await flare.dispatchFetch("http://localhost/")).status).toBe(405);
});
