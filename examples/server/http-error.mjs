// Errors and their status in HTTP.
import { PictureError } from "../digits/picture-error.mjs";

export class HttpError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   * @param {Record<string, string>} [headers]
   */
  constructor(status, message, headers = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }

  /** More than can be answered: balancers and clients try again, here or elsewhere. @param {string} message */
  static overload(message) {
    return new HttpError(503, message, { "Retry-After": "1" });
  }
}

/** @param {unknown} error @returns {{ status: number, headers: Record<string, string> }} */
export function statusOf(error) {
  if (error instanceof HttpError) return error;
  if (error instanceof PictureError) return { status: error.status, headers: {} };
  if (/** @type {{ code?: string }} */ (error).code === "CONVOLITH_QUEUE") return HttpError.overload("");
  return { status: 500, headers: {} };
}
