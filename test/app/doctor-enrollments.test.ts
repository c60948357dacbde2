import { beforeEach, describe, expect, it } from 'vitest';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { examineEnrollments } from '../../src/app/doctor-enrollments.ts';
import { nodeKey as recordKey, nodePrefix } from '../../src/app/node-records.ts';
import { commit } from '../../src/app/realm.ts';
import { revokeCertificate } from '../../src/app/revoke-certificate.ts';
import { revokeNode } from '../../src/app/revoke-node.ts';
import { type EnrolledNode, judgeEnrolled } from '../../src/core/doctor/enrolled.ts';
import { isJsonObject, type JsonObject } from '../../src/core/canonical-json.ts';
import type { Instant } from '../../src/core/time.ts';
import { joinWorld, type JoinWorld, nodeKey, peerAt } from '../fakes/join-realm.ts';

let world: JoinWorld;

beforeEach(async () => {
  world = await joinWorld();
  for (const node of ['n1', 'n2', 'n3']) {
    const { csr } = await nodeKey();
    await acceptJoin(world.service, { token: await world.mint({ clusters: ['prod'] }), csr, node_id: node }, peerAt());
  }
});

const examine = async () =>
  (await examineEnrollments(world.realm, world.realm.clock.now())).map(({ code, severity, where }) => `${severity} ${code} ${where}`);
async function recordOf(key: string): Promise<JsonObject> {
  const value = (await world.realm.store.get(key))?.value;
  return isJsonObject(value) ? value : {};
}
/** Damages the state behind the back of the program. */
const plant = (...writes: ({ key: string; value: JsonObject } | { key: string; delete: true })[]) =>
  commit(world.realm.store, { checks: [], writes, audit: [] });
const n1 = recordKey('prod', 'n1');

describe('the nodes that joined', () => {
  it('are well as they are made, revoked ones too', async () => {
    expect(await examine()).toEqual([]);
    await revokeNode(world.realm, { cluster: 'prod', node: 'n1', reason: 'keyCompromise' });
    expect(await examine()).toEqual([]);
  });

  it('whose certificate is not recorded, or for another, are told so', async () => {
    const { serial, ...record } = await recordOf(n1);
    const certificate = `node-cert/${serial as string}`;
    const kept = await recordOf(certificate);
    await plant({ key: certificate, delete: true });
    expect(await examine()).toEqual(['critical enrollment-record node prod/n1']);
    for (const changed of [{ node: 'n9' }, { cluster: 'edge' }, { fingerprint: 'f'.repeat(64) }]) {
      await plant({ key: certificate, value: { ...kept, ...changed } });
      expect(await examine()).toContain('critical enrollment-record node prod/n1');
    }
    await plant({ key: certificate, value: kept }, { key: n1, delete: true });
    expect(await examine()).toEqual([`critical enrollment-record certificate ${serial as string}`]);
    expect(record['node']).toBe('n1');
  });

  it('that are revoked with certificates that are not are told so', async () => {
    const record = await recordOf(n1);
    await plant({ key: n1, value: { ...record, revoked: { at: 1, reason: 'unspecified' } } });
    expect(await examine()).toEqual(['critical enrollment-revoked node prod/n1']);
    await revokeCertificate(world.realm, { serial: record['serial'] as string, reason: 'unspecified' });
    expect(await examine()).toEqual([]);
    await plant({ key: `cert/${record['serial'] as string}`, delete: true });
    expect(await examine()).toEqual(['critical enrollment-revoked node prod/n1']);
    await plant({ key: `cert/${record['serial'] as string}`, value: {} });
    await expect(examine()).rejects.toMatchObject({ code: 'ERR_REALM_MALFORMED' });
  });

  it('that do not renew are told about by cluster, and are given up in time', async () => {
    const end = (await recordOf(n1))['not_after'] as number;
    const now = world.realm.clock.now();
    await plant({ key: n1, value: { ...(await recordOf(n1)), not_after: now - 5, issued_at: now - 86400 } });
    expect(await examine()).toEqual(['warn enrollment-late cluster prod']);
    world.realm.clock.advance(end - now - 60);
    expect(await examine()).toEqual(['critical enrollment-late cluster prod']);
    world.realm.clock.advance(31 * 86400);
    expect(await examine()).toEqual([]);
  });

  it('are told about when nobody configures their cluster any more', async () => {
    const record = await recordOf(n1);
    await plant({ key: `${nodePrefix('gone')}n1`, value: { ...record, cluster: 'gone' } });
    expect((await examine()).sort()).toEqual(['critical enrollment-record node gone/n1', 'warn enrollment-cluster cluster gone']);
  });

  it('are named by the first ones when there are many', () => {
    const now = 1_000_000 as Instant;
    const node = (index: number): EnrolledNode => ({
      cluster: 'prod',
      node: `n${index}`,
      revoked: false,
      issuedAt: 0 as Instant,
      notAfter: (now + 1) as Instant,
      isRecorded: false,
      open: [],
    });
    const many = Array.from({ length: 25 }, (_, index) => node(index));
    const findings = judgeEnrolled({ clusters: ['prod'], nodes: many, orphans: [] }, now);
    expect(findings).toHaveLength(22);
    expect(findings[20]).toMatchObject({ code: 'enrollment-record', where: 'nodes', what: '5 more of the same' });
    expect(findings[21]).toMatchObject({
      code: 'enrollment-late',
      what: expect.stringMatching(/found 25 of 25 nodes .*: n0, n1, n2, n3, n4 and 20 more$/),
    });
  });
});
