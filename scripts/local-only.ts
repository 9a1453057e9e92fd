/** Variables that are for trying things out on one machine, and have no business in a deployment. */

/** Lets alerts go to private addresses and over http. */
const LOCAL_ONLY = 'ALERTS_ALLOW_PRIVATE';

/** Why this must not be deployed, one sentence; null where nothing is local only. `args` are wrangler's. */
export function localOnlyProblem(vars: Record<string, unknown>, args: readonly string[]): string | null {
  const value = vars[LOCAL_ONLY];
  const isSet = value !== undefined && String(value) !== 'false';
  if (!isSet && !args.some((arg) => arg.includes(LOCAL_ONLY))) return null;
  return `${LOCAL_ONLY} is for this machine only, because it lets alerts go to private addresses: take it out of ${isSet ? 'wrangler.toml' : 'the arguments'}. Nothing was deployed.`;
}
