import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { call, rows, storedRevision, walletRevision } from './admin-calls.ts';
import { conflict, limited, policyLine } from './policy-calls.ts';

describe('a version on its way', () => {
  test('is written, submitted, approved and live, and says by whom', async () => {
    const line = await policyLine();
    const version = await line.draft('100');
    expect(await line.post(`/${version}/submit`, { note: 'for the release' })).toMatchObject({
      status: 200,
      body: { state: 'submitted', note: 'for the release', submitted_by: 'admin_token', base_version: null },
    });
    await line.writtenBy(version, 'ann@example.com');
    expect(await line.post(`/${version}/approve`, { note: 'fine' })).toMatchObject({
      status: 200,
      body: {
        state: 'approved',
        author: 'ann@example.com',
        approved_by: 'admin_token',
        approval_note: 'fine',
        dry_run: null,
        stale: false,
        stale_why: null,
        signature: { algorithm: 'Ed25519', key: 1 },
      },
    });
    expect(await line.limit()).toBeNull();
    expect(await line.post(`/${version}/activate`)).toMatchObject({ status: 200, body: { state: 'live' } });
    expect(await line.limit()).toBe('100.00');
    expect(await walletRevision(line.id)).toBe(await storedRevision(line.id));
    const events = rows(await call('GET', `/audit?cost_center=${line.id}`));
    expect(
      events
        .map((event) => Object(event).action)
        .toReversed()
        .slice(1),
    ).toEqual(['policy.create', 'policy.submit', 'policy.approve', 'policy.activate']);
    expect(events[1]).toMatchObject({
      before: { state: 'submitted' },
      after: { state: 'approved', four_eyes: 'kept', dry_run: null },
    });
  });

  test('goes live only with an approval: each state before is a 409 that names it', async () => {
    const line = await policyLine();
    const version = await line.draft('100');
    expect(await line.post(`/${version}/activate`)).toMatchObject(
      conflict('version 1 is a draft: it needs an approval'),
    );
    expect(await line.post(`/${version}/approve`)).toMatchObject(
      conflict('version 1 is a draft: submit it first'),
    );
    expect(await line.post(`/${version}/reject`, { reason: 'no' })).toMatchObject(conflict('is a draft'));
    await line.post(`/${version}/submit`);
    expect(await line.post(`/${version}/activate`)).toMatchObject(
      conflict('is submitted and waits for an approval'),
    );
    await line.post(`/${version}/reject`, { reason: 'too low' });
    expect(await line.post(`/${version}/activate`)).toMatchObject(conflict('was rejected: submit it again'));
    expect(await line.post(`/${version}/approve`)).toMatchObject(conflict('was rejected: submit it first'));
    expect(await line.states()).toEqual(['rejected']);
  });

  test('takes each step once: repeated, it changes nothing and commits nothing', async () => {
    const line = await policyLine();
    const version = await line.submitted('100');
    const steps: [string, unknown][] = [
      ['submit', undefined],
      ['approve', undefined],
      ['activate', undefined],
    ];
    for (const [step, body] of steps) {
      await line.post(`/${version}/${step}`, body);
      const revision = await storedRevision(line.id);
      expect((await line.post(`/${version}/${step}`, body)).status, step).toBe(200);
      expect(await storedRevision(line.id), step).toBe(revision);
    }
    const rejected = await line.submitted('90');
    for (const reason of ['too low', 'still too low']) {
      expect(await line.post(`/${rejected}/reject`, { reason })).toMatchObject({
        status: 200,
        body: { state: 'rejected', rejection_reason: 'too low', rejected_by: 'admin_token' },
      });
    }
  });

  test('that was rejected can be submitted again, and then has no rejection', async () => {
    const line = await policyLine();
    const version = await line.submitted('100');
    await line.post(`/${version}/reject`, { reason: 'not before Monday' });
    expect(await line.post(`/${version}/submit`, { note: 'it is Monday' })).toMatchObject({
      status: 200,
      body: { state: 'submitted', rejection_reason: null, rejected_at: null },
    });
  });

  test('loses its approval where it is rejected after all', async () => {
    const line = await policyLine();
    const version = await line.approved('100');
    expect(await line.post(`/${version}/reject`, { reason: 'found a mistake' })).toMatchObject({
      status: 200,
      body: { state: 'rejected', approved_by: null, signature: null },
    });
    expect(await line.post(`/${version}/activate`)).toMatchObject(conflict('was rejected'));
  });

  test.each<[string, string, unknown, string]>([
    ['a rejection without a reason', 'reject', {}, 'reason'],
    ['a rejection with an empty reason', 'reject', { reason: ' ' }, 'reason'],
    ['an unknown field of a submission', 'submit', { approve: true }, 'approve'],
    ['an unknown field of an approval', 'approve', { dryrun: 'x' }, 'dryrun'],
    ['a dry run that is no id', 'approve', { dry_run: 7 }, 'dry_run'],
    ['an unknown field of an activation', 'activate', { at: '2035-01-01T00:00:00Z' }, 'at'],
    ['a schedule in the past', 'activate', { activate_at: '2020-01-01T00:00:00Z' }, 'activate_at'],
    ['a schedule that is no instant', 'activate', { activate_at: 'tomorrow' }, 'activate_at'],
    ['an unknown field of a rollback', 'rollback', { why: 'x' }, 'why'],
  ])('refuses %s with a 400 that names it', async (_what, step, body, path) => {
    const line = await policyLine();
    const version = await line.approved('100');
    expect(await line.post(`/${version}/${step}`, body)).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path }] } },
    });
    expect(await line.stateOf(version)).toBe('approved');
  });

  test.each([
    'submit',
    'approve',
    'activate',
    'unschedule',
    'rollback',
  ])('is a 404 for %s where nobody made it', async (step) => {
    const line = await policyLine();
    expect((await line.post(`/9/${step}`)).status).toBe(404);
    expect((await call('POST', `/cost_centers/nobody/policies/1/${step}`)).status).toBe(404);
  });
});

