import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { restoreEntries } from '../../durable-objects/ledger/archived.ts';
import type { Entry, EntryKind } from '../../durable-objects/ledger/entry.ts';
import { archiveOldDays } from '../../worker/finance/archive.ts';
import { exportParts } from '../../worker/finance/export.ts';
import { manifestOf } from '../../worker/finance/manifest.ts';
import { unpack } from '../../worker/finance/ndjson.ts';
import { restoreUnit } from '../../worker/finance/restore.ts';
import { rollUpDays } from '../../worker/finance/roll-up.ts';
import { markRestoring, segmentsOf } from '../../worker/store/archive-segments.ts';
import { addEntries, entryOf } from '../routes/admin/ledger-rows.ts';
import { daily, monthly, type Report, savings } from './report-reference.ts';

declare global {
  namespace Cloudflare {
    interface Env {
      ARCHIVE: R2Bucket;
    }
  }
}

const DAY_MS = 86_400_000;
const NOW_MS = Date.parse('2026-11-25T00:23:00.000Z');
const DAYS = ['2026-10-31', '2026-11-01', '2026-11-25'];
const SPAN = { from: '2026-10-31T00:00:00.000Z', to: '2026-11-26T00:00:00.000Z' };

let worlds = 0;
let entries = 0;

/** A ledger of two cost centers of its own, its clock, and all that was ever written to it. */
class World {
  readonly costCenters: string[];
  readonly written: Entry[] = [];
  nowMs = NOW_MS;

  constructor() {
    worlds += 1;
    this.costCenters = [`first-${worlds}`, `second-${worlds}`];
  }

  async write(drawn: readonly Drawn[]): Promise<void> {
    const fresh = drawn.map((each) => this.#entry(each));
    this.written.push(...fresh);
    await addEntries(fresh);
  }

  #entry({ center, day, kind, ...rest }: Drawn): Entry {
    entries += 1;
    const isRefused = kind === 'refusal';
    return entryOf({
      ...rest,
      entry_id: String(entries).padStart(8, '0'),
      cost_center: this.costCenters[center] ?? '',
      admitted_at: `${DAYS[day]}T${rest.developer === 'a@example.com' ? '00:00:00.000' : '23:59:59.999'}Z`,
      kind,
      corrects: kind === 'correction' ? 'earlier' : null,
      model_served: isRefused ? null : rest.model_served,
      charged_nano_usd: isRefused ? 0 : rest.charged_nano_usd,
      list_nano_usd: rest.charged_nano_usd + 3,
      provider: isRefused ? null : 'simulator',
      estimated_why: rest.estimated ? 'client_gone' : null,
      stage: rest.decision === 'downgrade' ? 'team-day@0.95' : null,
      route: rest.decision === 'route' ? 'easy-turns' : null,
    });
  }

  async rollUp(): Promise<void> {
    await rollUpDays(env.DB, this.nowMs);
  }

  /** By then what was restored before has been in D1 for long enough. Other worlds' days go first. */
  async archive(): Promise<void> {
    this.nowMs += 31 * DAY_MS;
    const archive = { bucket: env.ARCHIVE, hotDays: 2 };
    while ((await archiveOldDays(env.DB, archive, this.nowMs)).segments > 0);
  }

  async restore(center: number, day: number): Promise<void> {
    const unit = { day: DAYS[day] ?? '', costCenter: this.costCenters[center] ?? '' };
    await restoreUnit(env.DB, env.ARCHIVE, unit, this.nowMs);
  }

  /** A restore that is cut off after some of a segment's entries. */
  async cutRestore(center: number, day: number, kept: number): Promise<void> {
    const unit = { day: DAYS[day] ?? '', costCenter: this.costCenters[center] ?? '' };
    const segment = (await segmentsOf(env.DB, unit)).find(({ state }) => state === 'archived');
    const object = segment && (await env.ARCHIVE.get(segment.objectKey));
    if (!segment || !object) return;
    const lines: string[] = [];
    for await (const some of unpack(object.body)) lines.push(...some);
    await markRestoring(env.DB, segment).run();
    async function* some() {
      yield lines.slice(0, kept);
    }
    await restoreEntries(env.DB, some());
  }

  async read(view: string): Promise<Report> {
    const query = env.DB.prepare(`SELECT * FROM ${view} WHERE cost_center IN (?, ?)`);
    return (await query.bind(...this.costCenters).all<Report[number]>()).results;
  }

  /** Of the daily export of the first cost center. */
  async manifest(): Promise<unknown> {
    const span = { costCenter: this.costCenters[0] ?? '', ...SPAN };
    const request = { name: 'daily', format: 'csv', span, columns: null, after: null } as const;
    return await manifestOf(exportParts({ db: env.DB, bucket: env.ARCHIVE }, builtinCatalogue, request, 2));
  }

  async expectReports(): Promise<void> {
    expect(inOrder(await this.read('report_daily_spend'))).toEqual(inOrder(daily(this.written)));
    const { spend, chargeback } = monthly(this.written);
    expect(inOrder(await this.read('report_monthly_spend'))).toEqual(inOrder(spend));
    expect(inOrder(await this.read('report_chargeback'))).toEqual(inOrder(chargeback));
    expect(inOrder(await this.read('report_savings'))).toEqual(inOrder(savings(this.written)));
  }
}

