// What a command is, and how its arguments are read.
import { parseArgs } from "node:util";
import type { Host } from "./host.ts";

/** A command was called in a way that it cannot be: told with a pointer to its help, exit code 2. */
export class UsageError extends Error {}

/** A file cannot be read or written: exit code 1. */
export class FileError extends Error {}

interface Kinds {
  readonly flag: boolean;
  readonly text: string;
  readonly number: number;
  readonly integer: number;
}

export interface Option {
  readonly kind: keyof Kinds;
  readonly about: string;
  /** One letter. */
  readonly short?: string;
  /** What stands for the value in the help. Default: the kind's. */
  readonly value?: string;
  /** The only values there are. */
  readonly words?: readonly string[];
}

export type Options = Readonly<Record<string, Option>>;

/** The values given, by the options' names. */
export type Values<O extends Options> = { readonly [N in keyof O]?: Kinds[O[N]["kind"]] };

export interface Call<O extends Options = Options> {
  /** Whether its help is asked for, and nothing else. */
  readonly help: boolean;
  readonly values: Values<O>;
  /** What stands there without an option's name. */
  readonly files: readonly string[];
  readonly host: Host;
}

export interface Command<O extends Options = Options> {
  /** One line. */
  readonly about: string;
  /** What follows the command's name. */
  readonly usage: string;
  /** The most arguments that are not options. */
  readonly files: number;
  readonly options: O;
  /** Whole command lines, without `convolith`. */
  readonly examples?: readonly string[];
  run(call: Call<O>): Promise<void>;
}

/** Checks a command's types and forgets them: the table holds commands of any options. */
export const command = <const O extends Options>(definition: Command<O>): Command =>
  definition as unknown as Command;

export const HELP = { help: { kind: "flag", short: "h", about: "show this help" } } as const;

/** Values that begin with a minus, joined to their option: parseArgs takes them for options. */
function joinNegative(args: readonly string[], options: Options): string[] {
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const [arg, next = ""] = [args[i], args[i + 1]];
    const { kind = "flag" } = (arg.startsWith("--") && options[arg.slice(2)]) || {};
    if (kind !== "flag" && /^-[\d.]/.test(next)) joined.push(`${arg}=${args[++i]}`);
    else joined.push(arg);
  }
  return joined;
}

/** Reads a command's arguments. Throws UsageError. */
export function parse(args: readonly string[], { options, files }: Command, host: Host): Call {
  const all: Options = { ...options, ...HELP };
  const config = Object.fromEntries(
    Object.entries(all).map(([name, { kind, short }]) => [
      name,
      { type: kind === "flag" ? ("boolean" as const) : ("string" as const), ...(short && { short }) },
    ]),
  );
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({ args: joinNegative(args, all), options: config, allowPositionals: true });
  } catch (error) {
    // The first sentence says what is wrong; the rest is about how parseArgs works.
    throw new UsageError((error as Error).message.split(/\. (?=[A-Z])|\n/)[0]);
  }
  const {
    values: { help = false, ...values },
    positionals,
  } = parsed;
  if (positionals.length > files && !help)
    throw new UsageError(`unexpected argument ${JSON.stringify(positionals[files])}`);
  const given = Object.entries(values).map(([name, value]) => [name, read(name, all[name], value)]);
  return { help: help === true, values: Object.fromEntries(given), files: positionals, host };
}

function read(name: string, { kind, words }: Option, given: unknown): unknown {
  if (kind === "flag") return given;
  const text = String(given);
  if (words && !words.includes(text)) {
    const last = words.at(-1);
    throw new UsageError(
      `--${name} is ${JSON.stringify(text)} but must be ${words.slice(0, -1).join(", ")} or ${last}`,
    );
  }
  if (kind === "text") return text;
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!Number.isFinite(value) || (kind === "integer" && !Number.isInteger(value)))
    throw new UsageError(
      `--${name} is ${JSON.stringify(text)} but must be ${kind === "integer" ? "a whole number" : "a number"}`,
    );
  return value;
}

const PLACEHOLDERS: Readonly<Record<keyof Kinds, string>> = {
  flag: "",
  text: "text",
  number: "x",
  integer: "n",
};

/** Two columns: what to type, and what it means. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`.trimEnd()).join("\n");
}

export function helpOf(name: string, { about, usage, options, examples = [] }: Command): string {
  const rows = Object.entries({ ...options, ...HELP } as Options).map(
    ([option, { kind, short, value = PLACEHOLDERS[kind], words, about }]): [string, string] => [
      `${short ? `-${short}, ` : "    "}--${option} ${value}`.trimEnd(),
      words ? `${words.join(", ")}; ${about}` : about,
    ],
  );
  const parts = [`convolith ${name} ${usage}\n\n${about}`, `Options:\n${columns(rows)}`];
  if (examples.length) parts.push(`Examples:\n${examples.map((line) => `  convolith ${line}`).join("\n")}`);
  return `${parts.join("\n\n")}\n`;
}
