// What a Prometheus server asks for at GET /metrics, in its text format: https://prometheus.io/docs/instrumenting/exposition_formats/
import { monitorEventLoopDelay } from "node:perf_hooks";

/** Upper ends of the histogram's buckets, in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** How often the event loop's delay is measured, in milliseconds. */
const RESOLUTION = 10;

/** @typedef {{ info: () => import("./models.mjs").Info, inFlight: () => number }} Sources */

export class Metrics {
  /** By route and status. @type {Map<string, number>} */
  #requests = new Map();
  /** By route. @type {Map<string, { counts: number[], sum: number, count: number }>} */
  #seconds = new Map();
  #delay = monitorEventLoopDelay({ resolution: RESOLUTION });

  constructor() {
    this.#delay.enable();
  }

  /**
   * A request was answered.
   *
   * @param {string} route
   * @param {number} status
   * @param {number} seconds
   */
  count(route, status, seconds) {
    const key = labels({ route, status });
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
    const times = this.#seconds.get(route) ?? { counts: BUCKETS.map(() => 0), sum: 0, count: 0 };
    this.#seconds.set(route, times);
    BUCKETS.forEach((end, i) => {
      if (seconds <= end) times.counts[i]++;
    });
    times.sum += seconds;
    times.count++;
  }

  /** The text. The delay of the event loop is that since the last call. @param {Sources} sources */
  text({ info, inFlight }) {
    const { workers, restarts, waiting, running } = info();
    const lines = [
      ...family("http_requests_total", "counter", "Requests answered.", [...this.#requests]),
      ...family("http_request_duration_seconds", "histogram", "From headers to answer.", this.#times()),
      ...family("http_requests_in_flight", "gauge", "Requests that are being answered.", [["", inFlight()]]),
      ...family("engine_workers", "gauge", "Workers that run.", [["", workers]]),
      ...family("engine_worker_restarts_total", "counter", "Workers that took the place of one that died.", [
        ["", restarts],
      ]),
      ...family("engine_requests_waiting", "gauge", "Requests that wait for a worker.", [["", waiting]]),
      ...family("engine_requests_running", "gauge", "Requests that workers have been given.", [
        ["", running],
      ]),
      ...family("nodejs_eventloop_delay_seconds", "gauge", "Between ticks of a 10 ms timer.", this.#delays()),
      ...family("process_resident_memory_bytes", "gauge", "Resident memory.", [
        ["", process.memoryUsage.rss()],
      ]),
    ];
    return `${lines.join("\n")}\n`;
  }

  /** @returns {[string, number][]} */
  #times() {
    return [...this.#seconds].flatMap(([route, { counts, sum, count }]) => [
      ...BUCKETS.map(
        (le, i) => /** @type {[string, number]} */ ([`_bucket${labels({ route, le })}`, counts[i]]),
      ),
      [`_bucket${labels({ route, le: "+Inf" })}`, count],
      [`_sum${labels({ route })}`, sum],
      [`_count${labels({ route })}`, count],
    ]);
  }

  /** @returns {[string, number][]} */
  #delays() {
    const delay = this.#delay;
    // In nanoseconds; not numbers before the first tick.
    const seconds = [50, 99, 100].map((p) => (delay.count ? delay.percentile(p) / 1e9 : 0));
    delay.reset();
    return [0.5, 0.99, 1].map((quantile, i) => [labels({ quantile }), seconds[i]]);
  }
}

/**
 * A metric with its samples: what follows its name, and the value.
 *
 * @param {string} name
 * @param {"counter" | "gauge" | "histogram"} type
 * @param {string} help
 * @param {[string, number][]} samples
 */
const family = (name, type, help, samples) => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
  ...samples.map(([rest, value]) => `${name}${rest} ${value}`),
];

/** @param {Record<string, string | number>} values */
const labels = (values) =>
  `{${Object.entries(values)
    .map(([name, value]) => `${name}="${value}"`)
    .join(",")}}`;
