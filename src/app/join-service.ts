/** What every request of a node or an admin is served with: long-lived, opened once for a realm. */
import { isJoineryError, JoineryError } from '../core/errors.ts';
import type { PortableKeys, WritePkcs12 } from '../core/key-ports.ts';
import { clusterOf, type RealmConfig } from '../core/realm/config.ts';
import type { PeersReply } from '../core/join/messages.ts';
import type { SeedPeers } from '../core/onboarding/model.ts';
import type { Instant } from '../core/time.ts';
import type { OpenProvider } from '../core/join/provider.ts';
import type { Mac } from '../core/token/omnirelay.ts';
import type { Attestor, JoinObserver, Peer } from './join-peer.ts';
import { SILENT_OBSERVER } from './join-peer.ts';
import type { PolicySource } from './load-policy.ts';
import { nodeIssuers } from './node-issuer.ts';
import type { NodeProvider } from './node-provider.ts';
import type { Realm } from './realm.ts';
import { newRefusalBook, type RefusalBook } from './refusal-book.ts';
import { trustCache, type TrustChains } from './trust-cache.ts';

/** How `omnirelay` tokens are opened, and what the endpoint that makes keys needs. */
export interface OmnirelayService {
  readonly mac: Mac;
  readonly issuers: readonly string[];
  readonly portableKeys: PortableKeys;
  readonly writePkcs12: WritePkcs12;
}

export interface ListedPeers {
  readonly reply: PeersReply;
  /** As the header has it, with its quotes. */
  readonly etag: string;
}

export interface KeptPeers {
  readonly listed: Promise<ListedPeers>;
  readonly madeAt: Instant;
}

export type PeersCache = Map<string, KeptPeers>;

export interface JoinServiceOptions {
  readonly policies: PolicySource;
  readonly attestors?: ReadonlyMap<string, Attestor>;
  readonly observe?: JoinObserver;
  readonly omnirelay?: OmnirelayService | undefined;
  /** Judges a nonce that an attestor found in evidence; default: none is good. */
  readonly verifyChallenge?: (nonce: string) => boolean;
  /**
   * Is told the id of every token that proved authentic, before anything else is done for it, and the serial number of the certificate
   * of every report. @throws ERR_RATE_LIMITED
   */
  readonly admitToken?: (id: string) => void;
  /** For clusters with an identity provider; default: none can be asked. */
  readonly openProvider?: OpenProvider;
  /** Seconds of a clock that never goes back, with fractions; default: the realm's clock. */
  readonly ticks?: () => number;
}

export interface JoinService {
  /** Under the configuration of now. */
  readonly realm: Realm;
  readonly policies: PolicySource;
  readonly attestors: ReadonlyMap<string, Attestor>;
  readonly observe: JoinObserver;
  readonly omnirelay: OmnirelayService | undefined;
  readonly refusals: RefusalBook;
  /** Replies with the peers of a cluster, kept while no node changes. */
  readonly peers: PeersCache;
  /** When the configuration was read: the version of the seed peers. */
  readonly configuredAt: Instant;
  verifyChallenge(nonce: string): boolean;
  admitToken(id: string): void;
  ticks(): number;
  /** The authority of a cluster's nodes. @throws ERR_CLUSTER_UNKNOWN, ERR_SERVER_ISSUER */
  issuerOf(cluster: string): Promise<NodeProvider>;
  /** @throws ERR_TRUST_NOT_ACTIVATED */
  trustChains(): Promise<TrustChains>;
  /** Takes a new configuration; requests under way finish under the old one. */
  reconfigure(config: RealmConfig): void;
  /** Forgets authorities that were opened, because one of them changed. */
  forgetIssuers(): void;
  /** Stops watching the store. The realm stays open. */
  close(): void;
}

/** @throws ERR_PROVIDER_UNAVAILABLE */
const noProvider: OpenProvider = (_config, what) =>
  Promise.reject(new JoineryError('ERR_PROVIDER_UNAVAILABLE', `${what}: expected one that can be asked from here, found none`));

/** Opens the service over a realm whose online keys can be opened. */
export function openJoinService(realm: Realm, options: JoinServiceOptions): JoinService {
  const issuers = nodeIssuers(options.openProvider ?? noProvider);
  const trust = trustCache();
  const refusals = newRefusalBook();
  let current = realm;
  let configuredAt = realm.clock.now();
  const peers = new Map<string, KeptPeers>();
  const stops = [
    realm.store.watch('node/', () => peers.clear()),
    realm.store.watch('ca/', () => issuers.forget()),
    realm.store.watch('trust/', () => {
      trust.forget();
      issuers.forget();
    }),
  ];
  return {
    get realm() {
      return current;
    },
    get configuredAt() {
      return configuredAt;
    },
    policies: options.policies,
    attestors: options.attestors ?? new Map<string, Attestor>(),
    observe: options.observe ?? SILENT_OBSERVER,
    omnirelay: options.omnirelay,
    refusals,
    peers,
    verifyChallenge: options.verifyChallenge ?? (() => false),
    admitToken: options.admitToken ?? (() => undefined),
    ticks: options.ticks ?? (() => realm.clock.now()),
    issuerOf: (cluster) => issuers.of(current, cluster),
    trustChains: () => trust.chains(current),
    reconfigure: (config) => {
      current = { ...current, config };
      configuredAt = realm.clock.now();
      issuers.forget();
      peers.clear();
    },
    forgetIssuers: () => issuers.forget(),
    close: () => stops.forEach((stop) => stop()),
  };
}

/**
 * The realm as a request acts on it: its audit records carry the request's correlation id and who sent it.
 * @param identity what a certificate proved; without it the sender is an address.
 */
export function realmOfPeer({ realm }: Pick<JoinService, 'realm'>, peer: Peer, identity?: string): Realm {
  const sender = peer.transport === 'offline' ? realm.caller.actor : { name: peer.address, verified: false };
  const actor = identity === undefined ? sender : { name: identity, verified: true };
  return { ...realm, caller: { actor, correlationId: peer.correlationId } };
}

/** The configured peers of a cluster, as nodes and packages carry them. @throws ERR_CLUSTER_UNKNOWN */
export function seedPeersOf({ realm, configuredAt }: Pick<JoinService, 'realm' | 'configuredAt'>, cluster: string): SeedPeers {
  const { seed_peers: peers = [] } = clusterOf(realm.config, cluster);
  return { schema: 'joinery/seed-peers/1', cluster, version: configuredAt, peers };
}

const MAX_ATTEMPTS = 5;

/** Runs `work` again when another request changed what it relied on: each time something else has moved on. */
export async function retryConflicts<T>(service: Pick<JoinService, 'forgetIssuers'>, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isJoineryError(error, 'ERR_STORE_CONFLICT') || attempt === MAX_ATTEMPTS) throw error;
      if (String(error.details['key']).startsWith('ca/')) service.forgetIssuers();
    }
  }
}
