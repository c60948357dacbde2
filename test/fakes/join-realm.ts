import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificateReadBack } from '../../src/adapters/certificate-read-back.ts';
import { systemFiles } from '../../src/adapters/files.ts';
import { verifyJws } from '../../src/adapters/jose.ts';
import { generatePrivateKey, signingKey, verifySignature } from '../../src/adapters/signatures.ts';
import { activateTrust } from '../../src/app/activate-trust.ts';
import { createCa } from '../../src/app/create-ca.ts';
import type { JoinAlert, JoinObserver, JoinOutcome, Peer } from '../../src/app/join-peer.ts';
import { type JoinService, type JoinServiceOptions, openJoinService } from '../../src/app/join-service.ts';
import { mintToken, type MintTokenInput } from '../../src/app/mint-token.ts';
import { openPolicies } from '../../src/app/load-policy.ts';
import { publishTrust } from '../../src/app/publish-trust.ts';
import { commit, type Realm } from '../../src/app/realm.ts';
import { firstTokenKey } from '../../src/app/token-keys.ts';
import { prepareTrustSigners } from '../../src/app/trust-signers.ts';
import { type JsonObject, parseStrictJson } from '../../src/core/canonical-json.ts';
import { decodeUtf8, toPem } from '../../src/core/encoding.ts';
import type { KeyType, KeyVault, SigningKey } from '../../src/core/key-ports.ts';
import type { AuditEvent, Clock, Random, Store } from '../../src/core/ports.ts';
import { parseRealmConfig } from '../../src/core/realm/config.ts';
import { parseDuration, type Seconds } from '../../src/core/time.ts';
import { PURPOSES } from '../../src/core/trust/purpose.ts';
import { writeCsr } from '../../src/core/x509/csr-writer.ts';
import { writeName } from '../../src/core/x509/name-text.ts';
import { fakeClock } from './clock.ts';
import { fakeKeyVault } from './key-vault.ts';
import { type MemoryStore, memoryStore } from './memory-store.ts';
import { fakeRandom } from './random.ts';

export type JoinRealm = Realm & {
  readonly store: MemoryStore;
  readonly clock: ReturnType<typeof fakeClock>;
  readonly vault: ReturnType<typeof fakeKeyVault>;
};

export const JOIN_DOMAIN = 'control.example.internal';

const CLUSTERS = [
  {
    name: 'prod',
    roles: ['worker', 'control-plane'],
    join_urls: [`https://boot.${JOIN_DOMAIN}:9443`],
    seed_peers: [{ address: `n1.${JOIN_DOMAIN}:9443`, role: 'control-plane' }],
  },
  { name: 'Edge', roles: ['worker'] },
];

export interface JoinRealmOptions {
  readonly clusters?: readonly JsonObject[];
  /** Further members of `joinery.yaml`. */
  readonly config?: JsonObject;
  /** Instead of the store in memory and the clock that stands still. */
  readonly store?: Store;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Instead of keys in memory. */
  readonly vault?: KeyVault;
  /** Default: a new one. */
  readonly directory?: string;
}

/** The parts of a realm that serves joins, without anything in its store yet: also over a store that was filled before. */
export function joinRealmParts(options: JoinRealmOptions = {}): Realm {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'joinery-join-'));
  mkdirSync(join(directory, 'ca'), { recursive: true });
  const config = {
    schema: 'joinery/realm-config/1',
    environment: { name: 'platform_control', domain: JOIN_DOMAIN },
    trust_domain: JOIN_DOMAIN,
    clusters: options.clusters ?? CLUSTERS,
    ...options.config,
  };
  return {
    directory,
    config: parseRealmConfig(config as unknown as JsonObject, 'test'),
    store: options.store ?? memoryStore(),
    vault: options.vault ?? fakeKeyVault(),
    files: systemFiles,
    clock: options.clock ?? fakeClock(),
    random: options.random ?? fakeRandom('join'),
    verifySignature,
    certificates: certificateReadBack,
    verifyJws,
    caller: { actor: { name: 'operator', verified: false }, correlationId: 'set-up' },
  };
}

