/** The model's name in a request's body, changed in the body's own bytes. */
import { replace } from './json-edit.ts';
import { editJson } from './json-splice.ts';

/** The body, a JSON object with a `model`, with another name there. */
export function withModel(body: Uint8Array, model: string): Uint8Array {
  return editJson(body, [replace(['model'], model)], () => JSON.parse(new TextDecoder().decode(body)));
}
