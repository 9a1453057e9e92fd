/** `/metrics/estimate`: what turns were held at and expected to cost, against what they were charged. */
import { createRoute, z } from '@hono/zod-openapi';
import { type EstimateFigures, measureEstimates } from '../../store/estimate-metric.ts';
import { adminRouter, databaseOf } from './context.ts';
import { answer, ERRORS } from './contract.ts';
import { endsAfterItBegins, moment, SPAN_ERROR } from './fields.ts';
import { sumInUsd } from './sum-in-usd.ts';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 7;
/** Every turn of the span is read, and a statement of D1 has 30 s. */
const MAX_DAYS = 31;

const filterQuery = z
  .strictObject({
    cost_center: z.string().optional().openapi({ description: 'All where absent.' }),
    from: moment.optional().openapi({
      description: `Admitted at or after this; ${DEFAULT_DAYS} days before \`to\` where absent, ${MAX_DAYS} at most.`,
    }),
    to: moment.optional().openapi({ description: 'Admitted before this; now where absent.' }),
  })
  .refine((query) => endsAfterItBegins(spanOf(query)), SPAN_ERROR)
  .refine(
    (query) => {
      const { from, to } = spanOf(query);
      return Date.parse(to) - Date.parse(from) <= MAX_DAYS * DAY_MS;
    },
    { path: ['from'], error: `expected a span of at most ${MAX_DAYS} days` },
  );

interface Span {
  from: string;
  to: string;
}

/** The span asked for, as ISO 8601 in UTC with milliseconds. */
function spanOf(query: { from?: string | undefined; to?: string | undefined }): Span {
  const to = query.to ?? new Date().toISOString();
  const from = query.from ?? new Date(Date.parse(to) - DEFAULT_DAYS * DAY_MS).toISOString();
  return { from, to };
}

const usd = z.string().openapi({ example: '85.20' });
const fraction = z.number().nullable();

const figures = {
  turns: z.number().int().openapi({ description: 'Exact charges that have an expectation to compare.' }),
  held_usd: usd,
  expected_usd: usd,
  charged_usd: usd,
  median_absolute_error: fraction.openapi({ description: 'A fraction of the charge; null without turns.' }),
  p95_absolute_error: fraction,
  mean_error: fraction.openapi({ description: 'Signed: above 0 where turns were expected to cost more.' }),
};

const metricView = z
  .object({
    ...figures,
    from: z.string(),
    to: z.string(),
    by_kind: z.array(z.object({ kind: z.string(), ...figures })),
    by_model: z.array(z.object({ model: z.string(), ...figures })),
  })
  .openapi('EstimateMetric');

function viewOfFigures(measured: EstimateFigures) {
  return {
    turns: measured.turns,
    held_usd: sumInUsd(measured.heldNanoUsd),
    expected_usd: sumInUsd(measured.expectedNanoUsd),
    charged_usd: sumInUsd(measured.chargedNanoUsd),
    median_absolute_error: measured.medianAbsoluteError,
    p95_absolute_error: measured.p95AbsoluteError,
    mean_error: measured.meanError,
  };
}

export const metrics = adminRouter();

metrics.openapi(
  createRoute({
    method: 'get',
    path: '/metrics/estimate',
    request: { query: filterQuery },
    responses: { ...ERRORS, 200: answer(metricView, 'In all, by kind of turn and by model served.') },
  }),
  async (c) => {
    const query = c.req.valid('query');
    const span = spanOf(query);
    const filter = { costCenter: query.cost_center ?? null, ...span };
    const { all, byKind, byModel } = await measureEstimates(databaseOf(c), filter);
    const view = {
      ...viewOfFigures(all),
      ...span,
      by_kind: byKind.map((each) => ({ kind: each.name, ...viewOfFigures(each) })),
      by_model: byModel.map((each) => ({ model: each.name, ...viewOfFigures(each) })),
    };
    return c.json(view, 200);
  },
);
