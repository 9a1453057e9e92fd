/**
 * The rooms of the house and which way the doors open: what of a file's imports breaks DESIGN's "Rooms". Each
 * rule answers with what is wrong, or null.
 */
import { type Import, importsOf, type Source } from './source.ts';

/** `core <- ledger <- wallet, alerts, dry-runs <- worker`: a room sees those below it. */
const OBJECT_ROOMS: Record<string, readonly string[]> = {
  core: ['core'],
  ledger: ['core', 'ledger'],
  wallet: ['core', 'ledger', 'wallet'],
  alerts: ['core', 'ledger', 'alerts'],
  'dry-runs': ['core', 'ledger', 'dry-runs'],
};

/** From the outside in; a file sees its own room and the layers further in. */
const WORKER_LAYERS: readonly (readonly string[])[] = [
  ['index'],
  ['app', 'scheduled'],
  ['routes', 'console'],
  ['turn', 'policy', 'finance', 'learning'],
  ['providers', 'auth', 'store'],
];
/** Contracts and the program's edge, open to all in worker. */
const COMMONS = ['envelope', 'bindings', 'app-env'];

const CORE_PACKAGES = ['zod', 'temporal-polyfill'];
/** By room: the file of the class, and of its calls. */
const OBJECTS: Record<string, { class: string; calls: string }> = {
  wallet: { class: 'durable-objects/wallet/wallet.ts', calls: 'durable-objects/wallet/rpc.ts' },
  alerts: { class: 'durable-objects/alerts/delivery.ts', calls: 'durable-objects/alerts/rpc.ts' },
  'dry-runs': { class: 'durable-objects/dry-runs/dry-run.ts', calls: 'durable-objects/dry-runs/rpc.ts' },
};

type Rule = (path: string, imported: Import) => string | null;

/** Everything in these files that breaks a rule, one sentence each. */
export function brokenDoors(sources: readonly Source[]): string[] {
  return sources.flatMap((source) =>
    importsOf(source).flatMap((imported) =>
      RULES.map((rule) => rule(source.path, imported))
        .filter((problem) => problem !== null)
        .map((problem) => `${source.path} imports ${imported.from}: ${problem}`),
    ),
  );
}

const RULES: readonly Rule[] = [coreIsPure, objectsStandAlone, objectRooms, workerRooms, objectsFromOutside];

function isPackage(from: string): boolean {
  return !/^(?:worker|durable-objects|test|scripts)\//.test(from);
}

function coreIsPure(path: string, { from }: Import): string | null {
  if (!path.startsWith('durable-objects/core/') || !isPackage(from)) return null;
  return CORE_PACKAGES.includes(from) ? null : `core takes ${CORE_PACKAGES.join(' and ')} and nothing else`;
}

function objectsStandAlone(path: string, { from }: Import): string | null {
  if (!path.startsWith('durable-objects/') || isPackage(from)) return null;
  return from.startsWith('durable-objects/') ? null : 'nothing under durable-objects looks outside of it';
}

function objectRooms(path: string, { from }: Import): string | null {
  const [, room = ''] = /^durable-objects\/([^/]+)\//.exec(path) ?? [];
  const [, other = ''] = /^durable-objects\/([^/]+)\//.exec(from) ?? [];
  if (room === '' || other === '') return null;
  const open = OBJECT_ROOMS[room];
  if (!open) return `${room} is no room of durable-objects`;
  return open.includes(other) ? null : `${room} does not see ${other}`;
}

/** A room of the worker, or the file that is one by itself: "turn", "app". */
function workerRoom(path: string): string | null {
  return /^worker\/([^/]+?)(?:\.ts)?(?:\/|$)/.exec(path)?.[1] ?? null;
}

function workerRooms(path: string, { from, isType }: Import): string | null {
  const room = workerRoom(path);
  const other = workerRoom(from);
  if (!room || !other || room === other || COMMONS.includes(other)) return null;
  // The commons describe what every route can rely on, and so name the contracts of rooms: as types only.
  if (COMMONS.includes(room)) return isType ? null : `${room} takes only types of a room`;
  const here = WORKER_LAYERS.findIndex((layer) => layer.includes(room));
  const there = WORKER_LAYERS.findIndex((layer) => layer.includes(other));
  if (here < 0 || there < 0) return `${here < 0 ? room : other} is no room of worker`;
  if (here === there) return `${room} and ${other} stand side by side and don't know each other`;
  return here < there ? null : `${room} is further in than ${other}`;
}

/** Outside an object its calls are known; the class only where it is exported and bound. */
function objectsFromOutside(path: string, { from, isType }: Import): string | null {
  const [, room = ''] = /^durable-objects\/([^/]+)\//.exec(from) ?? [];
  const object = OBJECTS[room];
  if (!path.startsWith('worker/') || !object) return null;
  if (from === object.calls) return isType ? null : 'the calls are types';
  if (from !== object.class) return `worker takes of ${room} its calls only`;
  if (path === 'worker/index.ts') return null;
  return path === 'worker/bindings.ts' && isType
    ? null
    : 'only index.ts exports the class, and bindings name its type';
}
