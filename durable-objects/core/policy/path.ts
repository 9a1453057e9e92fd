/** Writes where in a JSON document something stands: `budgets[0].stages[1].at`; the document itself is `$`. */
export function jsonPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else text += text === '' ? String(step) : `.${String(step)}`;
  }
  return text === '' ? '$' : text;
}
