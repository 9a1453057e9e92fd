/** Fits `context_management`: the edits that the model, or the thinking it ends up with, has no use for go. */
import type { Capabilities } from '../../durable-objects/core/catalogue/types.ts';
import { type Edit, isJsonObject, type JsonObject, remove, replace } from '../providers/json-edit.ts';

/** `turnedOff`: thinking ends up off, where edits that clear it are refused. */
export function fitContext(
  body: JsonObject,
  { compaction }: Pick<Capabilities, 'compaction'>,
  turnedOff: boolean,
): Edit[] {
  const management = body.context_management;
  if (!isJsonObject(management) || !Array.isArray(management.edits)) return [];
  const kept = management.edits.filter((edit: unknown) => {
    const type = isJsonObject(edit) ? String(edit.type) : '';
    return !(turnedOff && type.startsWith('clear_thinking_')) && (compaction || !type.startsWith('compact_'));
  });
  if (kept.length === management.edits.length) return [];
  const isAll = kept.length === 0 && Object.keys(management).length === 1;
  return [isAll ? remove(['context_management']) : replace(['context_management', 'edits'], kept)];
}
