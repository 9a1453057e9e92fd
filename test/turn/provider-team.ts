/** A gateway with several providers of one kind, told apart by their hosts. */
import { type Gateway, gateway, type Sent } from './gateway.ts';

/** One of the providers: what it answers. */
export type Answers = (sent: Sent) => Response | Promise<Response>;

export interface Team {
  bursar: Gateway;
  /** The ids of the providers that were asked, in order. */
  asked(): string[];
}

/** As `PROVIDERS` has one, but for what all of them share. */
export interface Member {
  answers: Answers;
  settings?: object;
}

/**
 * A gateway to these providers, by id. The first is the one that sessions go to: the others have no weight, unless their
 * settings say so.
 */
export async function providerTeam(
  policy: object | null,
  members: Record<string, Member>,
  variables: Record<string, string> = {},
): Promise<Team> {
  const ids = Object.keys(members);
  const providers = ids.map((id, index) => ({
    id,
    kind: 'anthropic',
    url: `https://${id}.example`,
    weight: index === 0 ? 1 : 0,
    ...members[id]?.settings,
  }));
  const idOf = ({ url }: Sent): string => new URL(url).hostname.replace(/\.example$/, '');
  const bursar = await gateway(
    policy,
    async (sent) => {
      const member = members[idOf(sent)];
      if (!member) throw new Error(`nobody is at ${sent.url}`);
      return await member.answers(sent);
    },
    { PROVIDERS: JSON.stringify(providers), ...variables },
  );
  return { bursar, asked: () => bursar.sent.map(idOf) };
}

/** An error in the API's envelope. */
export function failing(status: number, headers: Record<string, string> = {}, message = 'no'): Answers {
  const type = status === 429 ? 'rate_limit_error' : status === 529 ? 'overloaded_error' : 'api_error';
  return () =>
    Response.json({ type: 'error', error: { type, message }, request_id: 'req_up' }, { status, headers });
}
