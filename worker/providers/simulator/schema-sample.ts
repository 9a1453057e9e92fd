/** A value that fits a JSON schema, for requests with `output_config.format`; simple schemas, not all of them. */
import { z } from 'zod';

/** Schemas can refer to themselves: below this depth everything is null. */
const MAX_DEPTH = 12;

const node = z.looseObject({
  $ref: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.unknown()).min(1).optional(),
  anyOf: z.array(z.unknown()).min(1).optional(),
  oneOf: z.array(z.unknown()).min(1).optional(),
  allOf: z.array(z.unknown()).min(1).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
  minimum: z.number().optional(),
});

type SchemaNode = z.infer<typeof node>;

/** Makes the value; `words` is what its strings say. Never throws: what it cannot read becomes null. */
export function sampleSchema(schema: unknown, words: string): unknown {
  const sample = (part: unknown, depth: number): unknown => {
    const parsed = node.safeParse(part);
    if (!parsed.success || depth > MAX_DEPTH) return null;
    const { data } = parsed;
    if ('const' in data) return data.const;
    if (data.enum) return data.enum[0];
    if (data.$ref !== undefined) return sample(resolveReference(schema, data.$ref), depth + 1);
    const [first] = data.anyOf ?? data.oneOf ?? data.allOf ?? [];
    if (first !== undefined) return sample(first, depth + 1);
    return sampleType(data, words, (inner) => sample(inner, depth + 1));
  };
  return sample(schema, 0);
}

function sampleType(schema: SchemaNode, words: string, sample: (inner: unknown) => unknown): unknown {
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type ?? (schema.properties ? 'object' : undefined)) {
    case 'object':
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, inner]) => [name, sample(inner)]),
      );
    case 'array':
      return schema.items === undefined ? [] : [sample(schema.items)];
    case 'string':
      return words;
    case 'integer':
    case 'number':
      return Math.max(1, Math.ceil(schema.minimum ?? 1));
    case 'boolean':
      return true;
    default:
      return null;
  }
}

/** Follows a local reference such as `#/$defs/step`; undefined where it leads nowhere. */
function resolveReference(root: unknown, reference: string): unknown {
  const steps = reference.replace(/^#\/?/, '').split('/');
  return steps.reduce<unknown>((at, step) => {
    if (typeof at !== 'object' || at === null) return undefined;
    return Object.entries(at).find(([name]) => name === step)?.[1];
  }, root);
}
