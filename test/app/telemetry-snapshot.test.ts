import { describe, expect, test } from 'vitest';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { nodeKey as nodeRecordKey } from '../../src/app/node-records.ts';
import { commit } from '../../src/app/realm.ts';
import { readTelemetrySnapshot } from '../../src/app/telemetry-snapshot.ts';
import { reportKey } from '../../src/app/trust-reports.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { joinWorld, type JoinWorld, nodeKey, peerAt } from '../fakes/join-realm.ts';

async function join(world: JoinWorld, node: string): Promise<void> {
  const { csr } = await nodeKey();
  await acceptJoin(world.service, { token: await world.mint(), csr, node_id: node }, peerAt());
}

const put = (world: JoinWorld, key: string, value: JsonObject) =>
  commit(world.realm.store, { checks: [], writes: [{ key, value }], audit: [] });

const report = (versions: JsonObject): JsonObject => ({ purposes: versions, reported_at: 1 });
const at = (version: number): JsonObject => ({ version, fingerprint: 'ab'.repeat(32), updated_at: '2026-11-22T10:00:00Z' });

describe('readTelemetrySnapshot', () => {
  test('of a realm without nodes', async () => {
    const { realm } = await joinWorld();
    const snapshot = await readTelemetrySnapshot(realm);
    expect(snapshot.expiries.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'ca node-issuing',
      'ca node-root',
      'ca web-issuing',
      'ca web-root',
    ]);
    expect(snapshot.manifests).toMatchObject([
      { purpose: 'control-plane-https', version: 1, expiresAt: realm.clock.now() + 31536000 },
      { purpose: 'node-cert-lifecycle', version: 1 },
    ]);
    expect(snapshot.trustVersions).toEqual([]);
    expect(snapshot.nodes).toEqual([
      { cluster: 'prod', nodes: 0, soonestExpiry: undefined },
      { cluster: 'Edge', nodes: 0, soonestExpiry: undefined },
    ]);
  });

  test('counts nodes with a valid certificate, and the versions that they reported', async () => {
    const world = await joinWorld();
    const { realm } = world;
    await join(world, 'n-old');
    realm.clock.advance(3600);
    for (const node of ['a', 'b', 'c', 'd']) await join(world, node);
    const revoked = await realm.store.get(nodeRecordKey('prod', 'd'));
    await put(world, nodeRecordKey('prod', 'd'), { ...(revoked?.value as JsonObject), revoked: { at: 1, reason: 'keyCompromise' } });
    await put(world, reportKey('prod', 'a'), report({ 'control-plane-https': at(2), 'node-cert-lifecycle': at(1) }));
    await put(world, reportKey('prod', 'aa-gone'), report({ 'control-plane-https': at(9) }));
    await put(world, reportKey('prod', 'c'), report({ 'control-plane-https': at(1) }));
    await put(world, reportKey('prod', 'd'), report({ 'control-plane-https': at(7) }));
    const first = await readTelemetrySnapshot(realm);
    expect(first.nodes[0]).toEqual({ cluster: 'prod', nodes: 4, soonestExpiry: realm.clock.now() - 3600 + 86400 });
    realm.clock.advance(86400 - 1800);
    const { nodes, trustVersions } = await readTelemetrySnapshot(realm);
    expect(nodes[0]).toMatchObject({ nodes: 3, soonestExpiry: realm.clock.now() + 1800 });
    const counted = trustVersions.map(({ purpose, version, nodes: count }) => `${purpose} ${version} ${count}`);
    expect(counted.toSorted()).toEqual([
      'control-plane-https 1 1',
      'control-plane-https 2 1',
      'control-plane-https none 1',
      'node-cert-lifecycle 1 1',
      'node-cert-lifecycle none 2',
    ]);
  });
});
