import { expect, test } from 'vitest';
import { reachWarnings } from '../../../durable-objects/core/alerting/reach.ts';
import type { AlertRoute, Destination } from '../../../durable-objects/core/alerting/routes.ts';
import { policyOf, TEAM_DAY } from '../judging.ts';

const MEANS = { hasSlackToken: true, hasEmail: true };
const CHANNEL: Destination = { id: 'dst_1', type: 'slack_channel', channel: 'C1' };
const MAIL: Destination = { id: 'dst_2', type: 'email', to: 'ada@example.com' };
const TEAMS: Destination = { id: 'dst_3', type: 'teams', url: 'https://teams.example.com/hook' };

function route(on: AlertRoute['on'], ...to: [Destination, ...Destination[]]): AlertRoute {
  return { on, severity: 'warning', to, quietHours: null };
}

const STAGES = ['stage:alert', 'stage:downgrade', 'stage:pause'] as const;

function warningsOf(routes: AlertRoute[] | null, means = MEANS, document: object = TEAM_DAY): string[] {
  const given = routes && { routes, fallback: [] };
  return reachWarnings(policyOf(document), given, means).map(({ message }) => message);
}

test('without routes nobody is reached by any stage that the policy has', () => {
  expect(warningsOf(null)).toEqual([
    expect.stringContaining('nobody is reached by stage:alert, stage:downgrade, stage:pause of this policy'),
  ]);
  expect(warningsOf([], MEANS, { budgets: [] })).toEqual([]);
});

test('a shared channel alone is a doubt, whatever number of them there are', () => {
  expect(warningsOf([route(STAGES, CHANNEL), route(['stage:pause'], TEAMS)])).toEqual([
    expect.stringContaining('only a shared channel hears of stage:alert, stage:downgrade, stage:pause'),
  ]);
});

test('somebody in particular beside the channel is none, in the same route or another', () => {
  expect(warningsOf([route(STAGES, CHANNEL, MAIL)])).toEqual([]);
  expect(warningsOf([route(STAGES, CHANNEL), route(STAGES, MAIL)])).toEqual([]);
});

test('each stage is told for itself, and one that the policy lacks is not', () => {
  const routes = [route(['stage:alert'], CHANNEL), route(['stage:pause'], MAIL)];
  const message = [
    expect.stringContaining('nobody is reached by stage:downgrade of'),
    expect.stringContaining('only a shared channel hears of stage:alert,'),
  ];
  expect(warningsOf(routes)).toEqual(message);
  const stages = [{ at: '1', do: 'pause' }];
  expect(warningsOf(routes, MEANS, { ...TEAM_DAY, stages })).toEqual([]);
});

test('who cannot be reached by this deployment does not count', () => {
  expect(warningsOf([route(STAGES, MAIL)], { ...MEANS, hasEmail: false })).toEqual([
    expect.stringContaining('nobody is reached'),
  ]);
  expect(warningsOf([route(STAGES, MAIL, CHANNEL)], { ...MEANS, hasEmail: false })).toEqual([
    expect.stringContaining('only a shared channel'),
  ]);
});
