/** The strict upstream behind a socket: it refuses what the real models would, and answers the rest. */
import {
  type FakeUpstream,
  type MessagesBody,
  startFakeUpstream,
  type UpstreamAnswer,
} from '../process/fake-upstream.ts';
import type { Refusal } from './refusal.ts';
import { refusalOf } from './refuse.ts';

/** A refusal it gave, and to which model. */
export interface Refused extends Refusal {
  model: string;
}

/** Answers by `choose` where the model would, else with its refusal, which is noted in `refused`. */
export function strictly(
  choose: (body: MessagesBody) => UpstreamAnswer,
  refused: Refused[],
): (body: MessagesBody) => UpstreamAnswer {
  return (body) => {
    const refusal = refusalOf(body, body.model);
    if (!refusal) return choose(body);
    refused.push({ model: body.model, ...refusal });
    return { kind: 'error', ...refusal };
  };
}

export interface StrictUpstream extends FakeUpstream {
  /** Every refusal so far. */
  refused: Refused[];
}

/** Listens on a free loopback port. What it doesn't refuse it answers with "Hello." until told otherwise. */
export async function startStrictUpstream(): Promise<StrictUpstream> {
  const upstream = await startFakeUpstream();
  const refused: Refused[] = [];
  const answerWith: FakeUpstream['answerWith'] = (choose) => upstream.answerWith(strictly(choose, refused));
  answerWith(() => ({ kind: 'text', text: 'Hello.' }));
  return { ...upstream, answerWith, refused };
}
