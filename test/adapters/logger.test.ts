import { describe, expect, test } from 'vitest';
import { jsonLogger } from '../../src/adapters/logger.ts';
import { prometheusMetrics } from '../../src/adapters/metrics.ts';

function capture(level?: 'debug' | 'error') {
  const lines: Record<string, unknown>[] = [];
  const stream = { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) };
  return { lines, logger: jsonLogger(level === undefined ? { stream } : { stream, level }) };
}

describe('jsonLogger', () => {
  test('writes one line of JSON for each entry, from its level on', () => {
    const { lines, logger } = capture();
    logger.log('debug', 'unseen');
    logger.log('info', 'seen', { count: 1 });
    logger.log('error', 'seen too');
    expect(lines.map(({ level, msg }) => `${String(level)} ${String(msg)}`)).toEqual(['info seen', 'error seen too']);
    expect(Object.keys(lines[0] as object)).toEqual(['level', 'time', 'service', 'count', 'msg']);
    expect(capture('debug').logger.log('debug', 'x')).toBeUndefined();
  });

  test('redacts fields and text, and a new line in a value begins no new entry', () => {
    const { lines, logger } = capture();
    logger.log('warn', 'found abcdef.0123456789abcdef', { passphrase: 'hush', node: 'a\n{"level":"info"}' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ msg: 'found [redacted]', passphrase: '[redacted]', node: 'a\n{"level":"info"}' });
  });
});

test('metrics of the process are named after joinery too', async () => {
  const text = await prometheusMetrics({ process: true }).text();
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name as string);
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name) => !name.startsWith('joinery_'))).toEqual([]);
});
