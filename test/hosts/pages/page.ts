// The page of every cell.

/** The head of a page; its icon is empty, so that no browser asks for one and complains. */
const HEAD = `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<title>convolith</title>
`;

/** A page that runs a script: a module, or with "" a classic script. `before` goes before it. */
export const page = (script: string, type = ' type="module"', before = ""): string =>
  `${HEAD}${before}<script${type} src="${script}"></script>\n`;
