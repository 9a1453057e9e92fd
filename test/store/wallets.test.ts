import { env } from 'cloudflare:workers';
import { expect, test, vi } from 'vitest';
import { alertDeliveryOf, dryRunOf, offersJurisdiction, walletOf } from '../../worker/store/wallets.ts';

test('a cost center has one wallet, another cost center another', () => {
  // The calls are all that the Worker sees of the stub; which object it is, only the stub tells.
  const stubOf = (costCenter: string): object => walletOf({ wallets: env.WALLET }, costCenter, null);
  const idOf = (costCenter: string) => (stubOf(costCenter) as DurableObjectStub).id.toString();
  expect(idOf('squad')).toBe(idOf('squad'));
  expect(idOf('squad')).not.toBe(idOf('squad-2'));
});

test('an EU wallet is asked for within the jurisdiction, where the platform has one', () => {
  expect(offersJurisdiction({ wallets: env.WALLET }, 'eu')).toBe(false);
  const jurisdiction = vi.fn(() => env.WALLET);
  const wallets = new Proxy(env.WALLET, {
    get: (target, name) => (name === 'jurisdiction' ? jurisdiction : Reflect.get(target, name).bind(target)),
  });
  expect(offersJurisdiction({ wallets }, 'eu')).toBe(true);
  walletOf({ wallets }, 'squad', 'eu');
  expect(jurisdiction.mock.calls).toEqual([['eu'], ['eu']]);
  walletOf({ wallets }, 'squad', null);
  expect(jurisdiction).toHaveBeenCalledTimes(2);
});

test('the delivery of alerts is in the jurisdiction of its wallet', () => {
  const jurisdiction = vi.fn(() => env.ALERTS);
  const alerts = new Proxy(env.ALERTS, {
    get: (target, name) => (name === 'jurisdiction' ? jurisdiction : Reflect.get(target, name).bind(target)),
  });
  const idOf = (stub: object) => (stub as DurableObjectStub).id.toString();
  const [own, organisation] = [
    alertDeliveryOf({ alerts }, 'squad', null),
    alertDeliveryOf({ alerts }, '*', null),
  ];
  expect(idOf(own)).not.toBe(idOf(organisation));
  expect(jurisdiction).not.toHaveBeenCalled();
  expect(idOf(alertDeliveryOf({ alerts }, 'squad', 'eu'))).toBe(idOf(own));
  expect(jurisdiction).toHaveBeenCalledWith('eu');
});

test('the job of a dry run is in the jurisdiction of its cost center', () => {
  const jurisdiction = vi.fn(() => env.DRY_RUNS);
  const dryRuns = new Proxy(env.DRY_RUNS, {
    get: (target, name) => (name === 'jurisdiction' ? jurisdiction : Reflect.get(target, name).bind(target)),
  });
  const idOf = (stub: object) => (stub as DurableObjectStub).id.toString();
  expect(idOf(dryRunOf({ dryRuns }, 'dry_1', null))).not.toBe(idOf(dryRunOf({ dryRuns }, 'dry_2', null)));
  expect(jurisdiction).not.toHaveBeenCalled();
  dryRunOf({ dryRuns }, 'dry_1', 'eu');
  expect(jurisdiction).toHaveBeenCalledWith('eu');
});
