// Test runners with jsdom, whose pages have no streams, no workers and other typed arrays than the tests.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type Cell, judge, type Report } from "./cell.ts";
import { runProgram } from "./process.ts";
import { ownProject, type Project } from "./project.ts";

const TEST = `import * as convolith from "convolith";
import * as worker from "convolith/worker";
import { everywhere } from "./everywhere.js";
test("everywhere", async () => {
  if (typeof document === "undefined") throw new Error("this is no page");
  process.stdout.write("\\n" + JSON.stringify(await everywhere(convolith, { worker })) + "\\n");
});
`;

interface Runner {
  readonly packages: readonly string[];
  /** Files of the project beside the test. */
  readonly files: Readonly<Record<string, string>>;
  readonly command: readonly string[];
}

const VITEST: Runner = {
  packages: ["vitest@4", "jsdom@26"],
  files: {
    "everywhere.test.js": TEST,
    "vitest.config.js":
      'export default { test: { environment: "jsdom", globals: true, testTimeout: 60000 } };',
  },
  command: ["node_modules/vitest/vitest.mjs", "run"],
};

const JEST: Runner = {
  packages: ["jest@30", "jest-environment-jsdom@30"],
  files: {
    "everywhere.test.js": TEST,
    "jest.config.js": 'export default { testEnvironment: "jsdom", transform: {}, testTimeout: 60000 };',
  },
  // Jest's own way to run modules.
  command: ["--experimental-vm-modules", "node_modules/jest/bin/jest.js"],
};

async function run(project: Project, { packages, files, command }: Runner): Promise<Report> {
  const folder = ownProject(project, packages[0], packages);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const { answers, exit } = await runProgram(process.execPath, command, folder);
  const name = packages[0].split("@")[0];
  const { version } = createRequire(join(folder, "package.json"))(`${name}/package.json`);
  const { checks, build } = judge(answers, project);
  return { version, build, checks: { ...checks, exit } };
}

export const jsdoms: readonly Cell[] = [
  { name: "Vitest with jsdom", group: "runtime", core: true, run: (project) => run(project, VITEST) },
  { name: "Jest with jsdom", group: "runtime", run: (project) => run(project, JEST) },
];
