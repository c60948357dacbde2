/** A site of agents in virtual time: everything is real but TLS, the disk and the clock. */
import { afterEach, expect, test, vi } from 'vitest';
import { createCa } from '../../src/app/create-ca.ts';
import { readNodeIdentity } from '../../src/app/node-identity.ts';
import { limitsOf } from '../../src/core/realm/server-config.ts';
import { agentFleet, DIRECTORY, type Fleet, type FleetNode } from '../fakes/agent-fleet.ts';

vi.setConfig({ testTimeout: 900_000 });

const LIFE = 900;
let fleet: Fleet;
afterEach(() => fleet.stop());

async function issuerOf({ world }: FleetNode): Promise<string | undefined> {
  return (await readNodeIdentity(world, DIRECTORY))?.certificate.issuer.text;
}

const stateOf = ({ files }: FleetNode): unknown => {
  const entry = files.entries.get(`${DIRECTORY}/agent.json`);
  return entry?.kind === 'file' ? JSON.parse(Buffer.from(entry.bytes).toString()) : undefined;
};

test('300 agents behind one address go through a new issuing authority and an outage of half their life: none expires', async () => {
  fleet = await agentFleet(LIFE);
  const nodes: FleetNode[] = [];
  for (let index = 0; index < 300; index++) nodes.push(await fleet.join(`n${index}`));
  await fleet.run(LIFE * 0.3);
  await createCa(fleet.realm, { name: 'node-issuing-2', parent: 'node-root' });
  await fleet.run(LIFE * 0.07);
  fleet.outage = true;
  await fleet.run(LIFE * 0.5);
  fleet.outage = false;
  const end = fleet.time.elapsed();
  await fleet.run(LIFE * 0.6);
  for (const node of nodes) {
    expect(node.alerts.map(({ kind }) => kind)).toEqual(['renewal-late']);
    expect(stateOf(node)).toMatchObject({ state: 'valid', renewals: 1, failures: 0 });
  }
  const issuers = new Set(await Promise.all(nodes.map(issuerOf)));
  expect([...issuers].join()).toContain('node-issuing-2');
  const perSecond = new Map<number, number>();
  for (const { at } of fleet.asked.filter((asked) => asked.at >= end)) {
    const second = Math.floor((at - end) / 1000);
    perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
  }
  const peak = Math.max(...perSecond.values());
  process.stdout.write(`peak after the outage: ${peak} requests/s; ${JSON.stringify([...perSecond].sort(([a], [b]) => a - b))}\n`);
  // Lives of a day have 96 times as long for it.
  expect(peak).toBeLessThan(nodes.length);
  const total = [...perSecond.values()].reduce((sum, count) => sum + count, 0);
  expect(total).toBeLessThan(limitsOf(undefined).per_address);
  expect(nodes.flatMap(({ lines }) => lines).join('\n')).not.toContain('ERR_RATE_LIMITED');
  expect(fleet.watched.alerts).toEqual([]);
});