describe('a draft', () => {
  test('gives way to another document, until it is submitted', async () => {
    const line = await policyLine();
    const version = await line.draft('100');
    expect(await line.replace(version, limited('0'))).toMatchObject({
      status: 200,
      body: { version, state: 'draft', policy: limited('0'), warnings: [{ path: 'budgets[0].limit_usd' }] },
    });
    expect(rows(await call('GET', `/audit?cost_center=${line.id}`))[0]).toMatchObject({
      action: 'policy.replace',
      before: { policy: limited('100') },
      after: { policy: limited('0') },
    });
    expect(await line.replace(version, { budgets: 'none' })).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path: 'budgets' }] } },
    });
    await line.post(`/${version}/submit`);
    expect(await line.replace(version, limited('5'))).toMatchObject(
      conflict('version 1 is submitted and waits for an approval, and only drafts are changed'),
    );
  });

  test('is the only thing whose document SQL lets change, and no version is deleted or replaced', async () => {
    const line = await policyLine();
    const version = await line.draft('100');
    const where = `WHERE cost_center = '${line.id}' AND version = ${version}`;
    await env.DB.exec(`UPDATE policy_versions SET document = '{}' ${where}`);
    await env.DB.exec(`UPDATE policy_versions SET document = '${JSON.stringify(limited('100'))}' ${where}`);
    await line.post(`/${version}/submit`);
    const statements = [
      `UPDATE policy_versions SET document = '{}' ${where}`,
      `UPDATE policy_versions SET version = 7 ${where}`,
      `UPDATE policy_versions SET legacy = 1 ${where}`,
      `UPDATE policy_versions SET state = 'blessed' ${where}`,
      `DELETE FROM policy_versions ${where}`,
      `INSERT OR REPLACE INTO policy_versions (cost_center, version, state, document, warnings, created_at)
       VALUES ('${line.id}', ${version}, 'live', '{}', '[]', '')`,
    ];
    for (const statement of statements) {
      await expect(env.DB.prepare(statement).run(), statement).rejects.toThrow(/polic/);
    }
    expect((await line.get(`/${version}`)).body).toMatchObject({
      state: 'submitted',
      policy: limited('100'),
    });
  });
});

