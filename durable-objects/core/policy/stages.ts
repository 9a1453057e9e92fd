/** Rules about a list of stages: fractions rise, no action comes twice, and a pause is better not the first help. */
import type { StagesSketch } from './sketch.ts';
import type { PolicyProblem } from './types.ts';

/** Contradictions in a list of stages that stands at `path`. */
export function stageProblems(stages: StagesSketch, path: string): PolicyProblem[] {
  const problems: PolicyProblem[] = [];
  const seen = new Set<string>();
  let highest: { written: string; millionths: number } | null = null;
  for (const [index, stage] of stages.entries()) {
    const action = stage?.do ?? null;
    if (action !== null && seen.has(action)) {
      problems.push({
        path: `${path}[${index}].do`,
        message: `there is a stage that does "${action}" already`,
      });
    }
    if (action !== null) seen.add(action);
    const at = stage?.at;
    if (!at || at.millionths === null) continue;
    if (highest && at.millionths <= highest.millionths) {
      const message = `stages rise: expected a fraction above the "${highest.written}" before it`;
      problems.push({ path: `${path}[${index}].at`, message });
      continue;
    }
    highest = { written: at.written, millionths: at.millionths };
  }
  return problems;
}

/**
 * What is allowed but probably not meant. `isStepDown`: the pause of this list hands turns down by itself, as that of
 * a line above others does.
 */
export function stageWarnings(stages: StagesSketch, path: string, isStepDown = false): PolicyProblem[] {
  if (stages.length === 0) {
    const message = 'without stages nothing ever happens at this limit: give it stages, or leave it out';
    return [{ path, message }];
  }
  const pause = stages.findIndex((stage) => stage?.do === 'pause');
  if (pause === -1) return [];
  const alert = stages.findIndex((stage) => stage?.do === 'alert');
  const at = stages[pause]?.at?.written ?? '';
  const late: PolicyProblem[] = [];
  if (alert > pause) {
    const message = `whoever can act hears of it when turns are paused already, from "${at}" on: put the alert below`;
    late.push({ path: `${path}[${alert}]`, message });
  }
  const isHelped = isStepDown || stages.slice(0, pause).some((stage) => stage?.do === 'downgrade');
  return isHelped ? late : [{ path: `${path}[${pause}]`, message: unhelpedPause(stages) }, ...late];
}

function unhelpedPause({ length }: StagesSketch): string {
  return length === 1
    ? 'a single hard cap: nobody is warned and nothing steps down before everybody is paused at once; put an alert and a downgrade below'
    : 'turns are paused here without a step down to cheaper models before: put a downgrade below';
}
