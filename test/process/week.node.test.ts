/**
 * A generated working week of ten developers through the running gateway (`npm run soak`: 30 days of sixty), with its
 * process killed and D1 taken away in the middle: then the ledger, the wallets, the exports, the metrics and the
 * upstream's own books say the same, to the nano-USD.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AdminApi, connectAdminApi } from '../../scripts/local/admin-api.ts';
import { generateTraffic } from '../traffic/generate.ts';
import { ADMIN_TOKEN } from './demo-ledger.ts';
import { eventually } from './eventually.ts';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts';
import { type Billed, type BilledUpstream, startBilledUpstream } from './week/billed-upstream.ts';
import { type BookedEntry, Books, sumOf } from './week/books.ts';
import { takeD1Away } from './week/outage.ts';
import { type PlayedTurn, playTurns } from './week/player.ts';
import { makeSquads, negotiateDiscount, weekSquads } from './week/squads.ts';

const SOAK = (process.env.SOAK_SECONDS ?? '') !== '';
const DAYS = SOAK ? 30 : 5;
/** A Monday. */
const START_MS = Date.UTC(2026, 10, 16);
const SEED = 2;
/** The process is killed, and D1 taken away, every so many turns, in turn. */
const TURNS_A_FAULT = SOAK ? 8_000 : 1_200;
const OUTAGE_TURNS = 300;
const PLAYED_WITHIN_MS = SOAK ? 6 * 3_600_000 : 300_000;
/** A lease of 30 s, its alarm, and the outbox. */
const QUIET_WITHIN_MS = 90_000;
/** What an upstream had answered this long before a kill can still be on its way to the wallet's storage. */
const SETTLING_MS = 2_000;

let stateDir: string;
let upstream: BilledUpstream;
let gateway: Promise<GatewayProcess>;
let api: AdminApi;
const kills: number[] = [];
let played: PlayedTurn[];

const squads = weekSquads(SEED, SOAK);
const turns = () => generateTraffic({ seed: SEED, startMs: START_MS, days: DAYS, squads });

function start(): Promise<GatewayProcess> {
  return startGatewayProcess({ stateDir, env: { ADMIN_TOKEN, ANTHROPIC_UPSTREAM_URL: upstream.url } });
}

/** Kills the gateway and its workerd with turns under way, and starts it again on the same state. */
async function killAndStart(killed: GatewayProcess): Promise<GatewayProcess> {
  const workerd = killed.workerdPid();
  process.kill(killed.pid, 'SIGSTOP');
  process.kill(workerd, 'SIGKILL');
  kills.push(Date.now());
  await killed.end('SIGKILL');
  return start();
}

/** What goes wrong as the turns go by. */
function faults(): (sent: number) => void {
  let giveBack: (() => void) | null = null;
  return (sent) => {
    const number = Math.floor(sent / TURNS_A_FAULT);
    const since = sent % TURNS_A_FAULT;
    if (number === 0) return;
    if (number % 2 === 1 && since === 0) gateway = gateway.then(killAndStart);
    if (number % 2 === 0 && since === 0) giveBack = takeD1Away(stateDir);
    if (since === OUTAGE_TURNS) {
      giveBack?.();
      giveBack = null;
    }
  };
}

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'bursar-week-'));
  upstream = await startBilledUpstream();
  gateway = start();
  api = connectAdminApi(new URL((await gateway).url), ADMIN_TOKEN);
  const keys = await makeSquads(api, squads, DAYS);
  await negotiateDiscount(api, '12.5');
  played = await playTurns(turns, {
    address: async () => (await gateway).url,
    keyOf: (developer) => keys.get(developer) ?? '',
    onTurn: faults(),
  });
  api = connectAdminApi(new URL((await gateway).url), ADMIN_TOKEN);
}, PLAYED_WITHIN_MS);
afterAll(async () => {
  await (await gateway).end('SIGINT');
  await upstream.close();
  await rm(stateDir, { recursive: true, force: true });
});

