// What createEngine is given: every option is checked, and every source of the binary works or is refused in words.
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  ArgumentError,
  type ConvolithError,
  createEngine,
  type EngineOptions,
  FormatError,
  UnsupportedError,
} from "../src/index.ts";
import { hasRelaxedSimd } from "../src/runtime/wasm.ts";
import { binary } from "./harness.ts";

// biome-ignore lint/suspicious/noExplicitAny: what a program without types may give
const create = (options: any): Promise<unknown> => createEngine(options);

type Kind = new (message: string) => ConvolithError;

async function refused(options: unknown, kind: Kind, message: string | RegExp): Promise<void> {
  const error = await create(options).then(
    () => "nothing was thrown",
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(kind);
  expect((error as Error).message).toMatch(message);
}

describe("an option that createEngine cannot have", () => {
  it.each<[unknown, string]>([
    [null, "createEngine: options are null but must be an object"],
    [5, "createEngine: options are 5 but must be an object"],
    [{ threads: "2" }, 'createEngine: threads is "2" but must be an integer from 1 to 1024'],
    [{ threads: 0 }, "createEngine: threads is 0 but must be an integer from 1 to 1024"],
    [{ threads: 1.5 }, "createEngine: threads is 1.5 but must be an integer from 1 to 1024"],
    [{ threads: Number.NaN }, "createEngine: threads is NaN but must be an integer"],
    [{ threads: 1e6 }, "createEngine: threads is 1000000 but must be an integer from 1 to 1024"],
    [{ threads: null }, "createEngine: threads is null but must be an integer"],
    [{ deterministic: 1 }, "createEngine: deterministic is 1 but must be true or false"],
    [{ build: "x" }, 'createEngine: build is "x" but must be "simd" or "relaxed"'],
    [{ build: "checked" }, 'createEngine: build is "checked" but must be "simd" or "relaxed"'],
    [{ worker: 5 }, "createEngine: worker is 5 but must be a URL"],
    [{ worker: null }, "createEngine: worker is null but must be a URL"],
    [{ wasm: 5 }, "createEngine: wasm is 5 but must be a WebAssembly.Module, its bytes, a Response, a URL"],
    [{ wasm: null }, "createEngine: wasm is null but must be a WebAssembly.Module"],
    [{ wasm: [0, 97, 115, 109] }, "createEngine: wasm is [0,97,115,109] but must be a WebAssembly.Module"],
    [{ wasm: Promise.resolve(null) }, "createEngine: wasm is null but must be a WebAssembly.Module"],
  ])("is refused: %j", async (options, message) => {
    await refused(options, ArgumentError, message);
  });
});

describe("a wasm that is none of ours", () => {
  const html = "<!doctype html><title>Not found</title>";
  const answer = (init: ResponseInit = {}) => new Response(html, init);
  /** Valid WebAssembly without imports or exports, and with a memory to share. */
  const empty = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const foreign = [...empty, 2, 8, 1, 1, 0x61, 1, 0x6d, 2, 0, 1];

  // With threads, too, which would be a reason to fall back.
  it.each([1, 2])("is refused, on %i threads", async (threads) => {
    vi.stubGlobal("navigator", { hardwareConcurrency: 8 });
    const given = (wasm: unknown) => ({ wasm, threads });
    await refused(
      given(new Uint8Array([1, 2, 3])),
      FormatError,
      "createEngine: the given wasm is no WebAssembly: it has 3 bytes that begin with",
    );
    await refused(given(new ArrayBuffer(0)), FormatError, "it has 0 bytes");
    await refused(given(answer()), FormatError, /it has 39 bytes that begin with "<!doctype html>/);
    await refused(
      given(answer({ status: 404, statusText: "Not Found" })),
      UnsupportedError,
      /^createEngine: could not load the given wasm: it was answered with 404 Not Found$/,
    );
    await refused(given(Uint8Array.from(empty)), FormatError, "the given wasm is another module: it lacks");
    await refused(given(Uint8Array.from(foreign)), FormatError, "the given wasm is another module");
    await refused(
      given(new WebAssembly.Module(Uint8Array.from(empty))),
      FormatError,
      "the given wasm is another module",
    );
    await refused(
      given(binary("simd").subarray(0, 5000)),
      UnsupportedError,
      "could not load the given wasm: WebAssembly.compile",
    );
    await refused(
      given(Promise.reject(new Error("no such file"))),
      UnsupportedError,
      /^createEngine: could not load the given wasm: no such file$/,
    );
    const used = answer();
    await used.text();
    await refused(given(used), UnsupportedError, /could not load the given wasm: Body/);
  });

  it("is named where it was fetched from", async () => {
    const fetched = vi.fn(async () => {
      const response = new Response("", { status: 404, statusText: "Not Found" });
      Object.defineProperty(response, "url", { value: "https://example.org/simd.wasm" });
      return response;
    });
    vi.stubGlobal("fetch", fetched);
    await refused(
      { wasm: "simd.wasm" },
      UnsupportedError,
      "could not load the given wasm: https://example.org/simd.wasm was answered with 404 Not Found",
    );
    expect(fetched).toHaveBeenCalledWith("simd.wasm");
  });
  afterEach(() => vi.unstubAllGlobals());
});

describe("a wasm of ours", () => {
  it("comes as bytes of any view, as a module, a response of any type or a promise", async () => {
    const bytes = binary("simd");
    const longer = new Uint8Array(bytes.length + 8);
    longer.set(bytes, 8);
    const sources: EngineOptions["wasm"][] = [
      bytes,
      bytes.buffer,
      longer.subarray(8),
      new DataView(longer.buffer, 8),
      new WebAssembly.Module(bytes),
      // Of another realm, as the sandbox of an edge runtime gives it.
      runInNewContext("new WebAssembly.Module(bytes)", { bytes }) as WebAssembly.Module,
      new Response(bytes),
      new Response(bytes, { headers: { "content-type": "application/wasm" } }),
      Promise.resolve(bytes),
    ];
    for (const wasm of sources) {
      using engine = await createEngine({ wasm });
      expect(engine.info).toEqual({ build: "simd", threads: 1 });
    }
  });

  it.skipIf(!hasRelaxedSimd())("must be the build that is asked for", async () => {
    const relaxed = binary("relaxed");
    await refused(
      { wasm: relaxed, deterministic: true },
      UnsupportedError,
      /deterministic results need build "simd".*but the given wasm is the relaxed build/,
    );
    await refused(
      { wasm: relaxed, build: "simd" },
      UnsupportedError,
      'createEngine: build is "simd", but the given wasm is the relaxed build',
    );
    await refused(
      { wasm: binary("simd"), build: "relaxed" },
      UnsupportedError,
      'createEngine: build is "relaxed", but the given wasm is the simd build',
    );
  });
});

describe("the binary in the package", () => {
  afterEach(() => vi.unstubAllGlobals());

  it.each([[["process"]], [["process", "DecompressionStream"]], [["process", "Response"]]])(
    "is unpacked without %j, too",
    async (names) => {
      // Without process itself, Node's own streams and the test runner fail.
      const bare = Object.create(process, { getBuiltinModule: { value: undefined } });
      for (const name of names) vi.stubGlobal(name, name === "process" ? bare : undefined);
      using engine = await createEngine();
      using x = engine.tensor([1, 2, 3, 4], [1, 2, 2, 1]);
      expect(Array.from(engine.conv2d(x, engine.tensor([1, 1, 1, 1], [2, 2, 1, 1])).data())).toEqual([10]);
    },
  );
});
