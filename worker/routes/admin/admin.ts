/**
 * The admin API, mounted at /admin/v1. Here is what holds for every call: who calls and whether they may before
 * anything else, a bounded body, the request id on every answer, and errors in the envelope whatever happens.
 */
import { bodyLimit } from 'hono/body-limit';
import { HTTPException } from 'hono/http-exception';
import { ArchiveAway, ArchiveUnreadable } from '../../finance/segment-object.ts';
import { AuditChainBusy } from '../../store/audit-chain.ts';
import { isDatabaseAway } from '../../store/database.ts';
import { alertRoutes } from './alert-routes.ts';
import { alerts } from './alerts.ts';
import { archive } from './archive.ts';
import { audit } from './audit.ts';
import { adminRouter } from './context.ts';
import { costCenterStates } from './cost-center-states.ts';
import { costCenters } from './cost-centers.ts';
import { developers } from './developers.ts';
import { dryRunEvents } from './dry-run-events.ts';
import { dryRuns } from './dry-runs.ts';
import { withoutEmptyBody } from './empty-body.ts';
import { exemptions } from './exemption.ts';
import { exports } from './exports.ts';
import { fail } from './failures.ts';
import { gate } from './gate.ts';
import { holds } from './holds.ts';
import { increaseRequests } from './increase-requests.ts';
import { keyRotation } from './key-rotation.ts';
import { keys } from './keys.ts';
import { ledger } from './ledger.ts';
import { metrics } from './metrics.ts';
import { months } from './months.ts';
import { policies } from './policies.ts';
import { policyDiffs } from './policy-diff.ts';
import { policyExport } from './policy-export.ts';
import { policySignatures } from './policy-signatures.ts';
import { policyStates } from './policy-states.ts';
import { policyTemplates } from './policy-templates.ts';
import { priceOverrides } from './price-overrides.ts';
import { raises } from './raises.ts';
import { reconciliations } from './reconciliations.ts';
import { reviews } from './review.ts';
import { roleBindings } from './role-bindings.ts';
import { serviceTokens } from './service-tokens.ts';
import { sessionStops } from './session-stops.ts';
import { storage } from './storage.ts';
import { wallet } from './wallet.ts';
import { whoami } from './whoami.ts';

/** Room for a policy of the largest size, escaped and indented as its author likes. */
const MAX_BODY_BYTES = 1024 * 1024;

export const admin = adminRouter();

admin.use(gate);

admin.use(
  bodyLimit({
    maxSize: MAX_BODY_BYTES,
    onError: (c) => fail(c.get('requestId'), { why: 'too_large', maxBytes: MAX_BODY_BYTES }),
  }),
);

admin.use(withoutEmptyBody);

for (const router of [
  costCenters,
  costCenterStates,
  exemptions,
  raises,
  increaseRequests,
  sessionStops,
  keys,
  keyRotation,
  policyExport,
  policies,
  policyStates,
  policySignatures,
  policyDiffs,
  policyTemplates,
  dryRuns,
  dryRunEvents,
  reviews,
  wallet,
  holds,
  ledger,
  alerts,
  alertRoutes,
  audit,
  metrics,
  priceOverrides,
  exports,
  months,
  archive,
  storage,
  reconciliations,
  developers,
  whoami,
  roleBindings,
  serviceTokens,
]) {
  admin.route('/', router);
}

admin.onError((error, c) => {
  const requestId = c.get('requestId');
  if (isDatabaseAway(error)) {
    console.error({ message: 'D1 did not answer', requestId, error: String(error) });
    return fail(requestId, { why: 'database_away' });
  }
  if (error instanceof AuditChainBusy) {
    console.warn({ message: 'the audit chain is busy', requestId, error: error.message });
    return fail(requestId, { why: 'audit_busy' });
  }
  if (error instanceof ArchiveUnreadable) {
    console.error({ message: 'an archived object cannot be read', requestId, error: error.message });
    return fail(requestId, { why: 'conflict', message: error.message });
  }
  if (error instanceof ArchiveAway) {
    console.error({ message: 'the archive did not answer', requestId, error: String(error.cause) });
    return fail(requestId, { why: 'archive_away' });
  }
  if (error instanceof HTTPException && error.status < 500) {
    const message = error.status === 415 ? 'expected a body of content-type application/json' : error.message;
    return fail(requestId, { why: 'unreadable', message });
  }
  console.error({ message: 'an admin call failed', requestId, error: String(error), stack: error.stack });
  return fail(requestId, { why: 'bug' });
});
