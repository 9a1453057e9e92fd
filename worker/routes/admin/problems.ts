/** From zod's issues to problems with JSON paths, as every 400 lists them. */
import type { z } from '@hono/zod-openapi';
import { jsonPath } from '../../../durable-objects/core/policy/path.ts';
import type { PolicyProblem } from '../../../durable-objects/core/policy/types.ts';

/** One problem a wrong field; an unknown field is named itself, not only the object it stands in. */
export function problemsOf(error: Pick<z.ZodError, 'issues'>): PolicyProblem[] {
  return error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: jsonPath([...issue.path, key]), message: `unknown field "${key}"` }))
      : [{ path: jsonPath(issue.path), message: issue.message }],
  );
}
