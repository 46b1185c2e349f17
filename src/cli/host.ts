// The streams of a process, apart from it so that tests can run commands in theirs.

export interface Host {
  stdin(): Promise<Uint8Array>;
  stdout(data: string | Uint8Array): void;
  stderr(text: string): void;
  /** Standard error, where it is a terminal. */
  readonly terminal?: NodeJS.WriteStream;
}

export function realHost(): Host {
  // A reader that has seen enough closes the pipe (`convolith kernels | head`), which is no fault.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") process.stderr.write(`convolith: ${error.message}\n`);
    process.exit(error.code === "EPIPE" ? 0 : 1);
  });
  return {
    async stdin() {
      const parts: Uint8Array[] = [];
      for await (const part of process.stdin) parts.push(part);
      return Buffer.concat(parts);
    },
    stdout: (data) => void process.stdout.write(data),
    stderr: (text) => void process.stderr.write(text),
    ...(process.stderr.isTTY && { terminal: process.stderr }),
  };
}
