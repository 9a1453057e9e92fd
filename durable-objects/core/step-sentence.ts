/**
 * Why a session is served by another model, in words for its developer, from the reason's code (docs/policy.md,
 * "Reasons"); and models as people call them.
 */

/** "sonnet-5-5" of "claude-sonnet-5-5" and of its dated snapshots. */
export function shortModel(id: string): string {
  return id.replace(/^claude-/, '').replace(/-\d{8}$/, '');
}

/** "95 %" of "0.95". */
function percent(fraction: string): string {
  return `${Number((Number(fraction) * 100).toFixed(2))} %`;
}

/** A clause such as "team-day reached 95 %"; of a code it does not know, the code. */
export function causeClause(reason: string): string {
  const [, kind = '', name = ''] = /^([a-z_]+):?(.*)$/.exec(reason) ?? [];
  switch (kind) {
    case 'stage': {
      const [budget = '', at = ''] = name.split('@');
      return `${budget} reached ${percent(at)}`;
    }
    case 'short':
      return `${name} has too little left for a turn on a dearer model`;
    case 'held':
      return `the rest of ${name} is reserved by turns that are still running`;
    case 'unbounded':
      return `${name} only admits turns whose highest cost is known beforehand`;
    case 'route':
      return `route ${name} sends such turns there`;
    case 'rule':
      return `rule ${name} sends such turns there`;
    case 'preferred':
      return 'you asked for it';
    case 'model_not_allowed':
      return 'the policy does not allow the model asked for';
    case 'model_unavailable':
      return 'every provider of the model asked for is at its limits';
    case 'sticky':
      return 'the cause is gone, but the cheaper model still has the prompt in its cache';
    default:
      return reason;
  }
}

/** Whether the next turn is judged anew, whatever became of this one: then there is no end to tell. */
export function isPerTurn(reason: string): boolean {
  return /^(?:route|rule|held|unbounded):/.test(reason);
}
