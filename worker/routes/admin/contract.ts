/** Pieces of the routes' descriptions, from which requests are checked and /openapi.json is made. */
import { z } from '@hono/zod-openapi';

const ERROR = { $ref: '#/components/responses/Error' };

/** Errors are described once, as a component: every one has the same envelope. */
export const ERRORS = { 400: ERROR, 401: ERROR, 403: ERROR, 404: ERROR, 409: ERROR, 503: ERROR };

export function answer<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } };
}

export function body<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { 'application/json': { schema } } };
}

/** A body that may be left out where every field may. */
export function optionalBody<Schema extends z.ZodType>(schema: Schema) {
  return { ...body(schema), required: false };
}

/** A page of a list. */
export function pageOfSchema<Schema extends z.ZodType>(schema: Schema) {
  return z.object({ data: z.array(schema), next_cursor: z.string().nullable() });
}

/** Path parameters of everything that belongs to one cost center; an id that none can have is just unknown. */
export const ownerParams = z.object({ id: z.string().openapi({ example: 'platform-squad' }) });
