/** What a page's form sent back, and reading amounts from it. */
import type { Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { MAX_LIMIT_NANO_USD, type NanoUsd, parseUsd } from '../../durable-objects/core/money.ts';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import { errorResponse } from '../envelope.ts';

const MAX_BODY_BYTES = 16 * 1024;

/** Stands before every handler that reads a form. */
export const formLimit = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: (context) =>
    errorResponse('request_too_large', `expected a body of at most ${MAX_BODY_BYTES} bytes`, {
      requestId: context.get('requestId'),
    }),
});

/** The text fields of the form; empty where the body is none. */
export async function postedForm(context: Context): Promise<Record<string, string>> {
  try {
    const fields = Object.entries(await context.req.parseBody());
    return Object.fromEntries(
      fields.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value.trim()]] : [])),
    );
  } catch {
    return {};
  }
}

/** US dollars above 0 as people type them ("$50", "50.00"). */
export function readAmount(name: string, typed: string | undefined): Result<NanoUsd, string> {
  const amount = parseUsd((typed ?? '').replace(/^\$\s*/, ''));
  if (amount !== null && amount > 0 && amount <= MAX_LIMIT_NANO_USD) return ok(amount);
  return err(`${name}: expected US dollars above 0 such as "50.00".`);
}
