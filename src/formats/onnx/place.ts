// Where in a file something is, for messages.

/** A message or a field: a chain of names, joined only when it is shown. */
export interface Place {
  readonly parent?: Place;
  readonly name: string;
  readonly index?: number;
}

/** "graph.node[3].attribute[0]". */
export const showPlace = ({ parent, name, index }: Place): string =>
  (parent ? `${showPlace(parent)}.` : "") + name + (index === undefined ? "" : `[${index}]`);
