import { expect } from 'vitest';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openJwe, sealJwe, verifyJws } from '../../src/adapters/jose.ts';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { stageDirectory } from '../../src/adapters/staged-directory.ts';
import type { ClusterWorld } from '../../src/app/cluster-answers.ts';
import { addClusterMember } from '../../src/app/cluster-members.ts';
import { initCluster } from '../../src/app/init-cluster.ts';
import type { MemberWorld } from '../../src/app/unseal-answer.ts';
import { type PublicJwk, publicJwk } from '../../src/core/jwk.ts';
import { parseRealmConfig } from '../../src/core/realm/config.ts';
import { Secret } from '../../src/core/secret.ts';
import { type CaRealm, caRealm } from './ca-realm.ts';

export const refusal = (code: string, message?: string) =>
  expect.objectContaining({ code, ...(message && { message: expect.stringContaining(message) as string }) }) as Error;

export interface Node {
  readonly name: string;
  readonly jwk: PublicJwk;
  readonly key: Secret;
}

export interface ClusterRealm {
  readonly realm: CaRealm;
  readonly world: ClusterWorld;
  readonly member: MemberWorld;
  /** A new path in a directory of this test. */
  place(): string;
}

export async function newNode(name: string): Promise<Node> {
  const pair = portableKeys.generate('p256');
  return { name, jwk: publicJwk(pair.spki), key: await pair.toPem(undefined).then((pem) => new Secret(pem)) };
}

export async function clusterRealm(roles: readonly string[] = ['server']): Promise<ClusterRealm> {
  const base = caRealm();
  const domain = 'lab.example.internal';
  const config = parseRealmConfig(
    {
      schema: 'joinery/realm-config/1',
      environment: { name: 'lab', domain },
      trust_domain: domain,
      clusters: ['prod', 'test'].map((name) => ({ name, roles })),
    },
    'test',
  );
  const realm: CaRealm = { ...base, config, verifyJws };
  const record = { schema: 'joinery/realm/1', realm_id: 'r', created_at: realm.clock.now(), plaintext_keys: false };
  await realm.store.commit({ checks: [], writes: [{ key: 'realm', value: record }], audit: [] });
  const directory = mkdtempSync(join(tmpdir(), 'joinery-cluster-'));
  let places = 0;
  const { files, clock, verifySignature } = realm;
  return {
    realm,
    world: { sealJwe, stageDirectory },
    member: { files, clock, verifySignature, verifyJws, openJwe, portableKeys, stageDirectory },
    place: () => join(directory, `place-${places++}`),
  };
}

/** A cluster `prod` with these members. */
export async function clusterOfThree(): Promise<
  ClusterRealm & { readonly nodes: readonly [Node, Node, Node]; readonly token: string; readonly caFingerprint: string }
> {
  const made = await clusterRealm();
  const { authority, token } = await initCluster(made.realm, { name: 'prod', names: [] });
  const nodes = [await newNode('node-1'), await newNode('node-2'), await newNode('node-3')] as const;
  for (const { name, jwk } of nodes) await addClusterMember(made.realm, { node: name, key: jwk });
  return { ...made, nodes: [...nodes], token: token.reveal(), caFingerprint: authority.fingerprint };
}

/** The audit events of a realm, by name. */
export function auditEvents(realm: CaRealm): readonly string[] {
  return realm.store.audit.map(({ bytes }) => (JSON.parse(Buffer.from(bytes).toString()) as { event: string }).event);
}
