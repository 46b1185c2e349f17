// The table of commands: what follows `convolith` on a command line.
import { type Command, command, UsageError } from "./command.ts";
import { IMAGE_COMMANDS } from "./image-commands.ts";
import { describeKernel, KERNEL_NAMES, KERNEL_OPTIONS, kernelOf, show } from "./kernels.ts";
import { MODEL_COMMANDS } from "./model-commands.ts";

const kernels = command({
  about: "Lists the kernels of the textbook with their matrices.",
  usage: "[name]",
  files: 1,
  options: KERNEL_OPTIONS,
  examples: ["kernels", "kernels sobel-x --kernel-size 5"],
  async run({ values: settings, files: [name], host }) {
    if (name !== undefined && !KERNEL_NAMES.includes(name))
      throw new UsageError(
        `there is no kernel ${JSON.stringify(name)}; there are ${KERNEL_NAMES.join(", ")}`,
      );
    if (name === undefined && Object.keys(settings).length)
      throw new UsageError(`--${Object.keys(settings)[0]} is for one kernel: name it`);
    const chosen = name === undefined ? KERNEL_NAMES : [name];
    const parts = chosen.map((kernel) => {
      const { about, takes } = describeKernel(kernel);
      const options = takes.length ? `\n  takes --${takes.join(", --")}` : "";
      return `${kernel}  ${about}${options}\n${show(kernelOf(kernel, settings, false))}\n`;
    });
    host.stdout(parts.join("\n"));
  },
});

export const COMMANDS: Readonly<Record<string, Command>> = { ...MODEL_COMMANDS, ...IMAGE_COMMANDS, kernels };
