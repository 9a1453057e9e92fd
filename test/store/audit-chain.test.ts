import { env } from 'cloudflare:workers';
import { sql } from 'drizzle-orm';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { contentDigest, GENESIS } from '../../durable-objects/ledger/audit-link.ts';
import { signRewriting } from '../../durable-objects/ledger/audit-rewriting.ts';
import { recordAct } from '../../worker/store/audit.ts';
import { chainOldEvents, commitComposed } from '../../worker/store/audit-chain.ts';
import { commitChange } from '../../worker/store/change.ts';
import { openDatabase } from '../../worker/store/database.ts';
import { createCostCenter, freshCostCenter } from '../fixture.ts';
import { call } from '../routes/admin/admin-calls.ts';

const AUTHORSHIP = { actor: 'admin_token', requestId: 'req_1', at: '2026-11-23T12:00:00.000Z' };
const database = openDatabase(env.DB);
let costCenter = '';

beforeEach(async () => {
  costCenter = freshCostCenter();
  await createCostCenter(costCenter, null);
});

function act(after: unknown, target = costCenter) {
  return { action: 'test.act', costCenter, target, after };
}

interface Stored {
  sequence: number;
  target: string;
  previous_hash: string | null;
  hash: string | null;
}

async function stored(): Promise<Stored[]> {
  const query = `SELECT e.sequence, target, previous_hash, hash FROM audit_events e
    LEFT JOIN audit_chain c ON c.sequence = e.sequence ORDER BY e.sequence`;
  return (await env.DB.prepare(query).all<Stored>()).results;
}

async function verified(query = ''): Promise<unknown> {
  return (await call('GET', `/audit/verify${query}`)).body;
}

/** Changes D1 behind the back of its triggers, and changes it back after the test. */
async function tamper(triggers: string[], change: string, undo: string): Promise<void> {
  const places = triggers.map(() => '?').join(', ');
  const { results } = await env.DB.prepare(`SELECT name, sql FROM sqlite_master WHERE name IN (${places})`)
    .bind(...triggers)
    .all<{ name: string; sql: string }>();
  const quietly = async (statement: string) => {
    await env.DB.batch([
      ...results.map(({ name }) => env.DB.prepare(`DROP TRIGGER ${name}`)),
      env.DB.prepare(statement),
      ...results.map((trigger) => env.DB.prepare(trigger.sql)),
    ]);
  };
  await quietly(change);
  onTestFinished(() => quietly(undo));
}

test('each event follows the one before it, from the first one on', async () => {
  await recordAct(database, act('one'), AUTHORSHIP);
  await recordAct(database, act('two'), AUTHORSHIP);
  const events = await stored();
  expect(events[0]).toMatchObject({ sequence: 1, previous_hash: GENESIS });
  expect(events[1]).toMatchObject({ sequence: 2, previous_hash: events[0]?.hash });
  const listed = await call('GET', `/audit?cost_center=${costCenter}`);
  expect(listed.body).toMatchObject({ data: [events[1], events[0]].map((event) => ({ hash: event?.hash })) });
});

test('twenty who write at once lose nothing, double nothing and break no link', async () => {
  const before = (await stored()).length;
  const writers = Array.from({ length: 20 }, (_, writer) => writer);
  const revisions = await Promise.all(
    writers.map(async (writer) => {
      const made: (number | null)[] = [];
      for (let change = 0; change < 5; change += 1) {
        const target = `${writer}-${change}`;
        const parts = { ...act(null, target), before: null, provided: sql`TRUE`, statements: [] };
        made.push(await commitChange(database, parts, AUTHORSHIP));
      }
      return made;
    }),
  );
  expect(new Set(revisions.flat()).size).toBe(100);
  const events = (await stored()).slice(before);
  expect(events).toHaveLength(100);
  expect(new Set(events.map(({ target }) => target)).size).toBe(100);
  expect(await verified()).toMatchObject({ ok: true, complete: true, unchained: 0 });
});

test('an act that others come before is composed anew on the new head', async () => {
  const heads: number[] = [];
  // As an isolate of another place would, which does not queue here.
  const faster = `INSERT INTO audit_events (occurred_at, actor, action, target, request_id) VALUES ('', '', '', 'x', '')`;
  await commitComposed(database, async (head) => {
    heads.push(head.sequence);
    if (heads.length === 1) await env.DB.prepare(faster).run();
    const composed = { ...act(heads.length), before: null };
    return { act: composed, authorship: AUTHORSHIP, provided: sql`TRUE`, statements: [] };
  });
  expect(heads).toHaveLength(2);
  expect(heads[1]).toBe((heads[0] ?? 0) + 1);
});

test('a writer that never ends holds up the ones behind it for a moment, and not for good', async () => {
  const stuck = Promise.withResolvers<null>();
  const first = commitComposed(database, () => stuck.promise);
  await Promise.all([
    recordAct(database, act('second'), AUTHORSHIP),
    recordAct(database, act('third'), AUTHORSHIP),
  ]);
  expect((await stored()).filter(({ target }) => target === costCenter)).toHaveLength(2);
  stuck.resolve(null);
  expect(await first).toBeNull();
});

