// What a bundler makes of an imported .wasm file: its bytes, or in workerd a compiled module.
declare module "*.wasm" {
  const wasm: Uint8Array<ArrayBuffer> | WebAssembly.Module;
  export default wasm;
}

declare module "*.deflate" {
  const bytes: Uint8Array<ArrayBuffer>;
  export default bytes;
}
