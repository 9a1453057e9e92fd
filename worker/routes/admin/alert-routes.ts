/** `/alert_routes` and `/cost_centers/{id}/alert_routes`: who hears of what, and whether they can be reached. */
import { createRoute } from '@hono/zod-openapi';
import { parseAlertRoutes } from '../../../durable-objects/core/alerting/parse-routes.ts';
import { routeWarnings } from '../../../durable-objects/core/alerting/route-warnings.ts';
import { ORGANISATION } from '../../../durable-objects/ledger/entry.ts';
import {
  findAlertRoutes,
  readableDestinations,
  removeAlertRoutes,
  replaceAlertRoutes,
  type StoredRoutes,
  sealRoutes,
} from '../../store/alert-routes.ts';
import { untilCommitted } from '../../store/change.ts';
import type { CostCenter } from '../../store/cost-centers.ts';
import { askDelivery } from '../../store/delivery-call.ts';
import { alertDeliveryOf } from '../../store/wallets.ts';
import { alertRoutesView, newAlertRoutes, testView, viewOfRoutes } from './alert-route-contract.ts';
import { type AdminContext, adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS, ownerParams } from './contract.ts';
import { fail } from './failures.ts';
import { withOwner } from './owner.ts';

/** A copy of the routes that is not dropped at once is a minute old at most. */
const TELL_WITHIN_MS = 2_000;
/** Destinations have 10 s each, and several are tried at once. */
const TEST_WITHIN_MS = 60_000;

/** Whose routes: of a cost center, or of the organisation. */
type Owner = Pick<CostCenter, 'id' | 'jurisdiction'>;

const EVERYONE: Owner = { id: ORGANISATION, jurisdiction: null };

export const alertRoutes = adminRouter();

