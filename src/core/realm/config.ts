/** `joinery.yaml`: the environment, the trust domain, and the clusters and roles that tokens and packages may name. */
import type { JsonObject, JsonValue } from '../canonical-json.ts';
import { JoineryError } from '../errors.ts';
import { publicJwkParser } from '../jwk.ts';
import { dnsName, name, nearest, trustDomain } from '../names.ts';
import { array, boolean, integer, object, oneOf, optional, type Parsed, parseDocument, refine, string } from '../parse.ts';
import { attestationConfig } from './attestation-config.ts';
import { identityProvider } from './provider-config.ts';
import { serverConfig } from './server-config.ts';

const url = string({ maxLength: 2048, pattern: /^https:\/\/[^\s/?#@]+(?::\d{1,5})?(?:\/[^\s?#]*)?$/, describe: 'an https URL' });
/** Host or address and port, as a node dials it. */
const address = string({ maxLength: 300, pattern: /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/, describe: 'host:port' });

const cluster = object({
  name: name(),
  roles: array(name(), { minItems: 1, maxItems: 100 }),
  join_urls: optional(array(url, { maxItems: 20 })),
  seed_peers: optional(array(object({ address, role: optional(name()) }), { maxItems: 1000 })),
  /** Authority that issues the certificates of its nodes; default: the newest online one under an active anchor of node-cert-lifecycle. */
  issuing_ca: optional(name()),
  /** Life of a node's certificate in seconds where the policy names none; default 24 h. */
  node_lifetime: optional(integer(60, 31536000)),
  /** Who signs the certificates of its nodes, instead of an authority whose key the realm has. */
  identity_provider: optional(identityProvider),
  /** File with the join policy, relative to the realm; without one nodes join as their tokens say. */
  policy: optional(string({ minLength: 1, maxLength: 1024, pattern: /^[^\0]+$/, describe: 'a path of a policy file' })),
});

/** Keys that sign policy files, and whether a file must be signed by one of them. */
const policySigning = refine(
  object({ require_signed: optional(boolean()), signers: optional(array(publicJwkParser, { maxItems: 20 })) }),
  (value) =>
    value.require_signed === true && (value.signers ?? []).length === 0
      ? { issue: 'expected signers where policies must be signed, found none' }
      : { value },
);

/** What an administrator may ask of a server (FORMATS 4). */
export const ADMIN_ACTIONS = ['token.mint', 'token.revoke', 'cert.revoke'] as const;

const admin = object({ name: name(), may: array(oneOf(ADMIN_ACTIONS), { minItems: 1, maxItems: ADMIN_ACTIONS.length }) });

function eachOnce<T extends { readonly name: string }>(kind: string, entries: readonly T[]): { value: readonly T[] } | { issue: string } {
  const seen = new Set<string>();
  const twice = entries.find((entry) => seen.size === seen.add(entry.name).size);
  return twice === undefined ? { value: entries } : { issue: `expected each ${kind} once, found ${twice.name} twice` };
}

const config = object({
  schema: oneOf(['joinery/realm-config/1']),
  environment: object({ name: name(), domain: dnsName() }),
  trust_domain: trustDomain(),
  clusters: refine(array(cluster, { maxItems: 1000 }), (clusters) => eachOnce('cluster', clusters)),
  /** Who may call the server with a certificate of `admin issue`, and for what. */
  admins: optional(refine(array(admin, { maxItems: 1000 }), (admins) => eachOnce('admin', admins))),
  server: optional(serverConfig),
  policy: optional(policySigning),
  /** Who proves what a node is: attestors by name, as policies and nodes name them. */
  attestation: optional(attestationConfig),
  token: optional(object({ max_lifetime: optional(integer(1, 31536000)) })),
});

export type RealmConfig = Parsed<typeof config>;
export type ClusterConfig = RealmConfig['clusters'][number];
export type AdminConfig = Parsed<typeof admin>;

/** @param what names the file. @throws ERR_CONFIG_MALFORMED with every wrong path. */
export function parseRealmConfig(value: JsonValue, what: string): RealmConfig {
  return parseDocument(config, value, what, 'ERR_CONFIG_MALFORMED');
}

/** The published JSON Schema of `joinery.yaml`. */
export function realmConfigSchema(): JsonObject {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://joinery.dev/schema/realm-config-1.json',
    title: 'joinery realm configuration (joinery.yaml)',
    ...config.schema,
  };
}

/** @throws ERR_CLUSTER_UNKNOWN naming the known clusters. */
export function clusterOf(realm: RealmConfig, cluster: string): ClusterConfig {
  const found = realm.clusters.find((entry) => entry.name === cluster);
  if (found !== undefined) return found;
  const known = realm.clusters.map((entry) => entry.name);
  throw new JoineryError('ERR_CLUSTER_UNKNOWN', `--cluster: expected ${oneOfNames(known)}, found ${cluster}`, {
    hint: didYouMean(cluster, known) ?? 'add the cluster to joinery.yaml under clusters',
    details: { cluster, known },
  });
}

/** @throws ERR_ADMIN_UNKNOWN naming the known admins. */
export function adminOf(realm: RealmConfig, adminName: string): AdminConfig {
  const admins = realm.admins ?? [];
  const found = admins.find((entry) => entry.name === adminName);
  if (found !== undefined) return found;
  const known = admins.map((entry) => entry.name);
  throw new JoineryError('ERR_ADMIN_UNKNOWN', `NAME: expected ${oneOfNames(known)}, found ${adminName}`, {
    hint: didYouMean(adminName, known) ?? `add it to joinery.yaml under admins, with what it may do (${ADMIN_ACTIONS.join(', ')})`,
    details: { admin: adminName, known },
  });
}

/** @throws ERR_ROLE_UNKNOWN naming the cluster's roles. */
export function assertRole(cluster: ClusterConfig, role: string): void {
  if (cluster.roles.includes(role)) return;
  throw new JoineryError('ERR_ROLE_UNKNOWN', `--role: expected ${oneOfNames(cluster.roles)} of cluster ${cluster.name}, found ${role}`, {
    hint: didYouMean(role, cluster.roles) ?? `add the role to cluster ${cluster.name} in joinery.yaml`,
    details: { cluster: cluster.name, role, known: cluster.roles },
  });
}

function oneOfNames(known: readonly string[]): string {
  return known.length === 0 ? 'a configured name (none is configured)' : known.join(' or ');
}

function didYouMean(word: string, known: readonly string[]): string | undefined {
  const candidate = nearest(word, known);
  return candidate === undefined ? undefined : `did you mean ${candidate}?`;
}
