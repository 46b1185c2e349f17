// Finds the command, runs it, and tells what went wrong in one line.
import { ArgumentError } from "../errors.ts";
import { columns, helpOf, parse, UsageError } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import type { Host } from "./host.ts";
import { version } from "./version.ts";

/** Exit codes. */
const [DONE, FAILED, MISUSED] = [0, 1, 2];

function overview(): string {
  const rows = Object.entries(COMMANDS).map(([name, { about }]): [string, string] => [name, about]);
  return [
    "convolith <command> [file] [options]",
    columns(rows),
    "convolith <command> --help tells a command's options; convolith --version the version.",
    "",
  ].join("\n\n");
}

/** Runs a command line, without the program's name, and gives the exit code. Never rejects. */
export async function runCli(args: readonly string[], host: Host): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const asked = name === undefined ? undefined : rest[0];
    const known = asked !== undefined && Object.hasOwn(COMMANDS, asked);
    // Without a command nothing was asked for: the overview is then an answer to a mistake.
    (name === undefined ? host.stderr : host.stdout)(known ? helpOf(asked, COMMANDS[asked]) : overview());
    return name === undefined ? MISUSED : DONE;
  }
  if (name === "--version" || name === "-v") {
    host.stdout(`${version()}\n`);
    return DONE;
  }
  try {
    if (!Object.hasOwn(COMMANDS, name)) throw new UsageError(`there is no command ${JSON.stringify(name)}`);
    const command = COMMANDS[name];
    const call = parse(rest, command, host);
    if (call.help) host.stdout(helpOf(name, command));
    else await command.run(call);
    return DONE;
  } catch (error) {
    const topic = Object.hasOwn(COMMANDS, name) ? `${name} ` : "";
    const hint = error instanceof UsageError ? `; see convolith ${topic}--help` : "";
    host.stderr(`convolith: ${oneLine(error)}${hint}\n`);
    return error instanceof UsageError || error instanceof ArgumentError ? MISUSED : FAILED;
  }
}

function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message || error.name : String(error);
  return message.replace(/\s*\n\s*/g, " ");
}
