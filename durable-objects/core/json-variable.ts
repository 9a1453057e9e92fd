/** Variables whose text is JSON: how they are read, and how what is wrong in one is told. Errors never hold a value. */
import type { z } from 'zod';
import { jsonPath } from './policy/path.ts';

/** Undefined where the text is no JSON. */
export function parsedVariable(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether a document is a JSON object, whatever is in it. */
export function isObjectDocument(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One line: every wrong field by its path, `PROVIDERS[1].weight: …`, and what was expected. */
export function problemsIn(variable: string, error: z.ZodError): string {
  return error.issues.map(({ path, message }) => `${fieldAt(variable, path)}: ${message}`).join('; ');
}

function fieldAt(variable: string, path: readonly PropertyKey[]): string {
  if (path.length === 0) return variable;
  return typeof path[0] === 'number' ? variable + jsonPath(path) : `${variable}.${jsonPath(path)}`;
}
