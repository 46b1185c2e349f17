// The worker: all that is computed on this page. Functions live in files by topic; arguments and results are copied between threads.
import { expose } from "comlink";
import * as counts from "./counts.ts";
import * as digits from "./digits.ts";
import * as edges from "./edges.ts";
import * as filters from "./filters.ts";
import * as kernel from "./kernel.ts";
import * as layers from "./layers.ts";
import * as windows from "./windows.ts";

const jobs = { ...counts, ...digits, ...edges, ...filters, ...kernel, ...layers, ...windows };
export type Jobs = typeof jobs;

expose(jobs);
