/** The model's name in a request's body, changed in the body's own bytes. */
import { applyEdits, replace } from './json-edit.ts';
import { spliceJson } from './json-splice.ts';

/** The body, a JSON object with a `model`, with another name there. */
export function withModel(body: Uint8Array, model: string): Uint8Array {
  const edits = [replace(['model'], model)];
  const spliced = spliceJson(body, edits);
  if (spliced) return spliced;
  return new TextEncoder().encode(
    JSON.stringify(applyEdits(JSON.parse(new TextDecoder().decode(body)), edits)),
  );
}
