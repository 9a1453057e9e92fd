/** What clients of OpenAI call: chat completions, as turns like any other, and the list of models. */
import type { Context, Hono } from 'hono';
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { modelNamed } from '../../durable-objects/core/catalogue/names.ts';
import { ok } from '../../durable-objects/core/result.ts';
import type { AppEnv } from '../app-env.ts';
import type { Bindings } from '../bindings.ts';
import { modelsReply, wholeList } from '../providers/dialects/openai/models.ts';
import { chatErrorReply, chatReply } from '../providers/dialects/openai/reply.ts';
import { translateChatRequest } from '../providers/dialects/openai/request.ts';
import { messagesHeaders } from '../providers/dialects/openai/request-headers.ts';
import type { Dialect } from '../turn/dialect.ts';
import { edgeOf } from '../turn/edge.ts';
import { relay } from '../turn/relay.ts';
import { runTurn } from '../turn/run.ts';
import { wrongContentType } from './data-plane.ts';

function chatDialect({ modelAliases }: Pick<Bindings, 'modelAliases'>): Dialect {
  const modelOf = (name: string) =>
    findModel(builtinCatalogue, modelNamed(name, modelAliases, builtinCatalogue));
  return {
    translate: (bytes, request) => {
      const chat = translateChatRequest(bytes, modelOf);
      if (!chat.ok) return chat;
      const { asked, session } = chat.value;
      return ok({
        bytes: chat.value.bytes,
        headers: messagesHeaders(request.headers, session),
        path: '/v1/messages',
        answer: answerTo(asked),
      });
    },
    refuse: (response) => chatErrorReply(response, null),
  };
}

/** Apart from the translation, so that what waits for an answer does not hold on to the request. */
function answerTo(asked: Parameters<typeof chatReply>[1]): (response: Response) => Promise<Response> {
  return (response) => chatReply(response, asked, Date.now);
}

/** Models, for whichever client asks: one that names a version of Anthropic's API is answered as by that API. */
async function models(context: Context<AppEnv>, isList: boolean): Promise<Response> {
  const request = context.req.raw;
  if (request.headers.has('anthropic-version')) return await relay(request, edgeOf(context));
  const url = new URL(request.url);
  if (isList) url.search = wholeList(url.searchParams).toString();
  return await modelsReply(await relay(new Request(url, request), edgeOf(context)));
}

export function mountOpenai(app: Hono<AppEnv>): void {
  app.post('/v1/chat/completions', async (context) => {
    const wrong = wrongContentType(context);
    if (wrong) return await chatErrorReply(wrong, null);
    return await runTurn(context.req.raw, edgeOf(context), chatDialect(context.var.bindings));
  });
  app.get('/v1/models', (context) => models(context, true));
  app.get('/v1/models/:id', (context) => models(context, false));
}
