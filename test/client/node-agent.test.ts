import { afterEach, expect, test, vi } from 'vitest';
import { createCa } from '../../src/app/create-ca.ts';
import { revokeNode } from '../../src/app/revoke-node.ts';
import { readNodeIdentity } from '../../src/app/node-identity.ts';
import type { AgentWorld } from '../../src/client/agent-world.ts';
import { startAgent } from '../../src/client/node-agent.ts';
import { utf8 } from '../../src/core/encoding.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { parseAgentDocument } from '../../src/core/join/agent-state.ts';
import { parseStrictJson } from '../../src/core/canonical-json.ts';
import { PURPOSES } from '../../src/core/trust/purpose.ts';
import { agentFleet, DIRECTORY, type Fleet, type FleetNode } from '../fakes/agent-fleet.ts';

vi.setConfig({ testTimeout: 120_000 });

const LIFE = 1800;
let fleet: Fleet;
afterEach(() => fleet.stop());

async function identityOf({ world }: FleetNode) {
  const identity = await readNodeIdentity(world, DIRECTORY);
  if (identity === undefined) throw new Error('no identity');
  return identity;
}

const textOf = ({ files }: FleetNode, path: string): string => {
  const entry = files.entries.get(path);
  return entry?.kind === 'file' ? Buffer.from(entry.bytes).toString() : '';
};
const stateOf = (node: FleetNode) =>
  parseAgentDocument(parseStrictJson(textOf(node, `${DIRECTORY}/agent.json`), 'agent.json'), 'agent.json');
const put = ({ files }: FleetNode, path: string, text: string) => files.replace(path, utf8(text), 0o644);

test('renews within its window, tells hooks once, keeps the pair before, and says so in its files', async () => {
  fleet = await agentFleet(LIFE);
  const node = await fleet.join('n1', { metricsFile: '/node/joinery.prom', watchdog: 60 });
  await put(node, `${DIRECTORY}/reload.conf`, 'unit nginx.service\n# none\ncommand /bin/true\n');
  await fleet.run(LIFE * 0.66);
  expect((await identityOf(node)).generation).toBe('gen-1');
  expect(stateOf(node)).toMatchObject({ state: 'valid', renewals: 0, failures: 0 });
  await fleet.run(LIFE * 0.15);
  const renewed = await identityOf(node);
  expect(renewed.generation).toBe('gen-2');
  expect(node.files.entries.has(`${DIRECTORY}/identity/gen-1/node.key`)).toBe(true);
  const hooksSoFar = node.hooks.filter((hook) => hook.includes('gen-2'));
  expect(hooksSoFar).toEqual(['unit /node/identity/gen-2', 'command /node/identity/gen-2']);
  expect(textOf(node, '/node/joinery.prom')).toContain('joinery_agent_state{state="valid"} 1\n');
  expect(textOf(node, '/node/joinery.prom')).toContain('joinery_agent_renewals_total 1\n');
  expect(node.notices.filter((notice) => notice === 'READY=1')).toHaveLength(1);
  // A sign of life before each step that may take its time: the hooks too.
  const told = node.notices.flatMap((notice) => (notice.startsWith('STATUS=') ? ['|'] : notice === 'WATCHDOG=1' ? ['w'] : []));
  expect(new Set(told.join('').split('|'))).toEqual(new Set(['', 'ww', 'wwww']));
  expect(node.alerts).toEqual([]);
});

test('SIGHUP renews now; an agent that is started again goes on with what it knew', async () => {
  fleet = await agentFleet(LIFE);
  const node = await fleet.join('n1');
  await fleet.run(30);
  node.agent.now();
  await fleet.run(30);
  expect(stateOf(node).renewals).toBe(1);
  await fleet.stop();
  expect(node.notices).toContain('STOPPING=1');
  const again = fleet.start(node);
  await fleet.run(60);
  expect(stateOf(again).renewals).toBe(1);
  expect(node.hooks).toEqual([]);
  await put(node, `${DIRECTORY}/agent.json`, '{"schema":"other"}');
  await fleet.stop();
  fleet.start(node);
  await fleet.run(60);
  expect(node.lines.join('\n')).toContain('state of the agent was not read');
});

