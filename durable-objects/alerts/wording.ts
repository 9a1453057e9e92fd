/** What is said of one event: its title, facts, what Bursar does now. Pure; times are shown in the cost center's zone. */
import { Temporal } from 'temporal-polyfill';
import { z } from 'zod';
import { formatDollars, nanoUsd } from '../core/money.ts';
import { type AlertContext, type AlertEvent, ORGANISATION } from '../ledger/entry.ts';
import { type Message, type MessageSection, plain, toTitle } from './message.ts';

/** Of whom an alert tells. */
export interface Named {
  /** Null where it is not known: the id stands for it. */
  name: string | null;
  /** IANA; times are shown in it. */
  timezone: string;
}

const NAME_CHARACTERS = 80;
const MAX_OTHER_FACTS = 12;
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

const standingSchema = z.object({
  scope: z.string(),
  line: z.string().nullable(),
  limit_nano_usd: z.number().int(),
  raised_nano_usd: z.number().int(),
  settled_nano_usd: z.number().int(),
  held_nano_usd: z.number().int(),
});

const requestSchema = z.object({
  request_id: z.string(),
  extra_usd: z.string(),
  reason: z.string().nullable(),
  developer: z.string(),
});

const NOW_DONE: Record<string, string> = {
  'stage:alert': 'Bursar warns only: turns go on as they were asked for.',
  'stage:downgrade': 'Bursar steps down: turns go to a cheaper model where that pays.',
  'stage:pause': 'Bursar pauses: turns that need this budget are refused until it resets or is raised.',
  projection: 'Bursar does nothing yet: this is a forecast from the pace of this window.',
  reconciliation: 'Bursar changes nothing: somebody has to look at the difference.',
  ledger_lag: 'Bursar goes on and keeps what the ledger has not taken yet.',
  model_retiring: 'Bursar passes the model over once it is retired.',
  policy_signature: 'Bursar goes on by the last policy it could verify; without one it takes no turns.',
  unknown_model: 'Bursar charges it at the dearest rate it knows.',
  upstream_credential: 'Bursar answers 502 until its key for the provider is set anew.',
  increase_request: 'Bursar waits for an answer; nothing was raised yet.',
  policy_rolled_back:
    'Bursar decides by the version before from the next turn on. The version keeps its evidence.',
};

const TOLD: Record<string, string> = {
  'stage:alert': 'warning',
  'stage:downgrade': 'stepping down',
  'stage:pause': 'paused',
  policy_rolled_back: 'A guard took a policy back',
  reconciliation: 'The ledger and another book differ',
  ledger_lag: 'The ledger is behind',
  model_retiring: 'A model is on its way out',
  policy_signature: 'A policy was refused: its signature does not hold',
  unknown_model: 'An unknown model was used',
  upstream_credential: "The provider refuses Bursar's key",
};

function dollars(amount: number): string {
  return formatDollars(nanoUsd(amount));
}

/** "Wed 13 Jun, 15:40 (Europe/Berlin)"; the text itself where it is no instant. */
export function shownTime(iso: string, timezone: string): string {
  const ms = Date.parse(iso);
  if (Number.isNaN(ms)) return plain(iso, NAME_CHARACTERS);
  const local = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timezone);
  // By hand: making a formatter takes longer than all the rest of a message.
  const day = `${DAYS[local.dayOfWeek - 1]} ${local.day} ${MONTHS[local.month - 1]}`;
  const clock = `${String(local.hour).padStart(2, '0')}:${String(local.minute).padStart(2, '0')}`;
  return `${day}, ${clock} (${timezone})`;
}

function nameOf(event: AlertEvent, { name }: Named): string {
  if (event.cost_center === ORGANISATION) return 'The organisation';
  const id = plain(event.cost_center, NAME_CHARACTERS);
  return name === null || name === event.cost_center ? id : `${plain(name, NAME_CHARACTERS)} (${id})`;
}

function shareOf(settled: number, limit: number): string {
  return limit === 0 ? '100 %' : `${Math.floor((settled / limit) * 100)} %`;
}

/** Whose budget it is, where it is not the whole cost center's. */
function subjectOf(event: AlertEvent): string {
  const isShared = event.subject === null || event.subject === event.cost_center;
  return isShared ? '' : ` of ${plain(event.subject ?? '', NAME_CHARACTERS)}`;
}

