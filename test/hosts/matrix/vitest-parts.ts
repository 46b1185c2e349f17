// Vitest without Vite: its parts that are plain JavaScript, for hosts that have no Vite. Test files are bundled with this in its place.
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from "@vitest/expect";
import { type File, startTests, type Task, type VitestRunner } from "@vitest/runner";
import { fn, spyOn } from "@vitest/spy";

export { afterAll, afterEach, beforeAll, beforeEach, describe, it, test } from "@vitest/runner";

for (const plugin of [JestExtend, JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);

export const expect = (value: unknown, message?: string) => chai.expect(value, message);
Object.assign(expect, chai.expect, (globalThis as Record<symbol, unknown>)[ASYMMETRIC_MATCHERS_OBJECT]);
setState({ assertionCalls: 0 }, expect as never);

const stubbed = new Map<string, PropertyDescriptor | undefined>();

export const vi = {
  fn,
  spyOn,
  stubGlobal(name: string, value: unknown): void {
    if (!stubbed.has(name)) stubbed.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: true });
  },
  unstubAllGlobals(): void {
    for (const [name, descriptor] of stubbed)
      if (descriptor) Object.defineProperty(globalThis, name, descriptor);
      else delete (globalThis as Record<string, unknown>)[name];
    stubbed.clear();
  },
};

const leaves = (task: Task): Task[] => (task.type === "suite" ? task.tasks.flatMap(leaves) : [task]);

/** Runs those of a file's tests whose full names match, and prints how many passed. */
export async function run(file: string, load: () => Promise<unknown>, only: RegExp): Promise<void> {
  const runner = {
    config: {
      root: "/",
      setupFiles: [],
      allowOnly: false,
      sequence: { seed: 1, hooks: "parallel", setupFiles: "list" },
      maxConcurrency: 1,
      testTimeout: 300_000,
      hookTimeout: 300_000,
      retry: 0,
      tags: [],
    },
    importFile: load,
    onCollected: (files: File[]) => {
      for (const task of files.flatMap(leaves)) if (!only.test(task.fullName)) task.mode = "skip";
    },
  } as unknown as VitestRunner;
  const tasks = (await startTests([file], runner)).flatMap((found) => [found, ...leaves(found)]);
  const failed = tasks.filter(({ result }) => result?.state === "fail");
  for (const { name, result } of failed)
    console.log(`${file}: ${name}: ${result?.errors?.map(({ message }) => message).join("\n")}`);
  const passed = tasks.filter(({ type, result }) => type === "test" && result?.state === "pass").length;
  console.log(`${passed} passed`);
  process.exitCode = failed.length || !passed ? 1 : 0;
}
