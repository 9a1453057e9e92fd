/** Puts a message together: of one event, of many that are alike, or of none to try a destination. */
import type { Severity } from '../core/alerting/routes.ts';
import type { AlertSettings } from '../core/alerting/settings.ts';
import { type AlertEvent, ORGANISATION } from '../ledger/entry.ts';
import { isActionable, linksFor } from './links.ts';
import { type Message, plain, toTitle } from './message.ts';
import { factsOf, type Named, sectionsOf, shownTime, titleOf } from './wording.ts';

/** Of a digest's events, as many are listed by name. */
const LISTED_EVENTS = 30;

export interface Composing {
  id: string;
  severity: Severity;
  named: Named;
  /** Null where it is no fallback. */
  because: string | null;
  /** When it could first be sent, epoch ms. */
  readyAtMs: number;
}

/** The message that tells of these events: all of one kind, budget and stage, and not none. */
export async function compose(
  events: readonly [AlertEvent, ...AlertEvent[]],
  composing: Composing,
  settings: AlertSettings,
): Promise<Message> {
  const [first, ...more] = events;
  const { id, severity, because } = composing;
  const body =
    more.length === 0 ? await ofOne(first, composing, settings) : await ofMany(events, composing, settings);
  return {
    id,
    severity,
    events,
    costCenter: first.cost_center,
    ...body,
    note:
      because === null ? null : `This came here because another destination failed: ${plain(because, 300)}`,
    isTest: false,
    isFallback: because !== null,
  };
}

type Body = Pick<Message, 'title' | 'facts' | 'sections' | 'links'>;

async function ofOne(event: AlertEvent, composing: Composing, settings: AlertSettings): Promise<Body> {
  const { named } = composing;
  const todo = await todoFor(event, composing, settings);
  return {
    title: titleOf(event, named),
    facts: factsOf(event, named),
    sections: [...sectionsOf(event), ...todo.sections],
    links: todo.links,
  };
}

async function ofMany(
  events: readonly [AlertEvent, ...AlertEvent[]],
  composing: Composing,
  settings: AlertSettings,
): Promise<Body> {
  const { named } = composing;
  // What can be done is done for all of them.
  const first = { ...events[0], subject: null, developer: null, session: null, turn_id: null, context: null };
  const what = [first.on, first.budget, first.stage].filter((each) => each !== null).join(', ');
  const listed = events.slice(0, LISTED_EVENTS).map((event) => {
    const who = plain(event.subject ?? event.developer ?? event.event_id, 80);
    return `${who}, ${shownTime(event.occurred_at, named.timezone)}`;
  });
  const unlisted = events.length - listed.length;
  const who = { heading: 'Who', lines: unlisted > 0 ? [...listed, `and ${unlisted} more`] : listed };
  const todo = first.on === 'increase_request' ? NOTHING : await todoFor(first, composing, settings);
  return {
    title: toTitle(`${nameIn(first)}: ${events.length} alerts at once (${plain(what, 80)})`),
    facts: factsOf(first, named).filter(({ name }) => SHARED_FACTS.includes(name)),
    sections: [...sectionsOf(first), who, ...todo.sections],
    links: todo.links,
  };
}

type Todo = Pick<Message, 'links' | 'sections'>;
const NOTHING: Todo = { links: [], sections: [] };
/** The same for all events of a digest. */
const SHARED_FACTS = ['Cost center', 'Budget', 'Stage', 'Resets', 'Policy version'];

/** A link for each thing that can be done; where no link can be made, where to go instead. */
async function todoFor(
  event: AlertEvent,
  { readyAtMs: fromMs }: Composing,
  { publicUrl, secrets }: AlertSettings,
): Promise<Todo> {
  if (!isActionable(event)) return NOTHING;
  const [secret] = secrets;
  if (publicUrl !== null && secret !== undefined) {
    return { links: await linksFor(event, { publicUrl, secret, fromMs }), sections: [] };
  }
  const line =
    event.on === 'increase_request'
      ? 'Approve or deny it: POST /admin/v1/increase_requests/{id}/approve or …/deny.'
      : `Raise the budget: POST /admin/v1/cost_centers/${event.cost_center}/raises, or change its policy.`;
  return {
    links: [],
    sections: [{ heading: 'What you can do (there are no links: PUBLIC_URL is not set)', lines: [line] }],
  };
}

function nameIn({ cost_center: costCenter }: AlertEvent): string {
  return costCenter === ORGANISATION ? 'Bursar' : plain(costCenter, 80);
}

/** A message that says that it is a test. `id` is one of its own. */
export function composeTest(id: string, costCenter: string, severity: Severity): Message {
  const whose = costCenter === ORGANISATION ? 'the organisation' : plain(costCenter, 80);
  return {
    id,
    severity,
    events: [],
    costCenter,
    title: toTitle(`Test from Bursar: alerts of ${whose} arrive here`),
    facts: [{ name: 'Cost center', value: whose }],
    sections: [],
    links: [],
    note: 'This is a test that somebody asked for. Nothing happened, and there is nothing to do.',
    isTest: true,
    isFallback: false,
  };
}
