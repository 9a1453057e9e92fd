/**
 * Who may do what: the table of role × action, and how rights are put together and asked. What is not in the table is
 * not allowed. Which action a route of the admin API is stands in guarded-routes.ts.
 */

export const ROLES = ['admin', 'manager', 'finance', 'approver', 'developer', 'auditor'] as const;
export type Role = (typeof ROLES)[number];

const READERS = ['manager', 'finance', 'approver', 'auditor'] as const;
const COMPANY_READERS = ['finance', 'approver', 'auditor'] as const;
const INSPECTORS = ['finance', 'auditor'] as const;

/** The roles that may do each action, beside `admin`, who may do all of them. */
const TABLE = {
  'cost_center.read': READERS,
  // Who a cost center's manager is and when its days begin: not the manager's own to say.
  'cost_center.write': [],
  'cost_center.pause': ['manager'],
  'key.read': READERS,
  'key.write': ['manager'],
  'policy.read': READERS,
  'policy.draft': ['manager'],
  'policy.submit': ['manager'],
  'policy.approve': ['approver'],
  'policy.activate': ['manager', 'approver'],
  'dry_run.read': READERS,
  'dry_run.run': ['manager', 'approver'],
  'wallet.read': READERS,
  'hold.end': ['manager'],
  'session.stop': ['manager'],
  'raise.read': READERS,
  'raise.write': ['manager'],
  'increase_request.read': READERS,
  'increase_request.resolve': ['manager'],
  'ledger.read': READERS,
  export: ['finance'],
  'alert.read': READERS,
  'alert.resend': ['manager'],
  'alert_routes.read': READERS,
  'alert_routes.write': ['manager'],
  'metrics.read': READERS,
  'price.read': READERS,
  'price.write': [],
  'month.read': READERS,
  'month.close': ['finance'],
  'reconciliation.read': COMPANY_READERS,
  'reconciliation.run': ['finance'],
  'archive.read': COMPANY_READERS,
  'archive.restore': [],
  'storage.read': COMPANY_READERS,
  'privacy.pseudonymise': [],
  'audit.read': READERS,
  'audit.verify': INSPECTORS,
  'signing_key.read': READERS,
  'identity.read': INSPECTORS,
  'identity.write': [],
} as const satisfies Record<string, readonly Exclude<Role, 'admin'>[]>;

export type Action = keyof typeof TABLE;

export function isAction(text: string): text is Action {
  return Object.hasOwn(TABLE, text);
}

export const ACTIONS: readonly Action[] = Object.keys(TABLE).filter(isAction);

/** Four eyes are people's: a program approves nothing, whoever gave it its rights. */
const OF_PEOPLE: readonly Action[] = ['policy.approve'];

/** What a service token can be given. */
export const SCOPES: readonly Action[] = ACTIONS.filter((action) => !OF_PEOPLE.includes(action));

/** The roles that may do an action. */
export function rolesWith(action: Action): Role[] {
  return ROLES.filter((role) => role === 'admin' || TABLE[action].some((each) => each === role));
}

export function isRole(text: string): text is Role {
  return ROLES.some((role) => role === text);
}

/** A right: these actions, in one cost center or (null) in all of them and in what belongs to none. */
export interface Grant {
  /** The role it comes from; null for the scopes of a service token. */
  role: Role | null;
  actions: readonly Action[];
  costCenter: string | null;
}

/** What a role allows in a cost center; null: everywhere. */
export function grantOf(role: Role, costCenter: string | null): Grant {
  return { role, actions: ACTIONS.filter((action) => rolesWith(action).includes(role)), costCenter };
}

/** What scopes allow in these cost centers; null: everywhere. */
export function grantsOfScopes(
  scopes: readonly string[],
  costCenters: readonly string[] | null,
): readonly Grant[] {
  const actions = scopes.filter(isAction);
  return (costCenters ?? [null]).map((costCenter) => ({ role: null, actions, costCenter }));
}

/** The same rights without those that only a person has. */
export function withoutPersonal(grants: readonly Grant[]): Grant[] {
  return grants.map((grant) => ({
    ...grant,
    actions: grant.actions.filter((action) => !OF_PEOPLE.includes(action)),
  }));
}

/** The cost centers in which an action is allowed, in order; null: everywhere. */
export function reachOf(grants: readonly Grant[], action: Action): readonly string[] | null {
  const allowing = grants.filter(({ actions }) => actions.includes(action));
  if (allowing.some(({ costCenter }) => costCenter === null)) return null;
  return [...new Set(allowing.map(({ costCenter }) => String(costCenter)))].sort();
}

/** Whether an action is allowed in a cost center; null: everywhere. */
export function permits(grants: readonly Grant[], action: Action, costCenter: string | null): boolean {
  const reach = reachOf(grants, action);
  return reach === null || (costCenter !== null && reach.includes(costCenter));
}

/** Of what somebody wants to give to another, the actions that they don't have there themselves. */
export function lackingOf(grants: readonly Grant[], given: readonly Grant[]): Action[] {
  const lacking = given.flatMap(({ actions, costCenter }) =>
    actions.filter((action) => !permits(grants, action, costCenter)),
  );
  return [...new Set(lacking)];
}
