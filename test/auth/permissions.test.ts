import { describe, expect, test } from 'vitest';
import { guardOf } from '../../worker/auth/guarded-routes.ts';
import {
  ACTIONS,
  grantOf,
  grantsOfScopes,
  lackingOf,
  permits,
  reachOf,
  rolesWith,
  SCOPES,
  withoutPersonal,
} from '../../worker/auth/permissions.ts';

describe('rights', () => {
  test('of a role in one cost center reach no other, and nothing of the organisation', () => {
    const grants = [grantOf('manager', 'b'), grantOf('manager', 'a'), grantOf('manager', 'a')];
    expect(reachOf(grants, 'key.write')).toEqual(['a', 'b']);
    expect(permits(grants, 'key.write', 'a')).toBe(true);
    expect(permits(grants, 'key.write', 'c')).toBe(false);
    expect(permits(grants, 'key.write', null)).toBe(false);
    expect(reachOf(grants, 'price.write')).toEqual([]);
  });

  test('everywhere include every cost center', () => {
    const grants = [grantOf('manager', 'a'), grantOf('auditor', null)];
    expect(reachOf(grants, 'ledger.read')).toBeNull();
    expect(permits(grants, 'ledger.read', 'c')).toBe(true);
    expect(permits(grants, 'key.write', 'c')).toBe(false);
  });

  test('that are none allow nothing', () => {
    for (const action of ACTIONS) expect(permits([], action, 'a')).toBe(false);
  });

  test('of a program never include an approval, whatever it was given', () => {
    const given = withoutPersonal([grantOf('admin', null), ...grantsOfScopes(['policy.approve'], null)]);
    expect(reachOf(given, 'policy.approve')).toEqual([]);
    expect(reachOf(given, 'policy.activate')).toBeNull();
    expect(SCOPES).not.toContain('policy.approve');
  });

  test('by scopes that are no actions are none', () => {
    expect(grantsOfScopes(['everything', 'toString'], null)).toEqual([
      { role: null, actions: [], costCenter: null },
    ]);
  });

  test('that are given away are had in the same cost centers', () => {
    const own = [grantOf('manager', 'a')];
    expect(lackingOf(own, grantsOfScopes(['key.read'], ['a']))).toEqual([]);
    expect(lackingOf(own, grantsOfScopes(['key.read'], ['a', 'b']))).toEqual(['key.read']);
    expect(lackingOf(own, grantsOfScopes(['key.read', 'export'], null))).toEqual(['key.read', 'export']);
    expect(lackingOf([grantOf('admin', null)], [grantOf('admin', null)])).toEqual([]);
  });
});

describe('the table', () => {
  test('lets admins do all, developers nothing, and finance nothing about policies', () => {
    for (const action of ACTIONS) {
      expect(rolesWith(action)).toContain('admin');
      expect(rolesWith(action)).not.toContain('developer');
    }
    for (const action of ['policy.draft', 'policy.submit', 'policy.approve', 'policy.activate'] as const) {
      expect(rolesWith(action)).not.toContain('finance');
      expect(rolesWith(action)).not.toContain('auditor');
    }
    expect(rolesWith('policy.approve')).toEqual(['admin', 'approver']);
  });

  test('has no action for a route that nobody listed, or for another method', () => {
    expect(guardOf('GET', '/cost_centers/:id')).toEqual({ action: 'cost_center.read', binding: 'path' });
    expect(guardOf('DELETE', '/cost_centers/:id')).toBeNull();
    expect(guardOf('GET', '/cost_centers/:id/secrets')).toBeNull();
    expect(guardOf('GET', '/toString')).toBeNull();
  });
});
