/** `/developers/{developer}/pseudonymise`: a developer who left, without their name and with all of their money. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Renaming } from '../../../durable-objects/core/pseudonym.ts';
import { pseudonymiseRows } from '../../../durable-objects/ledger/pseudonymise.ts';
import { pseudonymiseArchive } from '../../finance/pseudonymise-archive.ts';
import { renameInDryRuns } from '../../policy/rename-in-dry-runs.ts';
import { renameInAudit } from '../../store/audit-renaming.ts';
import { renameInRollups } from '../../store/daily-rollups.ts';
import * as pseudonyms from '../../store/pseudonyms.ts';
import { alertDeliveryOf, walletOf } from '../../store/wallets.ts';
import { callWallet } from '../../turn/wallet-call.ts';
import { isConfirmed } from '../../turn/wallet-confirm.ts';
import { type AdminContext, adminRouter, authorshipOf, databaseOf } from './context.ts';
import { answer, body, ERRORS } from './contract.ts';
import { fail } from './failures.ts';
import { developer, reason } from './fields.ts';
import { ANSWER_WITHIN_MS } from './wallet.ts';

/** Rows a table and statement, and statements a call: a longer history takes further calls. */
const BATCH_ROWS = 500;
const BATCHES_A_CALL = 10;

const count = z.number().int();

const pseudonymised = z
  .object({
    pseudonym: z.string().openapi({ example: 'left-0f3a9c21d4e5b677' }),
    complete: z
      .boolean()
      .openapi({ description: 'False: send the call again, it goes on where it stopped.' }),
    changed: z
      .object({
        wallets: count,
        ledger_entries: count,
        alert_events: count,
        audit_events: count,
        reconciliations: count,
        archived_objects: count,
      })
      .openapi({ description: 'In this call.' }),
    pending: z.array(z.string()).openapi({
      description: 'What stands in the way of `complete`, where sending the call again is not enough.',
    }),
    policy_versions: z
      .array(z.object({ cost_center: z.string(), version: count }))
      .openapi({ description: 'Versions no longer in force that still name the developer.' }),
    remains: z.array(z.string()),
  })
  .openapi('Pseudonymised');

/** What no call of this kind reaches. */
const REMAINS = [
  'versions of policies that are not in force keep their text (policy_versions)',
  'drafts of dry runs keep their text as they were asked for',
  'free text that people wrote: reasons of raises, pauses and stops, names of budgets, actors of audit events',
  'a role of theirs, and a cost center that names them as its manager, until these are taken away',
  'exports that were taken before, and copies of the bucket that others made',
  'alerts that were delivered already',
  'D1 Time Travel and wallets’ point-in-time recovery, for up to 30 days: the mapping is in there too',
  'session ids, which are the client’s own and name nobody',
];

/** Keys revoked and renamed, wallet and alerts with them; null where one of these did not say so in time. */
async function renameInWallets(c: AdminContext, renaming: Renaming, why: string): Promise<number | null> {
  const database = databaseOf(c);
  const owners = await pseudonyms.costCentersOf(database, renaming);
  for (const { id, jurisdiction, revision: present, hasName } of owners) {
    const revision = hasName
      ? await pseudonyms.renameInCostCenter(database, id, renaming, why, authorshipOf(c))
      : present;
    const wallet = walletOf(c.get('bindings'), id, jurisdiction);
    const alerts = alertDeliveryOf(c.get('bindings'), id, jurisdiction);
    const isRenamed = await callWallet(async () => {
      await wallet.rename(renaming);
      // After the wallet, which hands events over.
      await alerts.rename(renaming);
      return true;
    }, ANSWER_WITHIN_MS);
    if (!isRenamed || !(await isConfirmed(c.get('bindings'), { id, jurisdiction }, revision ?? present)))
      return null;
  }
  return owners.length;
}

interface Renamed {
  ledger_entries: number;
  alert_events: number;
  audit_events: number;
  reconciliations: number;
}

async function renameRows(c: AdminContext, renaming: Renaming): Promise<Renamed> {
  const renamed: Renamed = { ledger_entries: 0, alert_events: 0, audit_events: 0, reconciliations: 0 };
  const { db, signingKeys } = c.get('bindings');
  const signed = { renaming, signingKeys };
  for (let batch = 0; batch < BATCHES_A_CALL; batch += 1) {
    const { entries, alerts } = await pseudonymiseRows(db, renaming, BATCH_ROWS);
    const events = await renameInAudit(databaseOf(c), signed, BATCH_ROWS, authorshipOf(c));
    renamed.ledger_entries += entries;
    renamed.alert_events += alerts;
    const records = await pseudonyms.renameInReconciliations(db, renaming, BATCH_ROWS);
    renamed.audit_events += events;
    renamed.reconciliations += records;
    if (entries + alerts + events + records === 0) break;
  }
  return renamed;
}

/** The wallets first, so that nothing under the old name comes after the ledger's rows were renamed. */
async function pseudonymise(c: AdminContext, name: string, why: string): Promise<Response> {
  const requestId = c.get('requestId');
  const database = databaseOf(c);
  if (await pseudonyms.isPseudonym(database, name)) {
    return fail(requestId, { why: 'conflict', message: `${name} is a pseudonym already` });
  }
  const naming = await pseudonyms.policiesNaming(database, name);
  const live = naming.filter((each) => each.live);
  if (live.length > 0) {
    const where = live.map(({ costCenter, version }) => `version ${version} of ${costCenter}`).join(', ');
    const message = `policies in force name this developer in overrides (${where}); activate ones that do not, then send the call again`;
    return fail(requestId, { why: 'conflict', message });
  }
  const renaming = await pseudonyms.openMapping(database, name, new Date().toISOString());
  if (!renaming) {
    const what = 'developer of that name in keys, raises, ledger, alerts or audit log, or no longer';
    return fail(requestId, { why: 'unknown', what });
  }
  const wallets = await renameInWallets(c, renaming, why);
  if (wallets === null) return fail(requestId, { why: 'wallet_away' });
  const renamed = await renameRows(c, renaming);
  const { db, archive } = c.get('bindings');
  await renameInRollups(db, renaming);
  const owners = await pseudonyms.costCentersOf(database, renaming);
  if (!(await renameInDryRuns(c.get('bindings'), owners, renaming))) {
    return fail(requestId, { why: 'dry_run_away' });
  }
  const { objects, pending } = await pseudonymiseArchive(db, archive?.bucket ?? null, renaming);
  const complete = await pseudonyms.closeMapping(database, renaming, why, authorshipOf(c));
  return c.json({
    pseudonym: renaming.pseudonym,
    complete,
    changed: { wallets, ...renamed, archived_objects: objects },
    pending,
    policy_versions: naming.map(({ costCenter, version }) => ({ cost_center: costCenter, version })),
    remains: REMAINS,
  });
}

export const developers = adminRouter();

developers.openapi(
  createRoute({
    method: 'post',
    path: '/developers/{developer}/pseudonymise',
    request: {
      params: z.object({ developer }),
      body: body(z.strictObject({ reason }).openapi('Pseudonymisation')),
    },
    responses: { ...ERRORS, 200: answer(pseudonymised, 'Keys are revoked; sums go on under the pseudonym.') },
  }),
  async (c) => {
    const { developer: name } = c.req.valid('param');
    const { reason: why } = c.req.valid('json');
    if (why.toLowerCase().includes(name)) {
      const problems = [{ path: 'reason', message: 'expected a reason that does not name the developer' }];
      return fail(c.get('requestId'), { why: 'invalid', problems });
    }
    return await pseudonymise(c, name, why);
  },
);
