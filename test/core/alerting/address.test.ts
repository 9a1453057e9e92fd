import { describe, expect, test } from 'vitest';
import { checkAddress } from '../../../durable-objects/core/alerting/address.ts';

const isTaken = (address: string, allowPrivate = false) => checkAddress(address, { allowPrivate }).ok;

describe('an address that alerts may go to', () => {
  test.each([
    'https://hooks.slack.com/services/T0/B0/x',
    'https://prod-12.westeurope.logic.azure.com:443/workflows/x?sig=y',
    'https://example.com:8443/hook',
    'https://8.8.8.8/hook',
    'https://172.32.0.1/',
    'https://[2606:4700::1111]/hook',
    'https://local.example.com/',
    'https://xn--bcher-kva.example/',
  ])('%s', (address) => {
    expect(checkAddress(address, { allowPrivate: false })).toEqual({ ok: true, value: new URL(address) });
  });
});

describe('an address that nothing is sent to', () => {
  test.each([
    'http://example.com/hook',
    'ftp://example.com/',
    'javascript:alert(1)',
    'example.com/hook',
    '',
    'https://user:secret@example.com/',
    'https://user@example.com/',
  ])('because it is no https address without credentials: %s', (address) => {
    expect(isTaken(address)).toBe(false);
    expect(isTaken(address, true)).toBe(false);
  });

  test.each([
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f.1/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://0/',
    'https://10.1.2.3/',
    'https://100.64.0.1/',
    'https://100.127.255.255/',
    'https://169.254.169.254/latest/meta-data',
    'https://0xa9fea9fe/',
    'https://2852039166/',
    'https://172.16.0.1/',
    'https://172.31.255.255/',
    'https://192.0.0.192/',
    'https://192.168.1.1/',
    'https://198.18.0.1/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://１２７.０.０.１/',
    'https://[::]/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://[::127.0.0.1]/',
    'https://[64:ff9b::169.254.169.254]/',
    'https://[64:ff9b:1::a00:1]/',
    'https://[2002:a9fe:a9fe::]/',
    'https://[2001:0:a9fe:a9fe::]/',
    'https://[2001:db8::1]/',
    'https://[fc00::1]/',
    'https://[fd00:ec2::254]/',
    'https://[fe80::1]/',
    'https://[ff02::1]/',
    'https://localhost/',
    'https://LOCALHOST./',
    'https://gateway.localhost/',
    'https://printer.local/',
    'https://metadata.google.internal/',
    'https://metadata.google.internal./',
    'https://metadata/',
    'https://intranet/',
  ])('because it is private, local or for metadata: %s', (address) => {
    expect(checkAddress(address, { allowPrivate: false })).toEqual({
      ok: false,
      error: 'expected an address on the public internet, not a private or local one',
    });
  });
});

describe('where this machine may be sent to', () => {
  test.each([
    'http://127.0.0.1:9000/',
    'https://127.0.0.1/',
    'http://localhost:1/',
    'http://[::1]:1/',
    'http://a.localhost/',
  ])('%s is taken', (address) => {
    expect(isTaken(address, true)).toBe(true);
  });

  test.each([
    'https://10.0.0.1/',
    'http://169.254.169.254/',
    'http://example.com/',
    'https://[fd00::1]/',
  ])('%s is not', (address) => {
    expect(isTaken(address, true)).toBe(false);
  });
});

test('what was wrong is told without the address, which may be a secret', () => {
  const problem = checkAddress('http://example.com/s3cret', { allowPrivate: false });
  expect(JSON.stringify(problem)).not.toContain('s3cret');
});
