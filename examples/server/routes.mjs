// What is answered under which path.

/**
 * @param {object} parts
 * @param {import("./models.mjs").Models} parts.models
 * @param {import("./pictures.mjs").Pictures} parts.pictures
 * @param {import("./metrics.mjs").Metrics} parts.metrics
 * @param {() => number} parts.inFlight
 * @param {() => boolean} parts.ready Whether requests are taken.
 * @returns {Record<string, import("./app.mjs").Route>}
 */
export function routesOf({ models, pictures, metrics, inFlight, ready }) {
  return {
    "/classify": {
      method: "POST",
      async answer(file, signal) {
        const input = await pictures.run("digit", file, signal);
        const probabilities = Array.from(await models.classify(input, signal));
        const probability = Math.max(...probabilities);
        return json({ digit: probabilities.indexOf(probability), probability, probabilities });
      },
    },
    "/upscale": {
      method: "POST",
      async answer(file, signal) {
        const { tiles, width, height } = await pictures.run("tiles", file, signal);
        const larger = await models.upscale(tiles, signal);
        const body = await pictures.run("png", { tiles: larger, width, height }, signal);
        return { type: "image/png", body };
      },
    },
    // A balancer sends requests where this is 200; what starts processes restarts one where /health/live is not answered.
    "/health": {
      method: "GET",
      answer: () => (ready() ? json({ status: "ready" }) : json({ status: "not ready" }, 503)),
    },
    "/health/live": { method: "GET", answer: () => json({ status: "live" }) },
    "/metrics": {
      method: "GET",
      answer: () => ({
        type: "text/plain; version=0.0.4; charset=utf-8",
        body: metrics.text({ info: models.info, inFlight }),
      }),
    },
  };
}

/**
 * @param {object} value
 * @param {number} [status]
 */
const json = (value, status = 200) => ({ status, type: "application/json", body: JSON.stringify(value) });
