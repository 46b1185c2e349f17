// OpenCV.js (OpenCV 5 compiled to WebAssembly, without SIMD, as all builds on npm are): bytes are copied into a Mat, the op writes a Mat
// that is kept, and its values are copied out.
import type { Mat, OpenCv } from "@opencvjs/web";
import type { Picture, PictureRow } from "../image-rows.ts";

export interface PicturePeer {
  run(): void | Promise<void>;
  /** The values of the last run. */
  output(): ArrayLike<number>;
  dispose(): void;
}

export async function openCv(): Promise<OpenCv> {
  const { loadOpenCV } = await import("@opencvjs/web");
  return await loadOpenCV();
}

/** One row's op, from an array to an array. */
export function openCvRunner(cv: OpenCv, { opencv, result }: PictureRow, picture: Picture): PicturePeer {
  const { data, width, height, channels } = picture;
  const source: Mat = new cv.Mat(height, width, channels === 4 ? cv.CV_8UC4 : cv.CV_8UC1);
  const target: Mat = new cv.Mat();
  const { op, dispose } = opencv(cv);
  const size = result.width * result.height * result.channels;
  const out = result.float ? new Float32Array(size) : new Uint8Array(size);
  return {
    run() {
      source.data.set(data);
      op(source, target);
      out.set(result.float ? target.data32F : target.data);
    },
    output: () => out,
    dispose() {
      dispose?.();
      source.delete();
      target.delete();
    },
  };
}
