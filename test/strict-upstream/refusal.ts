/** What the strict upstream says no with: the API's own envelope and words. */
import { z } from 'zod';

export interface Refusal {
  status: number;
  type: string;
  message: string;
}

export function badRequest(message: string): Refusal {
  return { status: 400, type: 'invalid_request_error', message };
}

/** As much of a request as its checks look at. */
export const requestSchema = z.looseObject({
  model: z.string(),
  max_tokens: z.number(),
  messages: z.array(
    z.looseObject({
      role: z.string(),
      content: z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]).optional(),
      output_config: z.looseObject({ effort: z.string().nullish() }).nullish(),
    }),
  ),
  thinking: z.looseObject({ type: z.string(), budget_tokens: z.number().optional() }).nullish(),
  output_config: z
    .looseObject({ effort: z.string().nullish(), task_budget: z.unknown().optional() })
    .nullish(),
  context_management: z
    .looseObject({ edits: z.array(z.looseObject({ type: z.string() })).optional() })
    .nullish(),
  tool_choice: z.looseObject({ type: z.string() }).nullish(),
  speed: z.string().nullish(),
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  top_k: z.number().nullish(),
  fallbacks: z.unknown().optional(),
});
export type StrictRequest = z.infer<typeof requestSchema>;
