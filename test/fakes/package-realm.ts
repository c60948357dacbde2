import { sealAge } from '../../src/adapters/age.ts';
import { parseCloudYaml } from '../../src/adapters/config-file.ts';
import { systemFiles } from '../../src/adapters/files.ts';
import { gunzip, gzip } from '../../src/adapters/gzip.ts';
import { sealJwe, verifyJws } from '../../src/adapters/jose.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { stageDirectory, stageTree } from '../../src/adapters/staged-directory.ts';
import { readAgentTemplates, readTemplate } from '../../src/adapters/templates.ts';
import { activateTrust } from '../../src/app/activate-trust.ts';
import type { PackageWorld } from '../../src/app/package-request.ts';
import { publishTrust } from '../../src/app/publish-trust.ts';
import { commit, type Realm } from '../../src/app/realm.ts';
import type { VerifyWorld } from '../../src/app/verify-package.ts';
import { utf8 } from '../../src/core/encoding.ts';
import { firstTokenKey } from '../../src/app/token-keys.ts';
import { prepareTrustSigners } from '../../src/app/trust-signers.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { parseRealmConfig } from '../../src/core/realm/config.ts';
import { parseDuration, type Seconds } from '../../src/core/time.ts';
import { PURPOSES } from '../../src/core/trust/purpose.ts';
import { testCa } from './anchors.ts';
import { fakeClock } from './clock.ts';
import { fakeKeyVault } from './key-vault.ts';
import { type MemoryStore, memoryStore } from './memory-store.ts';
import { fakeRandom } from './random.ts';

export type PackageRealm = Realm & {
  readonly store: MemoryStore;
  readonly clock: ReturnType<typeof fakeClock>;
  readonly vault: ReturnType<typeof fakeKeyVault>;
};

const YEAR = parseDuration('1y') as Seconds;

const CLUSTERS = [
  {
    name: 'prod',
    roles: ['worker', 'control-plane'],
    seed_peers: [{ address: 'n1.control.example.internal:9443', role: 'control-plane' }],
  },
  { name: 'edge', roles: ['worker'], join_urls: ['https://boot.control.example.internal:9443'] },
];

/** A realm in memory, over real files, with everything that a package needs: Ed25519 keys, so that signatures repeat. */
export async function packageRealm(
  options: { readonly withoutTrust?: true; readonly tokenAlgorithm?: 'ES256' } = {},
): Promise<PackageRealm> {
  const domain = 'control.example.internal';
  const config = parseRealmConfig(
    {
      schema: 'joinery/realm-config/1',
      environment: { name: 'platform_control', domain },
      trust_domain: domain,
      clusters: CLUSTERS,
    } as unknown as JsonObject,
    'test',
  );
  const realm: PackageRealm = {
    directory: '/realm',
    config,
    store: memoryStore(),
    vault: fakeKeyVault(),
    clock: fakeClock(),
    random: fakeRandom('package'),
    verifySignature,
    verifyJws,
    certificates: undefined as never,
    files: systemFiles,
    caller: { actor: { name: 'alice', verified: false }, correlationId: 'test-1' },
  };
  const [signers, tokenKey] = [
    await prepareTrustSigners(realm),
    await firstTokenKey(realm, { algorithm: options.tokenAlgorithm ?? 'EdDSA' }),
  ];
  const record = { schema: 'joinery/realm/1', realm_id: 'r', created_at: realm.clock.now(), plaintext_keys: false };
  const cas = await Promise.all(['web-root', 'node-root'].map(async (name) => caRecord(name, (await testCa(name)).pem)));
  const writes = [
    { key: 'realm', value: record },
    ...cas.map((ca) => ({ key: `ca/${ca.name}`, value: ca })),
    ...signers.writes,
    ...tokenKey.writes,
  ];
  await commit(realm.store, { checks: [], writes, audit: [...signers.audit, ...tokenKey.audit] });
  if (options.withoutTrust === undefined) await activateBoth(realm);
  return realm;
}

function caRecord(name: string, pem: string) {
  return { name, certificate_pem: pem, created_at: fakeClock().now() };
}

async function activateBoth(realm: Realm): Promise<void> {
  for (const purpose of PURPOSES) {
    await publish(realm, purpose, purpose === 'control-plane-https' ? 'web-root' : 'node-root');
    await activateTrust(realm, { purpose, version: 1 });
  }
}

export function publish(realm: Realm, purpose: (typeof PURPOSES)[number], ca: string, pem?: string) {
  const pems = pem === undefined ? [] : [{ text: pem, what: 'another root' }];
  const none = { grace: undefined, reason: undefined, sharedAnchorReason: undefined };
  return publishTrust(realm, { purpose, cas: [ca], pems, expires: YEAR, ...none });
}

/** The same realm as it was, over a store of its own: what one does, the other can do again. */
export async function copyOf(realm: PackageRealm): Promise<PackageRealm> {
  const store = memoryStore();
  const writes = (await realm.store.list('')).map(({ key, value }) => ({ key, value }));
  await commit(store, { checks: [], writes, audit: [] });
  return { ...realm, store, random: fakeRandom('copy') };
}

/** What rendering needs beyond the realm, as the program has it. */
export async function packageWorld(): Promise<PackageWorld> {
  return {
    stageDirectory,
    stageTree,
    trustCheck: await readTemplate('trust-check.sh'),
    agentTemplates: await readAgentTemplates(),
    gzip,
    gunzip,
    parseYaml: parseCloudYaml,
    seal: async (plaintext, recipient) =>
      recipient.kind === 'age' ? sealAge(plaintext, recipient.recipient) : utf8(await sealJwe(plaintext, recipient.jwk)),
  };
}

/** The world that packages are read in. */
export function packageReader(realm: Realm): VerifyWorld {
  return { ...realm, gunzip };
}
