/**
 * From a document of alert routes, as an admin wrote it, to the routes that delivery reads. Reports everything that is
 * wrong at once, each with its JSON path.
 */
import type { PolicyProblem } from '../policy/types.ts';
import { err, ok, type Result } from '../result.ts';
import { type DestinationForm, destinationSchema } from './destination-schema.ts';
import { type DestinationContext, toDestination } from './destinations.ts';
import { type RoutesForm, routesSchema, shapeProblems } from './route-schema.ts';
import type { AlertRoute, AlertRoutes, Destination } from './routes.ts';

export interface RoutesContext extends DestinationContext {
  /** A new random id, `dst_…`. */
  newId: () => string;
}

/** A destination that can be read, whatever is wrong with the rest of the document. */
interface Placed {
  path: string;
  destination: Destination;
}

/** Reads a document; a destination that is already there under another id, or none, keeps the id it has. */
export function parseAlertRoutes(
  document: unknown,
  context: RoutesContext,
): Result<AlertRoutes, PolicyProblem[]> {
  const { placed, problems: incomplete } = readDestinations(document, context);
  const problems = [...shapeProblems(document), ...incomplete, ...contradictions(placed)];
  if (problems.length > 0) return err(problems);
  return ok(toRoutes(routesSchema.parse(document), named(placed, context)));
}

/** Every `routes[i].to[j]` and `fallback[i]` of any value. */
function* placesOf(document: unknown): Generator<{ path: string; value: unknown }> {
  const { routes, fallback } = fieldsOf(document);
  for (const [index, route] of listOf(routes).entries()) {
    for (const [place, value] of listOf(fieldsOf(route).to).entries()) {
      yield { path: `routes[${index}].to[${place}]`, value };
    }
  }
  for (const [place, value] of listOf(fallback).entries()) yield { path: `fallback[${place}]`, value };
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function readDestinations(document: unknown, context: RoutesContext) {
  const placed: Placed[] = [];
  const problems: PolicyProblem[] = [];
  for (const { path, value } of placesOf(document)) {
    const form = destinationSchema.safeParse(value);
    // What has the wrong shape is told as that.
    if (!form.success) continue;
    const destination = toDestination(form.data, path, context);
    if (destination.ok) placed.push({ path, destination: destination.value });
    else problems.push(...destination.error);
  }
  return { placed, problems };
}

/** Where it leads, apart from its id. */
function placeOf({ id: _, ...place }: Destination): string {
  return JSON.stringify(place);
}

/** What reaches the same people by the same way, whatever else is set. */
function channelOf(destination: Destination): string {
  if (destination.type !== 'webhook') return placeOf(destination);
  return JSON.stringify([destination.type, destination.url]);
}

function contradictions(placed: readonly Placed[]): PolicyProblem[] {
  return placed.flatMap(({ path, destination }, index) => {
    const before = placed.slice(0, index);
    const list = listPath(path);
    const channel = channelOf(destination);
    const same = before.filter((each) => channelOf(each.destination) === channel);
    const twice = same.find((each) => listPath(each.path) === list);
    if (twice) return [{ path, message: `${twice.path} is the same destination` }];
    const [first] = same;
    if (list === 'fallback' && first) {
      const message = `${first.path} is the same destination: expected one that works where that one fails`;
      return [{ path, message }];
    }
    const { id } = destination;
    const changed = before.find((each) => id !== '' && each.destination.id === id);
    if (changed && placeOf(changed.destination) !== placeOf(destination)) {
      return [{ path: `${path}.id`, message: `${changed.path} has the same id and leads elsewhere` }];
    }
    return [];
  });
}

function listPath(path: string): string {
  return path.slice(0, path.lastIndexOf('['));
}

/** The destinations by their paths, each with an id: one place has one id. */
function named(
  placed: readonly Placed[],
  { present, newId }: RoutesContext,
): ReadonlyMap<string, Destination> {
  const ids = new Map([...present.values()].map((each) => [placeOf(each), each.id]));
  for (const { destination } of placed) {
    if (destination.id !== '') ids.set(placeOf(destination), destination.id);
  }
  return new Map(
    placed.map(({ path, destination }) => {
      const place = placeOf(destination);
      const id = ids.get(place) ?? newId();
      ids.set(place, id);
      return [path, { ...destination, id }];
    }),
  );
}

function toRoutes(
  { routes, fallback = [] }: RoutesForm,
  found: ReadonlyMap<string, Destination>,
): AlertRoutes {
  const at = (path: string): Destination => {
    const destination = found.get(path);
    if (!destination) throw new Error(`no destination at ${path}`);
    return destination;
  };
  const all = (list: string, forms: readonly DestinationForm[]): Destination[] =>
    forms.map((_, index) => at(`${list}[${index}]`));
  return {
    routes: routes.map((route, index): AlertRoute => {
      const [first, ...rest] = all(`routes[${index}].to`, route.to);
      if (!first) throw new Error(`route ${index} has no destination`);
      const { on, severity, quiet_hours: quietHours = null } = route;
      return { on, severity, to: [first, ...rest], quietHours };
    }),
    fallback: all('fallback', fallback),
  };
}