test('events from before the chain are chained by the next change, in order, before its own', async () => {
  const many = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
    INSERT INTO audit_events (occurred_at, actor, action, target, before, after, request_id)
    SELECT '2026-01-01', 'admin_token', 'old', 'old-' || i, NULL, json_object('i', i), 'req' FROM n`;
  await env.DB.prepare(many).run();
  expect(await verified()).toMatchObject({ ok: true, unchained: 1_200 });
  await recordAct(database, act('new'), AUTHORSHIP);
  expect((await stored()).filter(({ hash }) => hash === null)).toEqual([]);
  expect(await chainOldEvents(database)).toBe(true);
  expect(await verified()).toMatchObject({ ok: true, unchained: 0 });
});

test('texts that UTF-8 cannot hold break no link', async () => {
  await recordAct(database, act({ 'a\ud800': '\udfff', b: ['\u0000', '\u{1f600}'] }, '\ud800x'), AUTHORSHIP);
  expect(await verified()).toMatchObject({ ok: true });
});

test.each([
  ['UPDATE audit_chain SET hash = previous_hash', 'never changed'],
  ["UPDATE audit_chain SET salt = ''", 'never changed'],
  ['DELETE FROM audit_chain', 'never deleted'],
  ["INSERT INTO audit_chain SELECT 100000, '', '', 'x', 'y'", 'has moved'],
  ["INSERT OR REPLACE INTO audit_chain SELECT sequence, '', '', 'x', 'y' FROM audit_chain LIMIT 1", 'moved'],
  [
    `INSERT OR REPLACE INTO audit_events (sequence, occurred_at, actor, action, target, request_id)
     SELECT max(sequence), '', '', '', '', '' FROM audit_events`,
    'has moved',
  ],
])('the database refuses %s', async (statement, message) => {
  await recordAct(database, act('x'), AUTHORSHIP);
  await expect(env.DB.prepare(statement).run()).rejects.toThrow(message);
});

describe('whoever gets past the triggers is found', () => {
  test.each([
    ["actor = 'nobody'", "actor = 'admin_token'", 'its hash does not fit what it says'],
    [`after = '"z"'`, `after = '"x"'`, 'before, after or salt is not what was recorded'],
    ["after = '{'", `after = '"x"'`, 'before or after is no JSON'],
    ["after = '1e999'", `after = '"x"'`, 'before or after is no JSON'],
  ])('having set %s', async (change, undo, what) => {
    await recordAct(database, act('x'), AUTHORSHIP);
    await recordAct(database, act('later'), AUTHORSHIP);
    const sequence = ((await stored()).at(-1)?.sequence ?? 0) - 1;
    const update = (set: string) => `UPDATE audit_events SET ${set} WHERE sequence = ${sequence}`;
    const triggers = ['audit_events_are_never_changed', 'audit_events_are_only_pseudonymised'];
    await tamper(triggers, update(change), update(undo));
    expect(await verified()).toMatchObject({
      ok: false,
      problems: [{ where: 'audit_events', sequence, what }],
    });
  });

  test('in pieces too, and counted to the end', async () => {
    await recordAct(database, act('x'), AUTHORSHIP);
    const sequence = (await stored()).at(-1)?.sequence;
    const update = (actor: string) =>
      `UPDATE audit_events SET actor = '${actor}' WHERE sequence = ${sequence}`;
    await tamper(['audit_events_are_never_changed'], update('nobody'), update('admin_token'));
    let answer = Object(await verified('?limit=1'));
    for (let calls = 0; calls < 100 && !answer.complete; calls += 1) {
      answer = Object(await verified(`?limit=1&cursor=${answer.next_cursor}`));
    }
    expect(answer).toMatchObject({ ok: false, complete: true, problems_so_far: 1, events: sequence });
  });
});

/** Behind all others: the forged event stays in the log. */
describe('content that somebody put in place of an event’s, and called a pseudonym', () => {
  const OTHER_KEY = [{ generation: 1, seed: 'AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM' }];

  /** An event whose content became another, and the list that says so. */
  async function forged() {
    await recordAct(database, act('x'), AUTHORSHIP);
    const sequence = (await stored()).at(-1)?.sequence ?? 0;
    const link = await env.DB.prepare('SELECT salt, content_digest FROM audit_chain WHERE sequence = ?')
      .bind(sequence)
      .first<{ salt: string; content_digest: string }>();
    const digests = {
      old_digest: link?.content_digest ?? '',
      new_digest: contentDigest({ before: null, after: 'z', salt: link?.salt ?? '' }),
    };
    const set = (after: string) =>
      `UPDATE audit_events SET after = '"${after}"' WHERE sequence = ${sequence}`;
    await tamper(['audit_events_are_only_pseudonymised'], set('z'), set('x'));
    return { sequence, list: await signRewriting('left-0', [{ sequence, ...digests }], OTHER_KEY) };
  }

  test('is found where the event that says so is in no chain', async () => {
    const { sequence, list } = await forged();
    await env.DB.prepare(
      `INSERT INTO audit_events (occurred_at, actor, action, target, after, request_id)
       VALUES ('', '', 'audit.pseudonymised', 'left-0', ?, '')`,
    )
      .bind(JSON.stringify(list))
      .run();
    expect(await verified()).toMatchObject({
      problems: [{ sequence, what: 'before, after or salt is not what was recorded' }],
    });
  });

  test('is found where the event that says so is chained, for it is not signed', async () => {
    const { list } = await forged();
    await recordAct(database, { ...act(list, 'left-0'), action: 'audit.pseudonymised' }, AUTHORSHIP);
    const by = (await stored()).at(-1)?.sequence;
    expect(Object(await verified()).problems).toContainEqual({
      where: 'audit_events',
      sequence: by,
      what: 'what it says was rewritten is not signed by a known key',
    });
  });

  test('that is no JSON keeps nobody from verifying the rest', async () => {
    const said = (text: string) =>
      `UPDATE audit_events SET after = '${text}' WHERE action = 'audit.pseudonymised'`;
    await tamper(['audit_events_are_only_pseudonymised'], said('{'), said('{}'));
    expect(Object(await verified()).problems).toContainEqual(
      expect.objectContaining({ what: 'before or after is no JSON' }),
    );
  });
});
