/** A request's body in the terms of the Messages API. Whatever becomes of it, the room it took is not lost. */
import { ok, type Result } from '../../durable-objects/core/result.ts';
import { exchangeBody, type TakenBody } from './body.ts';
import type { Dialect, Translation } from './dialect.ts';
import type { BodyProblem } from './inspect.ts';

export interface TranslatedBody {
  translation: Translation;
  /** To be released in the place of the one that was taken. */
  body: TakenBody;
}

/** Translates a body that was taken, which is released where that fails. */
export function translateBody(
  dialect: Dialect,
  taken: TakenBody,
  request: Request,
): Result<TranslatedBody, BodyProblem> {
  try {
    const translated = dialect.translate(taken.bytes, request);
    if (translated.ok) {
      const { value: translation } = translated;
      return ok({ translation, body: exchangeBody(taken, translation.bytes) });
    }
    taken.release();
    return translated;
  } catch (error) {
    taken.release();
    throw error;
  }
}
