/** What `npm start` says once the gateway answers. */
import { relative } from 'node:path';
import { DEMO_COST_CENTER } from './demo.ts';
import { secretsFile } from './secrets.ts';
import type { Upstream } from './settings.ts';

export interface BannerFacts {
  port: number;
  upstream: Upstream;
  key: string;
  stateDir: string;
  /** Given by the environment; made just now, which is the once it is shown; or kept since an earlier start. */
  adminToken: { from: 'environment' | 'kept' } | { from: 'made'; token: string };
}

/** The lines, with those to paste on their own, unindented. */
export function banner(facts: BannerFacts): string {
  const address = `http://127.0.0.1:${facts.port}`;
  return `
Bursar listens on ${address}
Upstream: ${describe(facts.upstream)}

Point Claude Code at it, in another shell:

export ANTHROPIC_BASE_URL=${address} ANTHROPIC_AUTH_TOKEN=${facts.key}
export CLAUDE_CODE_USE_GATEWAY=1   # shows Claude Code's own budget warning

See what the demo team ${DEMO_COST_CENTER} has spent:

${adminTokenLine(facts)}
curl -H "Authorization: Bearer $ADMIN_TOKEN" ${address}/admin/v1/cost_centers/${DEMO_COST_CENTER}/wallet

State is kept in ${fromHere(facts.stateDir)}. Ctrl-C stops the gateway.
`;
}

function describe(upstream: Upstream): string {
  if (upstream.provider === 'simulator') {
    return 'the built-in simulator (set ANTHROPIC_API_KEY to use the real API)';
  }
  if (upstream.provider === 'listed') return `${upstream.ids.join(', ')}, as PROVIDERS lists them`;
  return upstream.placeholderKey
    ? `${upstream.url}, with a placeholder for a key (ANTHROPIC_API_KEY is not set)`
    : `${upstream.url}, with your ANTHROPIC_API_KEY`;
}

function adminTokenLine({ adminToken, stateDir }: BannerFacts): string {
  switch (adminToken.from) {
    case 'made':
      return `export ADMIN_TOKEN=${adminToken.token}   # made for you, shown this once`;
    case 'kept':
      return `# ADMIN_TOKEN was shown at the first start; it is kept in ${fromHere(secretsFile(stateDir))}`;
    case 'environment':
      return '# ADMIN_TOKEN is the one you gave';
  }
}

function fromHere(path: string): string {
  return relative(process.cwd(), path) || '.';
}
