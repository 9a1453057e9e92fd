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

/** What is allowed but probably not meant. */
export function stageWarnings(stages: StagesSketch, path: string): PolicyProblem[] {
  if (stages.length === 0) return [{ path, message: 'without stages nothing ever happens at this limit' }];
  const pause = stages.findIndex((stage) => stage?.do === 'pause');
  if (pause === -1 || stages.slice(0, pause).some((stage) => stage?.do === 'downgrade')) return [];
  const message = 'turns are paused here without a step down to cheaper models before';
  return [{ path: `${path}[${pause}]`, message }];
}
