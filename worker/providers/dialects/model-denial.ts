/** A refusal that is about the model and not about money, which clients of other APIs know by another error. */

const DENIALS = ['model_not_allowed', 'model_unavailable'];

/** By the reasons in an answer's own headers. */
export function isModelDenied(headers: Headers): boolean {
  const reasons = headers.get('x-bursar-reason')?.split(' ') ?? [];
  const isRefusal = headers.get('x-bursar-decision') === 'refuse';
  return isRefusal && reasons.some((reason) => DENIALS.includes(reason));
}