describe('after the week', () => {
  let books: Books;
  let entries: BookedEntry[];
  beforeAll(async () => {
    books = new Books((await gateway).url, api, ADMIN_TOKEN);
    await eventually('an end of all holds and drains', QUIET_WITHIN_MS, async () => {
      const open = (await books.metric('bursar_holds_open')) + (await books.metric('bursar_outbox_depth'));
      return open === 0n ? true : null;
    });
    entries = await books.ledgerCsv();
  }, QUIET_WITHIN_MS + 60_000);

  const charged = () => sumOf(entries.map((entry) => entry.chargedNanoUsd));

  test('every turn that was answered is in the ledger', () => {
    const known = new Set(entries.map(({ turnId }) => turnId));
    expect(played.filter(({ turnId }) => !known.has(turnId))).toEqual([]);
    expect(played.length).toBeGreaterThan(3_500);
  });

  test('all of what can become of a turn has: charged, stepped down, refused, failed, estimated', () => {
    expect(new Set(entries.map(({ kind }) => kind))).toEqual(new Set(['charge', 'refusal', 'failure']));
    expect(new Set(played.map(({ decision }) => decision))).toEqual(
      new Set(['proceed', 'downgrade', 'refuse']),
    );
    expect(entries.filter(({ estimated }) => estimated).length).toBeGreaterThan(50);
    expect(kills.length).toBeGreaterThan(0);
  });

  test('the exports add up to the ledger', async () => {
    expect(await books.ledgerPages()).toEqual({ entries: entries.length, chargedNanoUsd: charged() });
    expect(await books.focusCsv()).toEqual({ billedNanoUsd: charged() });
    expect(await books.dailyCsv()).toEqual({
      chargedNanoUsd: charged(),
      listNanoUsd: sumOf(entries.map((entry) => entry.listNanoUsd)),
    });
  });

  test('the metrics add up to the ledger', async () => {
    const [upward, back] = [
      await books.metric('bursar_charged_usd_total'),
      await books.metric('bursar_credited_usd_total'),
    ];
    expect(upward - back).toBe(charged());
  });

  test.each(squads.map(({ id }) => id))('the wallet of %s adds up to the ledger', async (costCenter) => {
    const budgets = await books.wallet(costCenter);
    expect(budgets.length).toBeGreaterThan(1);
    for (const { id, subject, windowStart, settledNanoUsd, heldNanoUsd } of budgets) {
      const since = new Date(windowStart).toISOString();
      const counted = entries.filter((entry) => {
        const isSubject = id === 'team-month' ? entry.costCenter === subject : entry.developer === subject;
        return isSubject && entry.costCenter === costCenter && entry.admittedAt >= since;
      });
      const ledgerNanoUsd = sumOf(counted.map((entry) => entry.chargedNanoUsd));
      expect({ id, subject, settledNanoUsd, heldNanoUsd }).toEqual({
        id,
        subject,
        settledNanoUsd: ledgerNanoUsd,
        heldNanoUsd: 0n,
      });
    }
  });

  test('every answer that the upstream billed is charged once and exactly, or was cut off and is estimated', () => {
    const exact = Map.groupBy(
      entries.filter(({ kind, estimated }) => kind === 'charge' && !estimated),
      ({ upstreamRequestId }) => upstreamRequestId,
    );
    const cutOff = new Set<string>();
    for (const { requestId, end, billed, endedMs } of upstream.books) {
      const found = exact.get(requestId) ?? [];
      if (end === 'whole' && found.length === 1) expect(found[0]?.tokens).toEqual(tokensOf(billed));
      else cutOff.add(requestId);
      const wasKilled = kills.some((atMs) => endedMs >= atMs - SETTLING_MS);
      if (end === 'whole')
        expect({ requestId, isCharged: found.length === 1 || wasKilled }).toEqual({
          requestId,
          isCharged: true,
        });
      exact.delete(requestId);
    }
    expect([...exact.keys()]).toEqual([]);
    const estimated = entries.filter((entry) => entry.kind === 'charge' && entry.estimated);
    expect(estimated.length).toBeGreaterThanOrEqual(cutOff.size);
  });
});

function tokensOf(billed: Billed): number[] {
  return [
    billed.inputTokens,
    billed.cacheWrite5mTokens,
    billed.cacheWrite1hTokens,
    billed.cacheReadTokens,
    billed.outputTokens,
  ];
}