/** 24 hexadecimal digits: no two destinations meet. */
function newDestinationId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `dst_${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

async function viewOf(c: AdminContext, stored: StoredRoutes | null) {
  const { alertMeans, publicUrl, keySecrets } = c.get('bindings');
  const means = { ...alertMeans, hasPublicUrl: publicUrl !== null };
  const document = stored?.document ?? { routes: [], fallback: [] };
  const whose = !stored ? 'nobody' : stored.costCenter === ORGANISATION ? 'organisation' : 'cost_center';
  return {
    of: whose as 'nobody' | 'organisation' | 'cost_center',
    ...viewOfRoutes(document, await readableDestinations(document, { keySecrets })),
    updated_at: stored?.updatedAt ?? null,
    warnings: routeWarnings(document, means),
  };
}

/** As the audit log shows them; null where there are none. */
async function auditedView(c: AdminContext, stored: Pick<StoredRoutes, 'document'> | null) {
  if (!stored) return null;
  return viewOfRoutes(stored.document, await readableDestinations(stored.document, c.get('bindings')));
}

async function tell(c: AdminContext, { id, jurisdiction }: Owner): Promise<void> {
  await askDelivery(
    async () => await alertDeliveryOf(c.get('bindings'), id, jurisdiction).routesChanged(id),
    TELL_WITHIN_MS,
  );
}

async function read(c: AdminContext, { id }: Owner) {
  const database = databaseOf(c);
  const stored = (await findAlertRoutes(database, id)) ?? (await findAlertRoutes(database, ORGANISATION));
  return c.json(await viewOf(c, stored), 200);
}

async function replace(c: AdminContext, owner: Owner, given: unknown): Promise<Response> {
  const requestId = c.get('requestId');
  const database = databaseOf(c);
  const bindings = c.get('bindings');
  const replaced = await untilCommitted(async () => {
    const present = await findAlertRoutes(database, owner.id);
    const readable = present ? await readableDestinations(present.document, bindings) : new Map();
    const context = { present: readable, allowPrivate: bindings.alertsAllowPrivate, newId: newDestinationId };
    const parsed = parseAlertRoutes(given, context);
    if (!parsed.ok) return { problems: parsed.error };
    const document = await sealRoutes(parsed.value, bindings);
    const [before, after] = [await auditedView(c, present), await auditedView(c, { document })];
    const change = { costCenter: owner.id, present, before, after };
    return (await replaceAlertRoutes(database, change, document, authorshipOf(c))) ?? 'stale';
  });
  if (replaced === 'contended') return fail(requestId, { why: 'contended' });
  if ('problems' in replaced) return fail(requestId, { why: 'invalid', problems: replaced.problems });
  await tell(c, owner);
  return c.json(await viewOf(c, replaced), 200);
}

async function remove(c: AdminContext, owner: Owner): Promise<Response> {
  const requestId = c.get('requestId');
  const database = databaseOf(c);
  const removed = await untilCommitted(async () => {
    const present = await findAlertRoutes(database, owner.id);
    if (!present) return 'unknown';
    const change = { costCenter: owner.id, present, before: await auditedView(c, present), after: null };
    return (await removeAlertRoutes(database, change, authorshipOf(c))) || 'stale';
  });
  if (removed === 'contended') return fail(requestId, { why: 'contended' });
  if (removed === 'unknown')
    return fail(requestId, { why: 'unknown', what: `alert routes of ${owner.id} itself` });
  await tell(c, owner);
  return c.body(null, 204);
}

async function test(c: AdminContext, { id, jurisdiction }: Owner): Promise<Response> {
  const results = await askDelivery(
    async () => await alertDeliveryOf(c.get('bindings'), id, jurisdiction).sendTest(id),
    TEST_WITHIN_MS,
  );
  if (!results) return fail(c.get('requestId'), { why: 'delivery_away' });
  return c.json({ data: results }, 200);
}

const OWN = '/cost_centers/{id}/alert_routes';
const DEFAULT = '/alert_routes';
const inForce = { ...ERRORS, 200: answer(alertRoutesView, 'The routes in force, without what is secret.') };
const replaced = { ...ERRORS, 200: answer(alertRoutesView, 'The routes as they are now in force.') };
const removed = { ...ERRORS, 204: { description: 'They are gone.' } };
const tested = { ...ERRORS, 200: answer(testView, 'What came back from each destination in force.') };
const documentBody = body(newAlertRoutes);
const params = ownerParams;

alertRoutes.openapi(
  createRoute({ method: 'get', path: OWN, request: { params }, responses: inForce }),
  async (c) => await withOwner(c, c.req.valid('param').id, (owner) => read(c, owner)),
);
alertRoutes.openapi(createRoute({ method: 'get', path: DEFAULT, responses: inForce }), (c) =>
  read(c, EVERYONE),
);

alertRoutes.openapi(
  createRoute({ method: 'put', path: OWN, request: { params, body: documentBody }, responses: replaced }),
  async (c) => await withOwner(c, c.req.valid('param').id, (owner) => replace(c, owner, c.req.valid('json'))),
);
alertRoutes.openapi(
  createRoute({ method: 'put', path: DEFAULT, request: { body: documentBody }, responses: replaced }),
  (c) => replace(c, EVERYONE, c.req.valid('json')),
);

alertRoutes.openapi(
  createRoute({ method: 'delete', path: OWN, request: { params }, responses: removed }),
  async (c) => await withOwner(c, c.req.valid('param').id, (owner) => remove(c, owner)),
);
alertRoutes.openapi(createRoute({ method: 'delete', path: DEFAULT, responses: removed }), (c) =>
  remove(c, EVERYONE),
);

alertRoutes.openapi(
  createRoute({ method: 'post', path: `${OWN}/test`, request: { params }, responses: tested }),
  async (c) => await withOwner(c, c.req.valid('param').id, (owner) => test(c, owner)),
);
alertRoutes.openapi(createRoute({ method: 'post', path: `${DEFAULT}/test`, responses: tested }), (c) =>
  test(c, EVERYONE),
);
