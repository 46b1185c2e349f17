/** Why a picture is refused, with the status that HTTP has for it: 400 broken, 413 too large, 415 of another kind. */
export class PictureError extends Error {
  /** @override */
  name = "PictureError";

  /**
   * @param {400 | 413 | 415} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}
