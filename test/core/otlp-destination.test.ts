import { describe, expect, test } from 'vitest';
import { hexId64, hexId128 } from '../../durable-objects/core/hex-id.ts';
import { readOtlpDestination } from '../../durable-objects/core/otlp-destination.ts';

describe('the destination', () => {
  test.each([
    ['https://collector.example', 'https://collector.example/v1/traces'],
    ['https://collector.example/otlp/', 'https://collector.example/otlp/v1/traces'],
    ['https://collector.example/v1/traces', 'https://collector.example/v1/traces'],
    ['http://127.0.0.1:4318', 'http://127.0.0.1:4318/v1/traces'],
    ['http://localhost:4318', 'http://localhost:4318/v1/traces'],
  ])('of %s is %s', (OTLP_ENDPOINT, url) => {
    expect(readOtlpDestination({ OTLP_ENDPOINT })).toEqual({ ok: true, value: { url, headers: {} } });
  });

  test.each([undefined, '', '  '])('of %j is none', (OTLP_ENDPOINT) => {
    expect(readOtlpDestination({ OTLP_ENDPOINT, OTLP_HEADERS: 'nonsense' })).toEqual({
      ok: true,
      value: null,
    });
  });

  test('has the headers, percent-decoded, names in lower case', () => {
    const OTLP_HEADERS = 'Authorization=Basic%20dTpw, x-team = a%2Cb=c';
    expect(readOtlpDestination({ OTLP_ENDPOINT: 'https://c.example', OTLP_HEADERS })).toMatchObject({
      value: { headers: { authorization: 'Basic dTpw', 'x-team': 'a,b=c' } },
    });
  });

  test.each([
    ['http://collector.example', ''],
    ['ftp://collector.example', ''],
    ['collector.example', ''],
    ['https://user:secret@collector.example', ''],
    ['https://c.example', 'secret'],
    ['https://c.example', 'a=secret%0d%0ab'],
    ['https://c.example', 'a=%zz-secret'],
    ['https://c.example', 'content-type=secret'],
    ['https://c.example', 'a b=secret'],
  ])('%s with headers %j is a mistake that is named without a value', (OTLP_ENDPOINT, OTLP_HEADERS) => {
    const read = readOtlpDestination({ OTLP_ENDPOINT, OTLP_HEADERS });
    expect(read).toMatchObject({
      ok: false,
      error: expect.stringMatching(/^OTLP_(ENDPOINT|HEADERS): expected/),
    });
    expect(JSON.stringify(read)).not.toContain('secret');
  });
});

test('hex ids have their length, are the same at every call, and differ', () => {
  const names = Array.from({ length: 5_000 }, (_, index) => `turn-${index}/1`);
  const ids = names.flatMap((name) => [hexId64(name), hexId128(name).slice(0, 16), hexId128(name).slice(16)]);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/);
  expect(hexId128('turn-1')).toBe(hexId128('turn-1'));
});
