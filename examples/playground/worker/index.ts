// The worker: all that is computed on this page. Functions live in files by topic; arguments and results are copied between threads.
import { expose } from "comlink";
import * as edges from "./edges.ts";
import * as filters from "./filters.ts";
import * as layers from "./layers.ts";
import * as windows from "./windows.ts";

const jobs = { ...edges, ...filters, ...layers, ...windows };
export type Jobs = typeof jobs;

expose(jobs);
