import { expect, test } from 'vitest';
import { gateway, messagesBody, streamedAnswer, streamOf } from './gateway.ts';

test.each([
  ['lone surrogate tool', '{"model":"claude-opus-5-5","messages":[],"stream":true,"tools":[{"name":"\\ud800"}]}'],
  ['nul tool', '{"model":"claude-opus-5-5","messages":[],"stream":true,"tools":[{"name":"a\\u0000b"}]}'],
  ['lone surrogate model', '{"model":"\\ud800","messages":[],"stream":true}'],
  ['nul model', '{"model":"a\\u0000b","messages":[],"stream":true}'],
  ['nul thinking', '{"model":"claude-opus-5-5","messages":[],"stream":true,"thinking":{"type":"a\\u0000b"}}'],
  ['surrogate thinking', '{"model":"claude-opus-5-5","messages":[],"stream":true,"thinking":{"type":"a\\ud800b"}}'],
  ['session', '{"model":"claude-opus-5-5","messages":[],"stream":true,"metadata":{"user_id":"{\\"session_id\\":\\"a\\\\ud800b\\"}"}}'],
  ['sessionnul', '{"model":"claude-opus-5-5","messages":[],"stream":true,"metadata":{"user_id":"{\\"session_id\\":\\"a\\\\u0000b\\"}"}}'],
  ['speed', `{"model":"claude-opus-5-5","messages":[],"stream":true,"speed":"${'x'.repeat(3000000)}"}`],
])('%s', async (_n, body) => {
  const bursar = await gateway(null, () => streamOf(streamedAnswer()));
  const r = await bursar.turn(body);
  const t = await r.text();
  const e = await bursar.entries();
  console.log(_n, r.status, t.slice(0,100), e.length, JSON.stringify([e[0]?.tools_offered, e[0]?.model_asked, e[0]?.thinking, e[0]?.session]).slice(0,300));
});
test('deep', async () => {
  const bursar = await gateway(null, () => streamOf(streamedAnswer()));
  const n = 200000;
  const body = `{"model":"claude-opus-5-5","stream":true,"messages":${'[{"content":'.repeat(n)}[]${'}]'.repeat(n)}}`;
  const r = await bursar.turn(body);
  console.log('deep', r.status, (await r.text()).slice(0, 200));
});
test('content-length', async () => {
  const bursar = await gateway(null, () => streamOf(streamedAnswer()));
  for (const v of ['abc', '-5', '1e9', '', '3']) {
  const r = await bursar.turn(messagesBody(), { headers: { 'content-length': v } });
  console.log('cl', v, r.status, (await r.text()).slice(0, 200));
  }
});