/** Two roots, an online authority under each, trust of both purposes in force, and a token key: all that a server needs. */
export async function fillJoinRealm(realm: Realm): Promise<void> {
  const [signers, tokenKey] = [await prepareTrustSigners(realm), await firstTokenKey(realm)];
  const record = { schema: 'joinery/realm/1', realm_id: 'r', created_at: realm.clock.now(), plaintext_keys: false };
  await commit(realm.store, {
    checks: [],
    writes: [{ key: 'realm', value: record }, ...signers.writes, ...tokenKey.writes],
    audit: [...signers.audit, ...tokenKey.audit],
  });
  for (const side of ['web', 'node']) {
    await createCa(realm, { name: `${side}-root` });
    await createCa(realm, { name: `${side}-issuing`, parent: `${side}-root` });
  }
  const none = { grace: undefined, reason: undefined, sharedAnchorReason: undefined, pems: [] };
  for (const purpose of PURPOSES) {
    const cas = [purpose === 'control-plane-https' ? 'web-root' : 'node-root'];
    await publishTrust(realm, { purpose, cas, expires: parseDuration('1y') as Seconds, ...none });
    await activateTrust(realm, { purpose, version: 1 });
  }
}

/** A realm in memory that serves joins. */
export async function joinRealm(options: JoinRealmOptions = {}): Promise<JoinRealm> {
  const realm = joinRealmParts(options);
  await fillJoinRealm(realm);
  return realm as JoinRealm;
}

export interface Watched extends JoinObserver {
  readonly outcomes: JoinOutcome[];
  readonly alerts: JoinAlert[];
}

export function watchingObserver(): Watched {
  const outcomes: JoinOutcome[] = [];
  const alerts: JoinAlert[] = [];
  return { outcomes, alerts, outcome: (event) => void outcomes.push(event), alert: (alert) => void alerts.push(alert) };
}

export interface JoinWorld {
  readonly realm: JoinRealm;
  readonly service: JoinService;
  readonly watched: Watched;
  /** Mints a token for `prod` and `worker`. */
  mint(input?: Partial<MintTokenInput>): Promise<string>;
}

/** A service over {@link joinRealm}, with the built-in policies unless told otherwise. */
export async function joinWorld(options: JoinRealmOptions & Partial<JoinServiceOptions> = {}): Promise<JoinWorld> {
  const realm = await joinRealm(options);
  const watched = watchingObserver();
  const policies = options.policies ?? (await openPolicies(realm, (text, what) => Promise.resolve(parseStrictJson(text, what))));
  const service = openJoinService(realm, { observe: watched, ...options, policies });
  const mint = async (input: Partial<MintTokenInput> = {}) =>
    (await mintToken(realm, { clusters: ['prod'], role: 'worker', ...input })).token.reveal();
  return { realm, service, watched, mint };
}

export interface NodeKey {
  readonly key: SigningKey;
  /** PEM. */
  readonly csr: string;
}

/** A new key and its certification request. */
export async function nodeKey(type: KeyType = 'p256', key: SigningKey = signingKey(generatePrivateKey(type))): Promise<NodeKey> {
  const der = await writeCsr(key, { subject: writeName([]), names: [] });
  return { key, csr: toPem('CERTIFICATE REQUEST', der) };
}

let requests = 0;

/** A caller with a correlation id of its own. */
export function peerAt(address = '192.0.2.1', more: Partial<Peer> = {}): Peer {
  return { address, transport: 'rest', correlationId: `request-${++requests}`, ...more };
}

export async function auditEvents(realm: { readonly store: Store }): Promise<readonly AuditEvent[]> {
  return (await realm.store.auditRecords(0, 100_000)).map(({ bytes }) => JSON.parse(decodeUtf8(bytes)) as AuditEvent);
}
