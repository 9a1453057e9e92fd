/**
 * Reads an upstream's error after a step down: was the model the trouble, so that the turn is worth deciding anew,
 * or would any model have refused it? Read from the wording, as the API gives no code for it; texts seen at
 * Anthropic, Bedrock and Vertex, as of 2026-11-23. What no pattern knows is not about the model: the error then
 * goes to the client as it came, which is never wrong, only less than could have been done.
 */
import { z } from 'zod';

/** What about the model was the trouble. */
export type RefusedFor =
  /** It is unknown, retired, or not this credential's to use. */
  | 'model'
  /** It does not take a field of the request, or a value of it. */
  | 'field'
  /** The prompt is too long or holds too many images for it. */
  | 'size'
  /** It does not go on from this conversation (thinking it can't verify, or that is missing). */
  | 'history';

export interface ModelRefusal {
  for: RefusedFor;
  /**
   * Whether the next turn between the same two models would meet it again: a long prompt says nothing of the next
   * session's, a conversation nothing of another. Only to be remembered once another model took the same request:
   * a client that sends a field which no model knows gets the same words, and must not close a step for others.
   */
  remember: boolean;
}

/** Anthropic's and Vertex's envelopes; Bedrock has a bare `message`. A type where one is given. */
const errorBody = z.union([
  z.object({ error: z.object({ type: z.string().optional(), message: z.string() }) }),
  z.object({ message: z.string() }).transform(({ message }) => ({ error: { type: undefined, message } })),
]);

const TYPES: Record<number, readonly string[]> = {
  400: ['invalid_request_error'],
  403: ['permission_error'],
  404: ['not_found_error'],
};

const NAMES_A_MODEL = /\bmodels?\b|\binference profile\b/i;

/** The first that matches tells; sizes before fields, as both can speak of what the model supports. */
const BAD_REQUESTS: readonly (readonly [RegExp, RefusedFor])[] = [
  [/prompt is too long|input is too long|exceeds? (?:the )?context (?:limit|window)/i, 'size'],
  [/too many images|too much media|dimensions exceed max allowed size/i, 'size'],
  [/invalid `?signature`?|thinking`? blocks? .*(?:cannot be modified|must remain)/i, 'history'],
  [/expected `?thinking`?|must start with a thinking block/i, 'history'],
  [/model identifier is invalid|invocation of model id|\bretired\b|end of (?:its )?life/i, 'model'],
  [/^model: |\bunknown model\b|model .*(?:not found|does not exist|is not available)/i, 'model'],
  [/extra inputs are not permitted/i, 'field'],
  [
    /(?:not|n't) (?:supported|allowed|available|permitted)\b.*\b(?:for|on|by|with) (?:this|the requested) model/i,
    'field',
  ],
  [/(?:this model|'[^']+'|claude[\w .-]*) (?:does not|doesn't) support/i, 'field'],
  [/is (?:deprecated|required|removed) (?:for|on) this model/i, 'field'],
  [/maximum allowed number of output tokens/i, 'field'],
];

/** `body` is the error's text as it came. Null: not about the model, or no error that could be. */
export function isAboutModel(status: number, body: string): ModelRefusal | null {
  const types = TYPES[status];
  const error = types && readError(body);
  if (!error || (error.type !== undefined && !types.includes(error.type))) return null;
  if (status !== 400) return NAMES_A_MODEL.test(error.message) ? { for: 'model', remember: true } : null;
  const known = BAD_REQUESTS.find(([pattern]) => pattern.test(error.message));
  if (!known) return null;
  const [, refusedFor] = known;
  return { for: refusedFor, remember: refusedFor === 'model' || refusedFor === 'field' };
}

function readError(body: string): { type?: string | undefined; message: string } | null {
  try {
    const parsed = errorBody.safeParse(JSON.parse(body));
    return parsed.success ? parsed.data.error : null;
  } catch {
    return null;
  }
}
