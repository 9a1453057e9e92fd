/** `GET /setup`: how a developer points Claude Code at this gateway, and what that changes. */
import { html, page } from './html.ts';

export function setupPage(url: string): Response {
  const content = html`<h1>Claude Code through Bursar</h1>
<p>You need your Bursar key (<code>bk_…</code>), from whoever manages your team’s budget.</p>
<h2>With the script</h2>
<p>Load it, read it, run it. It shows what it would write to <code>~/.claude/settings.json</code>, asks first, and keeps a copy of what was there.</p>
<pre>curl -fsSO ${url}/setup.sh
less setup.sh
sh setup.sh</pre>
<p>It sets the address, the models of your team’s cascade, Claude Code’s own budget warning, a status line (where you have none of your own) and a hook that tells you when a session is stepped down. The key goes into <code>settings.json</code>, which only you can read then; <code>--no-key</code> leaves it out.</p>
<h2>By hand</h2>
<pre>export ANTHROPIC_BASE_URL=${url}
export ANTHROPIC_AUTH_TOKEN=bk_…
export CLAUDE_CODE_USE_GATEWAY=1             # the budget warning, and dollars in /usage
export CLAUDE_CODE_GATEWAY_HINT_HEADERS=1    # tells Bursar what kind of turn each one is
claude</pre>
<h2>What you see then</h2>
<p>The warning when 75 % and 95 % of a budget are spent; <code>/usage</code> with what is spent of what; the status line; a line when your session is stepped down; and where a budget is used up one sentence that says whose, when it resets and whom to ask.</p>
<h2>To take it back</h2>
<p>Put <code>~/.claude/settings.json.before-bursar-…</code> back in place of <code>settings.json</code>, and delete the folder <code>~/.claude/bursar</code>.</p>`;
  return page('Claude Code through Bursar', content);
}
