/**
 * Who works: five cost centers of twelve developers each, with their habits. Deterministic by seed; the people
 * and their cost centers are the same for every seed, their habits are not.
 */
import { Random } from './random.ts';

export interface Squad {
  /** The cost center's id. */
  id: string;
  name: string;
  timezone: string;
  manager: { name: string; email: string };
  /** How much more its people use than others: about the ratio of what they cost. */
  appetite: number;
  developers: Developer[];
}

export interface Developer {
  email: string;
  costCenter: string;
  keyTags: Record<string, string>;
  timezone: string;
  isNightOwl: boolean;
  /** Chance of working on a Saturday or a Sunday. */
  weekendChance: number;
  /** Mean of a working day. */
  sessionsADay: number;
  /** Median of main-loop turns a session. */
  turnsASession: number;
  /** Asked for in most sessions (`FAVOURITE_CHANCE`). */
  model: string;
  effort: 'medium' | 'high' | 'xhigh';
  mainCacheTtl: '5m' | '1h';
  /** Body of a first turn: system, 31 KB of tools, and what MCP servers add. */
  firstBodyBytes: number;
  /** Prompt (older tokenizer) at which the client compacts the history. */
  compactAtTokens: number;
}

/**
 * Three of four developers favour Opus, the others Sonnet; the rest of the sessions ask for any model. Together
 * some 70 % of the sessions are Opus, 20 % Sonnet, 6 % Fable, 4 % Haiku.
 */
export const FAVOURITE_CHANCE = 0.6;
export const OTHER_MODELS = [
  ['claude-opus-5-5', 62],
  ['claude-sonnet-5-5', 14],
  ['claude-fable-5-2', 14],
  ['claude-haiku-5-5', 10],
] as const;

/**
 * What each squad may spend, USD. Three squads use about two thirds of it on a working day and now and then reach
 * a stage; the two of double appetite would be over it on most working days, and over the month by its third week.
 */
export const SQUAD_BUDGET = { dayUsd: '95.00', monthUsd: '1900.00' } as const;

const DEVELOPERS_A_SQUAD = 12;
/** Of each squad, so many work from the second zone. */
const REMOTE_DEVELOPERS = 3;
/** Twice the cost: half again as many sessions, each a little longer. */
const SESSIONS_OF_APPETITE = 1.5;
const TURNS_OF_APPETITE = 1.45;
/** Tokens of the newer tokenizer in one of the older. */
const NEWER = 1.3;

interface SquadRow {
  id: string;
  name: string;
  timezone: string;
  remoteTimezone: string;
  manager: string;
  appetite: number;
}

const SQUAD_ROWS: readonly SquadRow[] = [
  {
    id: 'checkout-squad',
    name: 'Checkout squad',
    timezone: 'Europe/Berlin',
    remoteTimezone: 'Europe/Lisbon',
    manager: 'Greta Vogel',
    appetite: 2,
  },
  {
    id: 'data-squad',
    name: 'Data squad',
    timezone: 'America/New_York',
    remoteTimezone: 'America/Los_Angeles',
    manager: 'Owen Price',
    appetite: 2,
  },
  {
    id: 'mobile-squad',
    name: 'Mobile squad',
    timezone: 'Europe/London',
    remoteTimezone: 'Europe/Berlin',
    manager: 'Ada Finch',
    appetite: 1,
  },
  {
    id: 'search-squad',
    name: 'Search squad',
    timezone: 'America/Los_Angeles',
    remoteTimezone: 'America/Sao_Paulo',
    manager: 'Luz Romero',
    appetite: 1,
  },
  {
    id: 'support-squad',
    name: 'Support tools squad',
    timezone: 'Asia/Kolkata',
    remoteTimezone: 'Australia/Adelaide',
    manager: 'Ravi Menon',
    appetite: 1,
  },
];

const FIRST_NAMES =
  'aiko amir anna ben bruno carla chidi dana diego elif emma erik fatima felix gita hana hugo ines ivan jonas kofi lena liam mina nadia noah olga pavel rosa samir'.split(
    ' ',
  );
const LAST_NAMES =
  'adler bauer chen costa diaz evans fischer garcia haas ito jensen kaya lopez meyer nair okafor park quinn rossi sato tanaka ueda varga weber xu yilmaz zhang moreau novak silva'.split(
    ' ',
  );

/** The five squads with their people, as this seed makes them. */
export function squadsOf(seed: number): Squad[] {
  return SQUAD_ROWS.map(({ remoteTimezone, manager, ...row }, squad) => ({
    ...row,
    manager: { name: manager, email: `${manager.toLowerCase().replace(' ', '.')}@example.com` },
    developers: Array.from({ length: DEVELOPERS_A_SQUAD }, (_, member) => {
      const timezone = member >= DEVELOPERS_A_SQUAD - REMOTE_DEVELOPERS ? remoteTimezone : row.timezone;
      return developerOf(seed, row, timezone, squad * DEVELOPERS_A_SQUAD + member);
    }),
  }));
}

function developerOf(
  seed: number,
  squad: Omit<Squad, 'manager' | 'developers'>,
  timezone: string,
  number: number,
): Developer {
  const email = `${emailName(number)}@example.com`;
  const random = new Random(`${seed} ${email}`);
  const employment = random.chance(0.15) ? 'contractor' : 'employee';
  const seniority = random.weighted([
    ['junior', 3],
    ['mid', 5],
    ['senior', 4],
  ]);
  // Two in sixty, whatever the seed: the first of one squad and of another.
  const isNightOwl = number === 0 || number === 3 * DEVELOPERS_A_SQUAD;
  // Some let a conversation of a 1M window grow to 400K before they compact it.
  const compactAt = random.chance(0.12) ? random.between(330_000, 400_000) : random.between(160_000, 180_000);
  return {
    email,
    costCenter: squad.id,
    keyTags: { team: squad.id.replace('-squad', ''), seniority, employment },
    timezone,
    isNightOwl,
    weekendChance: isNightOwl ? 0.3 : 0.04,
    sessionsADay: random.between(2.2, 4.2) * (squad.appetite > 1 ? SESSIONS_OF_APPETITE : 1),
    turnsASession: random.logNormal(12, 0.12) * (squad.appetite > 1 ? TURNS_OF_APPETITE : 1),
    model: number % 4 === 2 ? 'claude-sonnet-5-5' : 'claude-opus-5-5',
    effort: random.weighted([
      ['medium', 2],
      ['high', 6],
      ['xhigh', 2],
    ]),
    mainCacheTtl: random.chance(0.9) ? '1h' : '5m',
    firstBodyBytes: Math.round(49_000 + (random.chance(0.4) ? random.between(4_000, 45_000) : 0)),
    compactAtTokens: Math.round(compactAt / NEWER),
  };
}

function emailName(number: number): string {
  const round = Math.floor(number / FIRST_NAMES.length);
  const first = FIRST_NAMES[number % FIRST_NAMES.length];
  return `${first}.${LAST_NAMES[(number * 7 + round) % LAST_NAMES.length]}`;
}