describe('an approval', () => {
  test('needs another person than the author, and than who submitted it', async () => {
    const line = await policyLine();
    const version = await line.draft('100');
    await line.post(`/${version}/submit`);
    const wrote = await line.post(`/${version}/approve`);
    expect(wrote).toMatchObject(conflict('admin_token wrote version 1: another person has to approve it'));
    const where = 'WHERE cost_center = ? AND version = ?';
    await env.DB.prepare(`UPDATE policy_versions SET authors = '["ann@example.com"]' ${where}`)
      .bind(line.id, version)
      .run();
    expect(await line.post(`/${version}/approve`)).toMatchObject(conflict('admin_token submitted version 1'));
    await line.writtenBy(version, 'ann@example.com');
    expect(await line.post(`/${version}/approve`)).toMatchObject({ status: 200 });
  });

  test('needs another person than everyone who wrote at the draft', async () => {
    const line = await policyLine();
    const version = await line.draft('100');
    await env.DB.prepare(
      `UPDATE policy_versions SET authors = '["admin_token","ann@example.com"]' WHERE cost_center = ?`,
    )
      .bind(line.id)
      .run();
    await line.post(`/${version}/submit`);
    expect(await line.post(`/${version}/approve`)).toMatchObject(conflict('admin_token wrote version 1'));
  });

  test('by its author is recorded as such where the deployment waives four eyes', async () => {
    const line = (await policyLine()).under({ POLICY_FOUR_EYES: 'off' });
    const version = await line.draft('100');
    await line.post(`/${version}/submit`);
    expect(await line.post(`/${version}/approve`)).toMatchObject({ status: 200 });
    expect((await line.get(`/${version}/signed`)).body).toMatchObject({
      payload: { approval: { actor: 'admin_token', four_eyes: 'waived' } },
    });
    expect(rows(await call('GET', `/audit?cost_center=${line.id}`))[0]).toMatchObject({
      action: 'policy.approve',
      after: { four_eyes: 'waived' },
    });
  });

  test('goes stale when another version goes live, says so, and is given anew', async () => {
    const line = await policyLine();
    const first = await line.live('100');
    const late = await line.approved('300');
    const second = await line.live('200');
    const why = `version ${late} was approved against version ${first}, and version ${second} is live now`;
    expect((await line.get(`/${late}`)).body).toMatchObject({
      state: 'approved',
      stale: true,
      stale_why: why,
    });
    expect(await line.post(`/${late}/activate`)).toMatchObject(conflict(`${why}: submit it again`));
    expect(await line.post(`/${late}/approve`)).toMatchObject(conflict(`${why}: submit it again`));
    expect(await line.post(`/${late}/submit`)).toMatchObject({
      status: 200,
      body: { state: 'submitted', base_version: second, approved_by: null, signature: null, stale: false },
    });
    await line.writtenBy(late, 'ann@example.com');
    await line.post(`/${late}/approve`);
    expect(await line.post(`/${late}/activate`)).toMatchObject({ status: 200, body: { state: 'live' } });
    expect(await line.states()).toEqual(['retired', 'live', 'retired']);
  });

  test('cannot be given to what was submitted before another version went live', async () => {
    const line = await policyLine();
    const waiting = await line.submitted('300');
    const live = await line.live('200');
    expect(await line.post(`/${waiting}/approve`)).toMatchObject(
      conflict(`version ${waiting} was submitted when no version was live, and version ${live} is live now`),
    );
    expect(await line.post(`/${waiting}/submit`)).toMatchObject({ body: { base_version: live } });
    await line.writtenBy(waiting, 'ann@example.com');
    expect(await line.post(`/${waiting}/approve`)).toMatchObject({ status: 200 });
  });

  test('is one, and one version live, whoever acts at the same time', async () => {
    const line = await policyLine();
    const versions = [await line.approved('1'), await line.approved('2'), await line.approved('3')];
    const answers = await Promise.all(versions.map((version) => line.post(`/${version}/activate`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    expect((await line.states()).toSorted()).toEqual(['approved', 'approved', 'live']);
  });
});

describe('a deployment that asks for no approval', () => {
  test('activates drafts, signed by nobody’s approval', async () => {
    const line = await policyLine({ POLICY_APPROVAL: 'off' });
    const version = await line.draft('100');
    expect(await line.post(`/${version}/activate`)).toMatchObject({ status: 200, body: { state: 'live' } });
    expect((await line.get(`/${version}/signed`)).body).toMatchObject({
      payload: {
        type: 'bursar.policy',
        policy: limited('100'),
        approval: { waived: true, actor: 'admin_token' },
      },
    });
  });

  test('does not activate what somebody rejected', async () => {
    const line = await policyLine({ POLICY_APPROVAL: 'off' });
    const version = await line.submitted('100');
    await line.post(`/${version}/reject`, { reason: 'no' });
    expect(await line.post(`/${version}/activate`)).toMatchObject(conflict('was rejected'));
  });
});
