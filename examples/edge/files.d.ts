/** Wrangler gives a file of type Data as its bytes. */
declare module "*.safetensors" {
  const bytes: ArrayBuffer;
  export default bytes;
}
