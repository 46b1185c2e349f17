// What a bundler makes of an imported .wasm file: its bytes, or at the edge a compiled module.
declare module "*.wasm" {
  const wasm: Uint8Array<ArrayBuffer> | WebAssembly.Module;
  export default wasm;
}

declare module "*.wasm?module" {
  const wasm: WebAssembly.Module;
  export default wasm;
}

/** A deflated binary, in base64. */
declare module "*.deflate" {
  const base64: string;
  export default base64;
}

/** The code of a worker. */
declare module "*.txt" {
  const text: string;
  export default text;
}