test('a failed hook runs again until it was heard; a reload.conf that cannot be read stops nothing', async () => {
  fleet = await agentFleet(LIFE);
  const node = await fleet.join('n1');
  let deaf = true;
  node.world.runHook = (hook) => {
    node.hooks.push(hook.kind);
    return deaf ? Promise.reject(new JoineryError('ERR_PROGRAM_FAILED', 'no')) : Promise.resolve();
  };
  await put(node, `${DIRECTORY}/reload.conf`, 'signal HUP /run/x.pid\n');
  await put(node, `${DIRECTORY}/agent.json`, '');
  await fleet.run(1);
  node.agent.now();
  await fleet.run(LIFE / 20 + 1);
  const tries = node.hooks.length;
  expect(tries).toBeGreaterThan(1);
  deaf = false;
  await fleet.run(LIFE / 5);
  expect(node.hooks).toHaveLength(tries + 1);
  await put(node, `${DIRECTORY}/reload.conf`, 'eval x\n');
  node.agent.now();
  await fleet.run(60);
  expect(node.lines.join('\n')).toContain('reload hooks: failed');
  expect(stateOf(node).renewals).toBe(2);
});

test('a mismatch on disk is refused and told once; when it is repaired the agent goes on', async () => {
  fleet = await agentFleet(LIFE);
  const node = await fleet.join('n1');
  await fleet.run(10);
  const path = `${DIRECTORY}/identity/gen-1/node.key`;
  const key = textOf(node, path);
  const other = await fleet.join('n2');
  await put(node, path, textOf(other, path));
  const before = fleet.asked.length;
  await fleet.run(LIFE * 0.2);
  expect(node.alerts.map(({ kind }) => kind)).toEqual(['identity-broken']);
  expect(stateOf(node)).toMatchObject({ state: 'broken' });
  expect(fleet.asked.slice(before).filter((asked) => asked.path === '/v1/renew')).toEqual([]);
  await put(node, path, key);
  await fleet.run(LIFE * 0.7);
  expect(stateOf(node)).toMatchObject({ state: 'valid', renewals: 1 });
  expect(stateOf(node).code).toBeUndefined();
});

test('an outage beyond the end: every alert once, delivered again after a failure; a new token lets the node in again', async () => {
  fleet = await agentFleet(LIFE);
  const node = await fleet.join('n1');
  const { alert } = node.world;
  let down = true;
  node.world.alert = (message) => (down ? Promise.reject(new JoineryError('ERR_ALERT_DELIVERY', 'down')) : alert(message));
  fleet.outage = true;
  await fleet.run(LIFE * 0.9);
  expect(node.alerts).toEqual([]);
  down = false;
  await fleet.run(LIFE * 3);
  expect(node.alerts.map(({ kind }) => kind)).toEqual(['renewal-late', 'renewal-expiring', 'identity-expired']);
  expect(node.alerts[0]?.environment).toBe('platform_control');
  expect(stateOf(node).state).toBe('expired');
  const asked = fleet.asked.length;
  await fleet.run(LIFE);
  // Nothing proves it any more: it asks nobody.
  expect(fleet.asked).toHaveLength(asked);
  fleet.outage = false;
  const token = await fleet.mint({ node: 'n1' });
  await node.files.makeDirectory(`${DIRECTORY}/secrets`, 0o700).catch(() => undefined);
  await put(node, `${DIRECTORY}/secrets/join-token`, `${token}\n`);
  await fleet.run(120);
  expect(stateOf(node)).toMatchObject({ state: 'valid', failures: 0 });
  expect(node.files.entries.has(`${DIRECTORY}/secrets/join-token`)).toBe(false);
  expect((await identityOf(node)).generation).toBe('gen-2');
});

test('a refusal is told at once, and asked about again ever more rarely', async () => {
  fleet = await agentFleet(LIFE);
  const node = await fleet.join('n1');
  await revokeNode(fleet.realm, { node: 'n1', cluster: 'prod', reason: 'keyCompromise' } as never);
  await fleet.run(LIFE * 0.85);
  expect(node.alerts.map(({ kind }) => kind)).toContain('renewal-refused');
  const tries = fleet.asked.filter(({ path }) => path === '/v1/renew').length;
  expect(tries).toBeGreaterThan(2);
  expect(tries).toBeLessThan(60);
});