export function titleOf(event: AlertEvent, named: Named): string {
  const who = event.cost_center === ORGANISATION ? 'Bursar' : plain(event.cost_center, NAME_CHARACTERS);
  const budget = `${plain(event.budget ?? 'budget', NAME_CHARACTERS)}${subjectOf(event)}`;
  const request = requestSchema.safeParse(event.standing);
  if (event.on === 'increase_request' && request.success) {
    const asker = plain(request.data.developer, NAME_CHARACTERS);
    return toTitle(`${who}: ${asker} asks for $${plain(request.data.extra_usd, 20)} more (${budget})`);
  }
  const runsOutAt = event.context?.runs_out_at;
  if (event.on === 'projection' && runsOutAt) {
    return toTitle(`${who}: ${budget} runs out at ${shownTime(runsOutAt, named.timezone)}`);
  }
  const standing = standingSchema.safeParse(event.standing);
  const told = TOLD[event.on] ?? plain(event.on, NAME_CHARACTERS);
  if (!event.on.startsWith('stage:') || !standing.success) {
    const subject = event.subject === null ? '' : `: ${plain(event.subject, NAME_CHARACTERS)}`;
    return toTitle(`${who}: ${told}${subject}`);
  }
  const { settled_nano_usd: settled, limit_nano_usd: limit } = standing.data;
  return toTitle(`${who}: ${budget} at ${shareOf(settled, limit)}, ${told}`);
}

export function factsOf(event: AlertEvent, named: Named): Message['facts'] {
  const standing = standingSchema.safeParse(event.standing);
  const facts: [name: string, value: string | null][] = [
    ['Cost center', nameOf(event, named)],
    ['Budget', event.budget === null ? null : `${event.budget}${subjectOf(event)}`],
    ...(standing.success ? spentFacts(standing.data) : otherFacts(event)),
    ['Stage', event.stage],
    ...paceFacts(event.context, named.timezone),
    ['Resets', event.resets_at === null ? null : shownTime(event.resets_at, named.timezone)],
    ['Happened', shownTime(event.occurred_at, named.timezone)],
    ['Developer', event.developer],
    ['Session', event.session],
    ['Turn', event.turn_id],
    ['Policy version', event.policy_version === null ? null : String(event.policy_version)],
  ];
  return facts.flatMap(([name, value]) =>
    value === null ? [] : [{ name, value: plain(value, NAME_CHARACTERS * 3) }],
  );
}

function spentFacts(standing: z.output<typeof standingSchema>): [string, string | null][] {
  const { settled_nano_usd: settled, limit_nano_usd: limit, raised_nano_usd: raised } = standing;
  const raisedBy = raised > 0 ? `, ${dollars(raised)} of it raised` : '';
  return [
    ['Models', standing.line === null ? null : standing.line],
    ['Spent', `${dollars(settled)} of ${dollars(limit)} (${shareOf(settled, limit)}${raisedBy})`],
    ['Held by running turns', standing.held_nano_usd > 0 ? dollars(standing.held_nano_usd) : null],
  ];
}

function paceFacts(context: AlertContext | null, timezone: string): [string, string | null][] {
  if (context === null) return [];
  const { pace_nano_usd_an_hour: pace, runs_out_at: runsOutAt } = context;
  return [
    ['Pace', `${dollars(pace)} an hour`],
    ['At this pace', runsOutAt === null ? 'it lasts' : `it runs out ${shownTime(runsOutAt, timezone)}`],
  ];
}

/** Facts that Bursar's parts wrote beside an event that is no standing: their texts and numbers. */
function otherFacts({ standing, subject, budget }: AlertEvent): [string, string | null][] {
  const about: [string, string | null] = ['About', budget === null ? subject : null];
  if (typeof standing !== 'object' || standing === null) return [about];
  const told = Object.entries(standing)
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
    .slice(0, MAX_OTHER_FACTS)
    .map(([name, value]): [string, string] => [plain(name.replaceAll('_', ' '), 40), String(value)]);
  return [about, ...told];
}

/** What Bursar does now, and who spent most. */
export function sectionsOf(event: AlertEvent): MessageSection[] {
  const done = NOW_DONE[event.on];
  const sections = [{ heading: 'Now', lines: done === undefined ? [] : [done] }, ...spenders(event.context)];
  return sections.filter(({ lines }) => lines.length > 0);
}

function spenders(context: AlertContext | null): MessageSection[] {
  if (context === null) return [];
  const line = (name: string, spent: number) => `${plain(name, NAME_CHARACTERS)}: ${dollars(spent)}`;
  return [
    {
      heading: 'Who spent most',
      lines: context.top_developers.map((each) => line(each.developer, each.settled_nano_usd)),
    },
    {
      heading: 'Sessions',
      lines: context.top_sessions.map((each) =>
        line(`${each.session} (${each.developer})`, each.settled_nano_usd),
      ),
    },
    {
      heading: 'Models',
      lines: context.top_lines.map((each) => line(each.line, each.settled_nano_usd)),
    },
  ];
}

/** The id of the increase request that the event is about; null where it is about none. */
export function requestIdOf(event: AlertEvent): string | null {
  const request = requestSchema.pick({ request_id: true }).safeParse(event.standing);
  return event.on === 'increase_request' && request.success ? request.data.request_id : null;
}
