import { expect, test } from 'vitest';
import { toPrometheusText } from '../../worker/routes/prometheus-text.ts';

test('label values are escaped, families without samples left out', () => {
  const text = toPrometheusText([
    {
      name: 'turns_total',
      type: 'counter',
      help: 'Turns.\nAll \\ of them.',
      samples: [{ labels: { squad: 'a"b\\c\nd', kind: 'main' }, value: 3 }],
    },
    { name: 'nothing', type: 'gauge', help: 'None.', samples: [] },
    { name: 'one', type: 'gauge', help: 'One.', samples: [{ labels: {}, value: '0.50' }] },
  ]);
  expect(text).toBe(
    [
      '# HELP turns_total Turns.\\nAll \\\\ of them.',
      '# TYPE turns_total counter',
      'turns_total{squad="a\\"b\\\\c\\nd",kind="main"} 3',
      '# HELP one One.',
      '# TYPE one gauge',
      'one 0.50',
      '',
    ].join('\n'),
  );
});
