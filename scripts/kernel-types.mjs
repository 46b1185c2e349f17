// Types of kernel calls, made from the declarations asc writes: build/simd.d.ts in, build/kernels.d.ts out.
//
//   export function fill_f32(out: number, value: number, count: number, from: number, to: number): void;
//   fill_f32: [out: Pointer<"out">, value: Scalar, count: Scalar];
//
// asc calls every parameter a number and tells its WebAssembly type in the comment above. A usize is a place in memory; named
// after a record (runtime/records.ts) it takes that record alone. `from` and `to` are the executor's.
import { readFileSync, writeFileSync } from "node:fs";

const declarations = readFileSync("build/simd.d.ts", "utf8").split("export declare function instantiate")[0];
const kernels = [];
const functions = /\/\*\*([\s\S]*?)\*\/\s*export function (\w+)\(([^)]*)\): void;/g;
for (const [, comment, name, parameters] of declarations.matchAll(functions)) {
  const types = new Map(
    [...comment.matchAll(/@param (\w+) `(\w+)`/g)].map(([, parameter, type]) => [parameter, type]),
  );
  const names = parameters.split(", ").map((parameter) => parameter.split(":")[0]);
  if (names.splice(-2).join() !== "from,to")
    throw new Error(`${name}: the last parameters must be from and to`);
  const tuple = names.map((n) => `${n}: ${types.get(n) === "usize" ? `Pointer<"${n}">` : "Scalar"}`);
  kernels.push(`  ${name}: [${tuple.join(", ")}];`);
}
if (!kernels.length) throw new Error("build/simd.d.ts declares no kernels");
writeFileSync(
  "build/kernels.d.ts",
  [
    'import type { Pointer, Scalar } from "../src/runtime/address.ts";',
    "",
    "/** The arguments of every kernel, without the range of units it is given last. */",
    "export interface KernelArguments {",
    ...kernels,
    "}",
    "",
  ].join("\n"),
);
