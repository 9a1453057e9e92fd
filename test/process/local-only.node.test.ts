import { describe, expect, test } from 'vitest';
import { localOnlyProblem } from '../../scripts/local-only.ts';
import { readWranglerConfig } from '../../scripts/wrangler-config.ts';

describe('a deployment', () => {
  test.each([
    ['a variable of wrangler.toml', { ALERTS_ALLOW_PRIVATE: 'true' }, [], 'wrangler.toml'],
    ['one that is a boolean', { ALERTS_ALLOW_PRIVATE: true }, [], 'wrangler.toml'],
    ['an argument', {}, ['--var', 'ALERTS_ALLOW_PRIVATE:true'], 'the arguments'],
    ['an argument in one piece', {}, ['--var=ALERTS_ALLOW_PRIVATE:true'], 'the arguments'],
    ['one for issuers', { OIDC_ALLOW_LOOPBACK: 'true' }, [], 'wrangler.toml'],
    ['an argument for issuers', {}, ['--var', 'OIDC_ALLOW_LOOPBACK:true'], 'the arguments'],
  ])('that trusts this machine by %s is refused', (_, vars, args, where) => {
    expect(localOnlyProblem(vars, args)).toContain(`take it out of ${where}`);
  });

  test('without it, or with it off, goes on', () => {
    expect(localOnlyProblem({}, ['--minify'])).toBeNull();
    expect(localOnlyProblem({ ALERTS_ALLOW_PRIVATE: 'false' }, [])).toBeNull();
  });

  test('of the project as it is has none', () => {
    expect(localOnlyProblem(readWranglerConfig().vars, [])).toBeNull();
  });
});
