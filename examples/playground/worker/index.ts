// The worker: all that is computed on this page. Functions live in files by topic; arguments and results are copied between threads.
import { expose } from "comlink";
import * as windows from "./windows.ts";

const jobs = { ...windows };
export type Jobs = typeof jobs;

expose(jobs);
