import { expect, test } from 'vitest';
import { readAlertSettings } from '../../../durable-objects/core/alerting/settings.ts';

test('without a variable the vendors are at their own addresses, and nothing private is sent to', () => {
  expect(readAlertSettings({ KEY_SECRETS: '2:bbbb, 1:aaaa', SLACK_BOT_TOKEN: ' ' })).toEqual({
    ok: true,
    value: {
      secrets: [
        { generation: 2, secret: 'bbbb' },
        { generation: 1, secret: 'aaaa' },
      ],
      publicUrl: null,
      slackToken: null,
      slackUrl: 'https://slack.com/api',
      pagerdutyUrl: 'https://events.pagerduty.com',
      opsgenieUrl: { us: 'https://api.opsgenie.com', eu: 'https://api.eu.opsgenie.com' },
      mailFrom: null,
      allowsPrivate: false,
      timeoutMs: 10_000,
    },
  });
});

test('every wrong variable is named, and no value', () => {
  const read = readAlertSettings({
    PUBLIC_URL: 'http://bursar.example',
    SLACK_API_URL: 'https://user:s3cret@slack.example',
    ALERTS_FROM: 'nobody',
    ALERTS_ALLOW_PRIVATE: 'yes',
    ALERTS_TIMEOUT_MS: '5',
  });
  const problem = read.ok ? '' : read.error;
  for (const name of [
    'PUBLIC_URL',
    'SLACK_API_URL',
    'ALERTS_FROM',
    'ALERTS_ALLOW_PRIVATE',
    'ALERTS_TIMEOUT_MS',
  ]) {
    expect(problem).toContain(`${name}: expected`);
  }
  expect(problem).not.toMatch(/s3cret|nobody|bursar\.example/);
});

test('addresses may be given with a slash at their end', () => {
  const read = readAlertSettings({
    PUBLIC_URL: 'https://bursar.example/',
    OPSGENIE_API_URL: 'http://127.0.0.1:9/x/',
  });
  expect(read).toMatchObject({
    value: {
      publicUrl: 'https://bursar.example',
      opsgenieUrl: { us: 'http://127.0.0.1:9/x', eu: 'http://127.0.0.1:9/x' },
    },
  });
});
