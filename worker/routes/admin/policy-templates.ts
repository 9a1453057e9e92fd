/** `/policy_templates`: policies to begin with. */
import { createRoute, z } from '@hono/zod-openapi';
import { parsePolicy } from '../../../durable-objects/core/policy/parse.ts';
import type { KnownModels } from '../../../durable-objects/core/policy/retirement.ts';
import { knownModels } from '../../policy/known-models.ts';
import { findTemplate, type PolicyTemplate, TEMPLATES } from '../../policy/templates.ts';
import { adminRouter, databaseOf } from './context.ts';
import { answer, ERRORS, pageOfSchema } from './contract.ts';
import { fail } from './failures.ts';

const templateView = z
  .object({
    id: z.string().openapi({ example: 'three-stage' }),
    name: z.string(),
    what_for: z.string().openapi({ description: 'For whom, in sentences.' }),
    policy: z.unknown().openapi({ description: 'The document; its time zone is the cost center’s.' }),
    warnings: z.array(z.object({ path: z.string(), message: z.string() })).openapi({
      description: 'Doubts as of now: a model of it can be near its end, or past it.',
    }),
  })
  .openapi('PolicyTemplate');

/** A template that has become an error, as by a model that retired, says so among its warnings. */
function viewOf(template: PolicyTemplate, known: KnownModels): z.infer<typeof templateView> {
  const parsed = parsePolicy(template.policy, { timezone: 'UTC', ...known });
  return { ...template, warnings: parsed.ok ? parsed.value.warnings : parsed.error };
}

export const policyTemplates = adminRouter();

policyTemplates.openapi(
  createRoute({
    method: 'get',
    path: '/policy_templates',
    request: { query: z.strictObject({}) },
    responses: { ...ERRORS, 200: answer(pageOfSchema(templateView), 'All of them, the default first.') },
  }),
  async (c) => {
    const known = await knownModels(databaseOf(c), Date.now());
    return c.json({ data: TEMPLATES.map((template) => viewOf(template, known)), next_cursor: null }, 200);
  },
);

policyTemplates.openapi(
  createRoute({
    method: 'get',
    path: '/policy_templates/{id}',
    request: { params: z.object({ id: z.string().openapi({ example: 'three-stage' }) }) },
    responses: { ...ERRORS, 200: answer(templateView, 'The template.') },
  }),
  async (c) => {
    const { id } = c.req.valid('param');
    const template = findTemplate(id);
    if (!template) return fail(c.get('requestId'), { why: 'unknown', what: `policy template ${id}` });
    return c.json(viewOf(template, await knownModels(databaseOf(c), Date.now())), 200);
  },
);
