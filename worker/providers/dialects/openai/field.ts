/**
 * Reads the fields of an OpenAI request, each named as the client calls it: `messages[2].content[0].text`. A wrong one
 * is thrown from wherever in the conversation it stands; translating the request catches it and answers with it.
 */
import { isJsonObject, type JsonObject } from '../../json-edit.ts';

export interface FieldProblem {
  path: string;
  /** What was expected. */
  message: string;
}

export class WrongField extends Error {
  readonly problem: FieldProblem;

  constructor(path: string, message: string) {
    super(`${path}: ${message}`);
    this.problem = { path, message };
  }
}

/** Clients write null for what they leave out. */
export function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

export function textAt(value: unknown, path: string): string {
  if (typeof value !== 'string') throw new WrongField(path, 'expected text');
  return value;
}

/** A name: text that is not empty. */
export function nameAt(value: unknown, path: string): string {
  const name = textAt(value, path);
  if (name === '') throw new WrongField(path, 'expected text that is not empty');
  return name;
}

export function objectAt(value: unknown, path: string): JsonObject {
  if (!isJsonObject(value)) throw new WrongField(path, 'expected an object');
  return value;
}

export function listAt(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw new WrongField(path, 'expected a list');
  return value;
}

/** False where it is not given. */
export function flagAt(value: unknown, path: string): boolean {
  if (!isGiven(value)) return false;
  if (typeof value !== 'boolean') throw new WrongField(path, 'expected true or false');
  return value;
}
