import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openSqliteStore } from '../../src/adapters/sqlite-store.ts';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { authenticateNode } from '../../src/app/authenticate.ts';
import { openJoinService } from '../../src/app/join-service.ts';
import { openPolicies } from '../../src/app/load-policy.ts';
import { mintToken } from '../../src/app/mint-token.ts';
import { listPeers } from '../../src/app/peers.ts';
import { watchRevocations } from '../../src/app/revocations.ts';
import { revokeNode } from '../../src/app/revoke-node.ts';
import { parseStrictJson } from '../../src/core/canonical-json.ts';
import { parsePem } from '../../src/core/encoding.ts';
import type { RevocationEntry } from '../../src/core/join/messages.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { fillJoinRealm, nodeKey, peerAt } from '../fakes/join-realm.ts';
import { openDiskRealm } from './join-child.ts';
import { PROMPT_MS } from '../fakes/patience.ts';

const directory = await mkdtemp(join(tmpdir(), 'joinery-revocation-watch-'));
afterAll(() => rm(directory, { recursive: true }));

test('a server sees within a second what another process revokes, in its list, its gate and its peers', async () => {
  const realm = await openDiskRealm(directory, { create: true });
  await fillJoinRealm(realm);
  const elsewhere = { ...realm, store: await openSqliteStore({ path: join(directory, 'state.db') }) };
  const service = openJoinService(realm, {
    policies: await openPolicies(realm, (text, what) => Promise.resolve(parseStrictJson(text, what))),
  });
  const { token } = await mintToken(realm, { clusters: ['prod'], role: 'worker' });
  const reply = await acceptJoin(service, { token: token.reveal(), csr: (await nodeKey()).csr, node_id: 'n1' }, peerAt());
  const certificate = parseCertificate(parsePem(reply.certificate_pem)[0]?.der as Uint8Array);
  const peer = peerAt('192.0.2.1', { certificate });
  expect((await listPeers(service, 'prod')).reply.nodes).toHaveLength(1);
  const seen: RevocationEntry[] = [];
  const stop = watchRevocations(
    realm,
    0,
    (entries) => void seen.push(...entries),
    (error) => {
      throw error;
    },
  );
  await revokeNode(elsewhere, { cluster: 'prod', node: 'n1', reason: 'keyCompromise' });
  const start = performance.now();
  await expect(authenticateNode(service, peer)).rejects.toMatchObject({ code: 'ERR_CERTIFICATE_REVOKED' });
  await expect.poll(() => seen.length, { timeout: PROMPT_MS, interval: 20 }).toBe(1);
  await expect.poll(async () => (await listPeers(service, 'prod')).reply.nodes.length, { timeout: PROMPT_MS, interval: 20 }).toBe(0);
  expect(performance.now() - start).toBeLessThan(PROMPT_MS);
  expect(seen).toMatchObject([{ serial: certificate.serialNumber, node: 'n1', reason: 'keyCompromise' }]);
  stop();
  service.close();
  await elsewhere.store.close();
  await realm.store.close();
});
