/** Changes to a JSON document as data: found while reading its parsed form, carried out on its bytes. */

/** The way to a member or element, from the document's root. */
export type Path = readonly (string | number)[];

/** One change of something that is there; edits add nothing. An undefined value removes it. */
export interface Edit {
  path: Path;
  value: unknown;
}

export function replace(path: Path, value: unknown): Edit {
  return { path, value };
}

export function remove(path: Path): Edit {
  return { path, value: undefined };
}

export type JsonObject = Record<string, unknown>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A copy of the parsed document with the edits made; what no edit leads to is shared with the original. */
export function applyEdits(document: unknown, edits: readonly Edit[]): unknown {
  return editedAt(document, edits, 0);
}

function editedAt(value: unknown, edits: readonly Edit[], depth: number): unknown {
  const here = edits.find((edit) => edit.path.length === depth);
  if (here) return here.value;
  const byName = Map.groupBy(edits, (edit) => edit.path[depth]);
  const edited = (name: string | number, member: unknown): unknown => {
    const own = byName.get(name);
    return own ? editedAt(member, own, depth + 1) : member;
  };
  if (Array.isArray(value)) {
    return value.map((each, index) => edited(index, each)).filter((each) => each !== undefined);
  }
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).map(([name, member]): [string, unknown] => [
    name,
    edited(name, member),
  ]);
  return Object.fromEntries(members.filter(([, member]) => member !== undefined));
}
