/**
 * A developer's name in JSON that Bursar wrote itself, put out of the way of a pseudonym. Names stand in known
 * fields; a text that happens to be equal elsewhere (a session, a budget's id) is left alone.
 */

export interface Renaming {
  developer: string;
  pseudonym: string;
}

/** Fields whose whole value may be the name. */
const NAME_FIELDS = ['developer', 'subject'];
/** Objects any value of which may be the name. */
const TAG_FIELDS = ['tags', 'key_tags', 'keyTags'];

/** The same value with the pseudonym in the name's place; the order of fields is kept. */
export function withPseudonym<T>(value: T, renaming: Renaming): T {
  return renamed(value, renaming) as T;
}

function renamed(value: unknown, renaming: Renaming): unknown {
  if (Array.isArray(value)) return value.map((each) => renamed(each, renaming));
  if (typeof value !== 'object' || value === null) return value;
  const ofOther = 'scope' in value && value.scope !== 'developer';
  return Object.fromEntries(
    Object.entries(value).map(([field, each]) => [field, renamedField(field, each, renaming, ofOther)]),
  );
}

function renamedField(field: string, value: unknown, renaming: Renaming, ofOther: boolean): unknown {
  const { developer, pseudonym } = renaming;
  if (value === developer) return NAME_FIELDS.includes(field) && !ofOther ? pseudonym : value;
  // A refusal's sentence names the developer in brackets (core/refusal).
  if (field === 'message' && typeof value === 'string') {
    return value.replaceAll(`(${developer})`, `(${pseudonym})`);
  }
  if (TAG_FIELDS.includes(field) && typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([tag, each]) => [tag, each === developer ? pseudonym : each]),
    );
  }
  return renamed(value, renaming);
}
