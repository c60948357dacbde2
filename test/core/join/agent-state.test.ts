import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { agentDocumentSchema, agentMetrics, parseAgentDocument } from '../../../src/core/join/agent-state.ts';
import { hookName, parseReloadHooks } from '../../../src/core/join/reload-hooks.ts';

const WHOLE = {
  schema: 'joinery/node-agent/1',
  updated_at: '2026-11-22T10:00:00Z',
  state: 'valid',
  identity: 'spiffe://example.org/n1',
  serial: '0a',
  due_at: '2026-11-22T12:00:00Z',
  expires_at: '2026-11-22T13:00:00Z',
  renewals: 2,
  failures: 0,
  failures_total: 3,
  last_success: '2026-11-22T09:00:00Z',
  alerts: [],
};

test('the document is read strictly', () => {
  expect(parseAgentDocument(WHOLE, 'agent.json')).toMatchObject({ state: 'valid', renewals: 2 });
  expect(() => parseAgentDocument({ ...WHOLE, state: 'fine' }, 'agent.json')).toThrow(/agent\.json/);
});

test('the published schema is that of the parser', () => {
  const published = readFileSync(new URL('../../../docs/schema/node-agent-1.json', import.meta.url), 'utf8');
  expect(JSON.parse(published)).toEqual(agentDocumentSchema());
  const validate = new Ajv2020({ strict: false }).compile(agentDocumentSchema());
  expect(validate(WHOLE)).toBe(true);
  expect(validate({ ...WHOLE, state: 'fine' })).toBe(false);
});

test('metrics have each head once, and no value that is not known', () => {
  const text = agentMetrics(parseAgentDocument(WHOLE, 'agent.json'));
  expect(text.match(/# TYPE joinery_agent_state gauge/g)).toHaveLength(1);
  expect(text).toContain('joinery_agent_certificate_expiry_timestamp_seconds 1795352400\n');
  const { due_at: _due, expires_at: _expires, last_success: _last, ...bare } = WHOLE;
  expect(agentMetrics(parseAgentDocument(bare, 'agent.json'))).not.toContain('expiry');
});

test('reload.conf: units, signals and commands, and nothing else', () => {
  const hooks = parseReloadHooks('# all\n\nunit nginx.service\n signal SIGUSR1\t/run/x.pid\ncommand /bin/tell\n', 'reload.conf');
  expect(hooks).toEqual([
    { kind: 'unit', unit: 'nginx.service' },
    { kind: 'signal', signal: 'SIGUSR1', pidFile: '/run/x.pid' },
    { kind: 'command', program: '/bin/tell' },
  ]);
  expect(hooks.map(hookName)).toEqual(['unit nginx.service', 'signal SIGUSR1 /run/x.pid', 'command /bin/tell']);
});

test.each(['unit', 'unit --now', 'signal KILL /run/x.pid', 'signal HUP x.pid', 'command tell', 'eval x', 'unit a;b'])(
  'reload.conf refuses %s',
  (line) => {
    expect(() => parseReloadHooks(`# one\n${line}\n`, 'reload.conf')).toThrow(/reload\.conf, line 2: expected/);
  },
);
