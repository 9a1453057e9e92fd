/** The offline verifier: what it finds in a file, and what it calls it. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ChainedEvent } from '../../durable-objects/ledger/audit-check.ts';
import { checkAuditFile, type FileProblem } from '../../durable-objects/ledger/audit-file-check.ts';
import { contentDigest, EMPTY_CHAIN } from '../../durable-objects/ledger/audit-link.ts';
import { signRewriting } from '../../durable-objects/ledger/audit-rewriting.ts';
import { type PublicKey, signDocument } from '../../durable-objects/ledger/signature.ts';
import { auditFileOf, eventAfter, KEYS, policyFileOf, publicKeys, someEvents } from './audit-export.ts';

const encoder = new TextEncoder();
let events: ChainedEvent[];
let file: string;
let policies: string;
let keys: PublicKey[];

async function versionOf(version: number, policy: object): Promise<object> {
  const payload = {
    type: 'bursar.policy',
    cost_center: 'squad',
    version,
    policy,
    approval: { actor: 'ada' },
  };
  const signed = { payload, signature: await signDocument(payload, KEYS) };
  return { cost_center: 'squad', version, state: 'live', document: policy, warnings: [], signed };
}

beforeAll(async () => {
  events = await someEvents();
  file = await auditFileOf(events);
  const unsigned = { cost_center: 'squad', version: 1, state: 'draft', document: {}, warnings: [] };
  policies = await policyFileOf([unsigned, await versionOf(2, { budgets: [] })]);
  keys = await publicKeys();
});

async function problemsIn(text: string, by: PublicKey[] | null = keys): Promise<FileProblem[]> {
  return (await checkAuditFile(encoder.encode(text), by)).problems;
}

test('a file as it was exported is fine, with and without keys', async () => {
  const report = { problems: [], kind: 'audit', records: 5, anchors: 1, rewrittenElsewhere: 0 };
  const head = { sequence: 5, hash: events[4]?.hash };
  expect(await checkAuditFile(encoder.encode(file), keys)).toMatchObject({ ...report, head });
  expect(await problemsIn(file, null)).toEqual([]);
  const versions = { problems: [], kind: 'policies', records: 2, signedVersions: 1 };
  expect(await checkAuditFile(encoder.encode(policies), keys)).toMatchObject(versions);
});

test.each([
  ['the audit log', () => file],
  ['policy versions', () => policies],
])('any byte that is changed in a file of %s is found without a key, and its line named', async (_, text) => {
  const bytes = encoder.encode(text());
  const lineAt = (index: number) => bytes.slice(0, index).filter((byte) => byte === 10).length + 1;
  const change = fc.record({ index: fc.nat(bytes.length - 1), byte: fc.nat(255) });
  await fc.assert(
    fc.asyncProperty(change, async ({ index, byte }) => {
      fc.pre(bytes[index] !== byte);
      const changed = bytes.slice();
      changed[index] = byte;
      const { problems } = await checkAuditFile(changed, null);
      expect(problems.map(({ line }) => line)).toContain(lineAt(index));
    }),
    { numRuns: 1_500 },
  );
});

test('every single bit of a short file is held', async () => {
  const bytes = encoder.encode(await auditFileOf(events.slice(0, 1)));
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const changed = bytes.slice();
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect((await checkAuditFile(changed, null)).problems, `bit ${bit}`).not.toEqual([]);
  }
});

describe('found and named is', () => {
  const changed = (change: (lines: string[]) => string[]) =>
    change(file.split('\n').slice(0, -1))
      .map((line) => `${line}\n`)
      .join('');

  test.each<[string, (lines: string[]) => string[], number | null]>([
    ['a line removed', (lines) => lines.toSpliced(1, 1), 2],
    ['a line doubled', (lines) => lines.toSpliced(1, 0, lines[0] ?? ''), 2],
    ['two lines swapped', ([a, b, c, ...rest]) => [a, c, b, ...rest].map(String), 2],
    ['a file without its manifest', (lines) => lines.slice(0, -1), null],
    ['a line after the manifest', (lines) => [...lines, lines[0] ?? ''], 7],
    ['an empty line', (lines) => lines.toSpliced(2, 0, ''), 3],
  ])('%s', async (_, change, line) => {
    const problems = await problemsIn(changed(change), null);
    expect(problems.map((problem) => problem.line)).toContain(line);
  });

  test.each([0, 1, 100, 2_000])('a file cut off after %d characters', async (length) => {
    expect(await problemsIn(file.slice(0, length), null)).not.toEqual([]);
  });

  test('the end of the last line missing', async () => {
    expect(await problemsIn(file.slice(0, -1), null)).toEqual([
      { line: 6, sequence: null, what: expect.stringContaining('cut off') },
    ]);
  });

  test('an event by its sequence and by what differs, where somebody made the lines anew', async () => {
    const forged = await auditFileOf(events.map((event, at) => (at === 2 ? { ...event, after: 7 } : event)));
    expect(await problemsIn(forged)).toEqual([
      { line: 3, sequence: 3, what: 'before, after or salt is not what was recorded' },
    ]);
    const renamed = await auditFileOf(
      events.map((event, at) => (at === 0 ? { ...event, actor: 'x' } : event)),
    );
    expect(await problemsIn(renamed)).toEqual([
      { line: 1, sequence: 1, what: 'its hash does not fit what it says' },
    ]);
  });

  test('content put in place of another one with a rewriting that no event lists', async () => {
    const [first, second, ...rest] = events;
    if (!first || !second) throw new Error('no events');
    const forged = { ...first, rewritten: [{ by: 4, old_digest: first.content_digest, new_digest: 'x' }] };
    expect(await problemsIn(await auditFileOf([forged, second, ...rest]))).toContainEqual({
      line: 1,
      sequence: 1,
      what: 'event 4 does not list it as rewritten',
    });
  });

  test('a rewriting that somebody appended without the key, however well it fits', async () => {
    const first = eventAfter(EMPTY_CHAIN, { after: { limit_usd: '5.00' } });
    const forged = { before: null, after: { limit_usd: '9000.00' }, salt: 'aa' };
    const digests = { old_digest: first.content_digest, new_digest: contentDigest(forged) };
    const content = { rewritten: [{ sequence: 1, ...digests }] };
    const { signature } = await signRewriting('k1', content.rewritten, [
      { generation: 3, seed: 'AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM' },
    ]);
    const by = eventAfter(first, { action: 'audit.pseudonymised', after: { ...content, signature } });
    const text = await auditFileOf([{ ...first, ...forged, rewritten: [{ by: 2, ...digests }] }, by]);
    expect(await problemsIn(text, null)).toEqual([]);
    expect(await problemsIn(text)).toEqual([
      { line: 2, sequence: 2, what: 'what it says was rewritten is not signed by a known key' },
    ]);
  });

  test('a chain made anew from a changed event on, by the signatures of its anchor', async () => {
    const first = eventAfter(EMPTY_CHAIN, { after: 'forged' });
    const anchor = { ...eventAfter(first, { action: 'audit.anchor', after: events[4]?.after }) };
    expect(await problemsIn(await auditFileOf([first, anchor]))).toContainEqual({
      line: 2,
      sequence: 2,
      what: 'its anchor is of another chain than this',
    });
  });

  test('a key that is not the deployment’s', async () => {
    const other = [{ generation: 3, public_key: 'A'.repeat(43) }];
    const found = await problemsIn(file, other);
    expect(found.map(({ line }) => line)).toEqual([4, 5, 6]);
    const unknown = await problemsIn(file, [{ generation: 4, public_key: keys[0]?.public_key ?? '' }]);
    expect(unknown.map(({ what }) => what)).toContainEqual('signature: by key 3, which was not given');
  });

  test('a version of a policy that is gone from the database, or of another cost center', async () => {
    const [first, third] = [await versionOf(1, {}), await versionOf(3, {})];
    expect(await problemsIn(await policyFileOf([first, third]))).toEqual([
      { line: 2, sequence: 3, what: 'version 3 comes after version 1: expected version 2' },
    ]);
    const unsigned = { cost_center: 'other', version: 2, state: 'draft', document: {}, warnings: [] };
    expect(await problemsIn(await policyFileOf([first, unsigned]))).toEqual([
      { line: 2, sequence: 2, what: 'it is of other, and the ones before of squad' },
    ]);
  });

  test('a policy whose signature is of another document', async () => {
    const other = { ...(await versionOf(1, { budgets: [] })), document: { budgets: [1] } };
    expect(await problemsIn(await policyFileOf([other]))).toEqual([
      { line: 1, sequence: 1, what: 'signed: it is of another document' },
    ]);
  });
});

test('a part of the log is fine by itself, and says what only its manifest vouches for', async () => {
  const report = await checkAuditFile(encoder.encode(await auditFileOf(events.slice(1, 3))), keys);
  expect(report).toMatchObject({ problems: [], records: 2, rewrittenElsewhere: 1 });
});