test.each([
  ['forwards into the window while the machine sleeps', 0.2, LIFE * 0.55, 1],
  ['forwards into the window by a step of NTP', 0.2, LIFE * 0.55, 1],
  ['backwards by an hour', 0.9, -3600, 0],
])('the clock jumps %s: noticed within one sleep', async (how, at, jump, renewals) => {
  fleet = await agentFleet(LIFE);
  const node = await fleet.join('n1');
  await fleet.run(LIFE * 0.2);
  if (jump < 0) {
    fleet.time.jump(jump);
    await fleet.run(LIFE * (at - 0.2));
  } else {
    if (how.includes('NTP')) fleet.time.jump(jump);
    else fleet.time.suspend(jump);
    await fleet.run(LIFE / 20 + 1 + LIFE * 0.06);
  }
  expect(node.lines.join('\n')).toContain('the clock moved');
  expect(stateOf(node).renewals).toBe(renewals);
});

test('trust from the server between renewals; a look that fails is logged and comes again', async () => {
  fleet = await agentFleet(LIFE);
  const node = await fleet.join('n1', { trustEvery: 60 });
  const { publishTrust } = await import('../../src/app/publish-trust.ts');
  const { activateTrust } = await import('../../src/app/activate-trust.ts');
  fleet.outage = true;
  await fleet.run(100);
  expect(node.lines.join('\n')).toContain('trust: failed');
  fleet.outage = false;
  await createCa(fleet.realm, { name: 'web-root-2' });
  const none = { grace: undefined, reason: undefined, sharedAnchorReason: undefined, pems: [] };
  await publishTrust(fleet.realm, { purpose: 'control-plane-https', cas: ['web-root', 'web-root-2'], expires: 31536000 as never, ...none });
  await activateTrust(fleet.realm, { purpose: 'control-plane-https', version: 2 });
  await fleet.run(200);
  expect(node.lines.join('\n')).toContain('trust applied {"purpose":"control-plane-https","version":2}');
  expect(fleet.asked.filter(({ path }) => path === '/v1/trust-report').length).toBeGreaterThan(0);
});

test('consumers get the identity once for each change, and hear of its end', async () => {
  fleet = await agentFleet(LIFE);
  const given: (string | undefined)[] = [];
  const node = await fleet.join('n1');
  await fleet.stop();
  const publish: NonNullable<AgentWorld['publish']> = (identity) => void given.push(identity?.spiffeId);
  Object.assign(node.world, { publish });
  const again = fleet.start(node);
  await fleet.run(60);
  again.agent.now();
  await fleet.run(120);
  const id = 'spiffe://control.example.internal/prod/worker/n1';
  expect(given).toEqual([id, id]);
  fleet.outage = true;
  await fleet.run(LIFE * 1.1);
  expect(given).toEqual([id, id, undefined]);
});

test('trust from a directory: what is not there yet is logged and changes nothing, and no server is asked', async () => {
  fleet = await agentFleet(LIFE);
  const node = await fleet.join('n1', { trustFrom: '/stick', trustEvery: 60 });
  const asked = fleet.asked.length;
  await fleet.run(150);
  expect(node.lines.filter((line) => line.includes('trust: failed')).length).toBeGreaterThan(1);
  await node.files.makeDirectory('/stick', 0o755);
  const chains = await fleet.service.trustChains();
  for (const purpose of PURPOSES) await put(node, `/stick/${purpose}.json`, JSON.stringify(chains[purpose]));
  const failures = node.lines.filter((line) => line.includes('trust: failed')).length;
  await fleet.run(200);
  expect(node.lines.filter((line) => line.includes('trust: failed')).length).toBeLessThanOrEqual(failures + 1);
  expect(fleet.asked).toHaveLength(asked);
});

test('a bug is not taken for a fault of the outside', async () => {
  fleet = await agentFleet(LIFE);
  const node = await fleet.join('n1');
  await fleet.run(10);
  await fleet.stop();
  const publish = (): never => {
    throw new TypeError('a bug');
  };
  const agent = startAgent({ ...node.world, publish }, { directory: DIRECTORY, timeoutMs: 1000, trustEvery: 60 });
  await expect(agent.done).rejects.toThrow('a bug');
});
