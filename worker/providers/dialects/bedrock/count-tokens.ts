/** Bedrock's CountTokens: an InvokeModel body in base64 in a body of its own, and one number as the answer. */
import { err, ok, type Result } from '../../../../durable-objects/core/result.ts';
import { isJsonObject } from '../../json-edit.ts';
import { parseJson } from '../../message-event.ts';
import { malformed, type RequestProblem } from './request.ts';

/** What a turn has and counting tokens refuses: how it is sampled, limited and served. */
export const NOT_COUNTED: readonly string[] = [
  'container',
  'diagnostics',
  'inference_geo',
  'max_tokens',
  'metadata',
  'service_tier',
  'stop_sequences',
  'temperature',
  'top_k',
  'top_p',
];

const BODY = 'input.invokeModel.body';

/** The InvokeModel body that is to be counted. */
export function bodyToCount(bytes: Uint8Array): Result<Uint8Array, RequestProblem> {
  const request = parseJson(new TextDecoder().decode(bytes));
  if (!isJsonObject(request)) return err(malformed('#: expected a JSON object in UTF-8'));
  const { input } = request;
  if (!isJsonObject(input)) return err({ path: 'input', message: 'expected {"invokeModel": {"body": …}}' });
  if (input.converse !== undefined) {
    return err({
      path: 'input.converse',
      message: 'this gateway has no Converse API; expected input.invokeModel with the body of an InvokeModel',
    });
  }
  const body = isJsonObject(input.invokeModel) ? input.invokeModel.body : undefined;
  const decoded = typeof body === 'string' ? fromBase64(body) : null;
  if (decoded === null) {
    return err({ path: BODY, message: 'expected the JSON body of an InvokeModel in base64' });
  }
  return ok(decoded);
}

/** Null where the text is no base64. */
function fromBase64(text: string): Uint8Array | null {
  try {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
    return bytes;
  } catch {
    return null;
  }
}

/** `{"inputTokens": n}` of `{"input_tokens": n}`; null where the answer has no count. */
export function countedAnswer(text: string): { inputTokens: number } | null {
  const answer = parseJson(text);
  const tokens = isJsonObject(answer) ? answer.input_tokens : undefined;
  return typeof tokens === 'number' ? { inputTokens: tokens } : null;
}
