#!/usr/bin/env node
// What `npx convolith` runs.
import { realHost } from "./host.ts";
import { runCli } from "./run.ts";

process.exitCode = await runCli(process.argv.slice(2), realHost());
