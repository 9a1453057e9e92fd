/** Variables that are for trying things out on one machine, and have no business in a deployment. */

/** By name, why not. */
const LOCAL_ONLY: Record<string, string> = {
  ALERTS_ALLOW_PRIVATE: 'it lets alerts go to private addresses',
  OIDC_ALLOW_LOOPBACK: 'it lets people be vouched for by whatever runs on the machine, over http',
};

/** Why this must not be deployed, one sentence; null where nothing is local only. `args` are wrangler's. */
export function localOnlyProblem(vars: Record<string, unknown>, args: readonly string[]): string | null {
  for (const [name, why] of Object.entries(LOCAL_ONLY)) {
    const value = vars[name];
    const isSet = value !== undefined && String(value) !== 'false';
    if (!isSet && !args.some((arg) => arg.includes(name))) continue;
    return `${name} is for this machine only, because ${why}: take it out of ${isSet ? 'wrangler.toml' : 'the arguments'}. Nothing was deployed.`;
  }
  return null;
}