function inOrder(report: Report): string[] {
  return report.map((row) => JSON.stringify(Object.entries(row).toSorted())).toSorted();
}

type Drawn = Pick<
  Entry,
  | 'developer'
  | 'model_served'
  | 'turn_kind'
  | 'estimated'
  | 'charged_nano_usd'
  | 'asked_nano_usd'
  | 'decision'
> & { center: number; day: number; kind: EntryKind; cache_read_tokens: number };

const drawn: fc.Arbitrary<Drawn> = fc.record({
  center: fc.nat(1),
  day: fc.nat(DAYS.length - 1),
  kind: fc.constantFrom('charge', 'charge', 'charge', 'correction', 'refusal', 'failure'),
  developer: fc.constantFrom('a@example.com', 'b@example.com'),
  model_served: fc.constantFrom('claude-opus-5-5', 'claude-haiku-5-5'),
  turn_kind: fc.constantFrom('main', 'subagent'),
  decision: fc.constantFrom('proceed', 'downgrade', 'route'),
  estimated: fc.boolean(),
  charged_nano_usd: fc.integer({ min: -1_000, max: 1_000_000_000 }),
  asked_nano_usd: fc.option(fc.integer({ min: 0, max: 1_000_000_000 })),
  cache_read_tokens: fc.integer({ min: -5, max: 50 }),
});

const unit = { center: fc.nat(1), day: fc.nat(1) };
type Step = (world: World) => Promise<void>;

const write = fc.array(drawn, { minLength: 1, maxLength: 6 }).map(
  (all): Step =>
    (world) =>
      world.write(all),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  write,
  fc.constant<Step>((world) => world.rollUp()),
  fc.constant<Step>((world) => world.archive()),
  fc.record(unit).map(
    ({ center, day }): Step =>
      (world) =>
        world.restore(center, day),
  ),
  fc.record({ ...unit, kept: fc.nat(3) }).map(
    ({ center, day, kept }): Step =>
      (world) =>
        world.cutRestore(center, day, kept),
  ),
);

describe('reports over roll-ups', () => {
  test('are those of all entries ever written, whatever is rolled up, archived or coming back', async () => {
    const property = fc.asyncProperty(write, fc.array(step, { maxLength: 10 }), async (first, steps) => {
      const world = new World();
      for (const each of [first, ...steps]) {
        await each(world);
        await world.expectReports();
      }
    });
    await fc.assert(property, {
      numRuns: 40,
      interruptAfterTimeLimit: 10_000,
      markInterruptAsFailure: false,
      includeErrorInReport: true,
    });
  }, 60_000);

  const CHARGES: readonly Drawn[] = Array.from({ length: 8 }, (_, index) => ({
    center: 0,
    day: index % 3,
    kind: (['charge', 'correction', 'refusal'] as const)[index % 3] ?? 'charge',
    developer: index % 2 === 0 ? 'a@example.com' : 'b@example.com',
    model_served: 'claude-opus-5-5',
    turn_kind: 'main',
    decision: index % 4 === 0 ? 'route' : 'proceed',
    estimated: index === 3,
    charged_nano_usd: 1_000 + index,
    asked_nano_usd: index === 4 ? null : 5_000,
    cache_read_tokens: index,
  }));

  test('stay as they are while a day is rolled up, archived and restored, and so does the daily export', async () => {
    const world = new World();
    await world.write(CHARGES);
    const before = await world.manifest();
    const steps: Step[] = [
      () => world.rollUp(),
      () => world.archive(),
      () => world.cutRestore(0, 0, 1),
      () => world.restore(0, 0),
    ];
    for (const each of steps) {
      await each(world);
      expect(await world.manifest()).toEqual(before);
      await world.expectReports();
    }
  });

  test('count an entry that comes while its day is just coming back from the archive', async () => {
    const world = new World();
    await world.write(CHARGES);
    await world.rollUp();
    await world.archive();
    await world.cutRestore(0, 0, 2);
    await world.write(CHARGES.slice(0, 1));
    await world.expectReports();
    await world.rollUp();
    await world.expectReports();
    await world.restore(0, 0);
    await world.expectReports();
  });

  test('take no roll-up of a Worker from before the columns they need', async () => {
    const insert = env.DB.prepare(
      `INSERT INTO daily_rollups SELECT day, cost_center, part, booked_month, developer, key_id, turn_kind, model_asked,
       model_served, provider, upstream_credential, decision, stage, route, service_tier, speed, inference_geo, charges,
       corrections, refusals, failures, estimated, estimated_nano_usd, input_tokens, cache_write_5m_tokens,
       cache_write_1h_tokens, cache_read_tokens, output_tokens, web_search_requests, charged_nano_usd, list_nano_usd,
       NULL, NULL, NULL, NULL, NULL, NULL FROM daily_rollups`,
    );
    const world = new World();
    await world.write(CHARGES);
    await world.rollUp();
    await expect(insert.run()).rejects.toThrow('a roll-up lacks columns of migration 0010');
  });
});
