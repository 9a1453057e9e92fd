/**
 * Asks the upstream which models there are: `GET /v1/models`, page by page, retired ones included (the API leaves
 * them out unless they are asked for). Shape: `ModelInfo` of @anthropic-ai/sdk 1.12, read leniently: a field that
 * is absent or of another shape says nothing, and a model without a lifecycle this knows is passed over.
 */
import { z } from 'zod';
import type { ApiLimits } from '../../durable-objects/core/catalogue/contradictions.ts';
import { LIFECYCLES, type ModelLifecycle } from '../../durable-objects/core/catalogue/lifecycles.ts';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import type { Provider } from './provider.ts';

const PAGE_LIMIT = 1_000;
/** An API that never comes to an end is not read to it. */
const MAX_PAGES = 10;
const TIMEOUT_MS = 30_000;

/** One model as the API lists it. */
export interface ListedModel extends ModelLifecycle, ApiLimits {
  /** Epoch ms. */
  deprecatedAtMs: number | null;
  /** As it came; null where the API gave none. */
  capabilities: Record<string, unknown> | null;
}

export type ListProblem =
  /** An answer other than 200: 401, 403 and 404 where the key may not ask. */
  | { why: 'refused'; status: number }
  | { why: 'unreachable'; error: string }
  /** Not the Models API's answer. */
  | { why: 'unreadable'; error: string };

const instant = z.iso
  .datetime({ offset: true })
  .transform((text) => Date.parse(text))
  .nullable()
  .catch(null);
const count = z.int().positive().nullable().catch(null);
const support = z
  .object({ supported: z.boolean() })
  .transform(({ supported }) => supported)
  .optional()
  .catch(undefined);
const supports = z.record(z.string(), support).catch({});

const capabilitiesSchema = z.object({
  thinking: z
    .object({ supported: z.boolean().nullable().catch(null), types: supports })
    .catch({ supported: null, types: {} }),
  effort: supports,
});

const modelSchema = z.object({
  id: z.string().min(1).max(256),
  lifecycle: z.enum(LIFECYCLES),
  deprecated_at: instant,
  retires_at: instant,
  max_input_tokens: count,
  max_tokens: count,
  capabilities: z.record(z.string(), z.unknown()).nullable().catch(null),
});

const pageSchema = z.object({
  data: z.array(z.unknown()),
  has_more: z.boolean(),
  last_id: z.string().nullish(),
});

/** Null where the entry is no model that this can say anything of. */
function toListedModel(entry: unknown): ListedModel | null {
  const parsed = modelSchema.safeParse(entry);
  if (!parsed.success) return null;
  const { id, lifecycle, capabilities, ...rest } = parsed.data;
  const { thinking, effort } = capabilitiesSchema.parse(capabilities ?? {});
  return {
    model: id,
    lifecycle,
    deprecatedAtMs: rest.deprecated_at,
    retiresAtMs: rest.retires_at,
    maxInputTokens: rest.max_input_tokens,
    maxTokens: rest.max_tokens,
    capabilities,
    thinking: { supported: thinking.supported, forms: thinking.types },
    efforts: effort,
  };
}

function pathOf(afterId: string | null): string {
  const query = new URLSearchParams({ limit: String(PAGE_LIMIT) });
  for (const lifecycle of LIFECYCLES) query.append('lifecycle[]', lifecycle);
  if (afterId !== null) query.set('after_id', afterId);
  return `/v1/models?${query}`;
}

async function readPage(response: Response): Promise<Result<z.infer<typeof pageSchema>, ListProblem>> {
  if (response.status !== 200) {
    await response.body?.cancel();
    return err({ why: 'refused', status: response.status });
  }
  const page = pageSchema.safeParse(await response.json().catch(() => undefined));
  return page.success ? ok(page.data) : err({ why: 'unreadable', error: z.prettifyError(page.error) });
}

/** Every model the upstream lists; a list that cannot be read to its end is a problem, not a shorter list. */
export async function listModels(
  provider: Provider,
  anthropicVersion: string,
): Promise<Result<ListedModel[], ListProblem>> {
  const headers = new Headers({ accept: 'application/json', 'anthropic-version': anthropicVersion });
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const listed: ListedModel[] = [];
  let afterId: string | null = null;
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const request = {
      path: pathOf(afterId),
      method: 'GET' as const,
      model: null,
      headers,
      body: null,
      signal,
    };
    let page: Awaited<ReturnType<typeof readPage>>;
    try {
      page = await readPage(await provider.send(request));
    } catch (error) {
      return err({ why: 'unreachable', error: String(error) });
    }
    if (!page.ok) return page;
    const { data, has_more: hasMore, last_id: lastId = null } = page.value;
    listed.push(...data.map(toListedModel).filter((model) => model !== null));
    // Listed twice would be kept twice, each as a change of the other.
    if (!hasMore) return ok([...new Map(listed.map((model) => [model.model, model])).values()]);
    if (lastId === null || lastId === afterId) break;
    afterId = lastId;
  }
  return err({ why: 'unreadable', error: `the list does not end after ${MAX_PAGES} pages` });
}
