/** Starts a cluster that shares one certificate: its authority, the certificate, and the token that members join with. */
import { clusterOf } from '../core/realm/config.ts';
import { type ClusterRecord } from '../core/cluster/record.ts';
import { JoineryError } from '../core/errors.ts';
import type { KeyType } from '../core/key-ports.ts';
import type { Secret } from '../core/secret.ts';
import { formatInstant, type Instant, type Seconds } from '../core/time.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import { issueShared } from './cluster-certificate.ts';
import { clusterKey, clusterWrite } from './cluster-records.ts';
import { createCa } from './create-ca.ts';
import { mintSecretToken } from './mint-secret-token.ts';
import { inOneCommit } from './one-commit.ts';
import { auditEvent, commit, type Realm } from './realm.ts';

/** Authorities sign answers, so their keys are of the types that JOSE and joinery share. */
export const CLUSTER_KEY_TYPES = ['p256', 'p384', 'ed25519'] as const satisfies readonly KeyType[];

export interface InitClusterInput {
  /** A cluster of joinery.yaml. */
  readonly name: string;
  /** Default: the cluster's only role. */
  readonly role?: string | undefined;
  /** Name of the new authority; default `<name>-ca`. */
  readonly ca?: string | undefined;
  readonly keyType?: (typeof CLUSTER_KEY_TYPES)[number] | undefined;
  /** Life of the certificate; default 10 years. */
  readonly ttl?: Seconds | undefined;
  /** `dns:a.example`, `ip:10.0.0.1`. */
  readonly names: readonly string[];
  /** null (default): never ends. */
  readonly tokenTtl?: Seconds | null | undefined;
  /** null (default): reusable. */
  readonly tokenUses?: number | null | undefined;
}

export interface InitClusterResult {
  readonly record: ClusterRecord;
  readonly authority: Certificate;
  readonly token: Secret;
  readonly tokenExpiresAt: Instant | null;
  readonly warnings: readonly string[];
}

/**
 * Authority, certificate, token and record are one commit.
 * @throws ERR_CLUSTER_UNKNOWN, ERR_ROLE_UNKNOWN, ERR_CLUSTER_EXISTS, ERR_CA_EXISTS, ERR_CERTIFICATE_*, ERR_TOKEN_LIFETIME, ERR_KEY_*, ERR_STORE_CONFLICT
 */
export async function initCluster(realm: Realm, input: InitClusterInput): Promise<InitClusterResult> {
  const role = roleOf(realm, input);
  if ((await realm.store.get(clusterKey(input.name))) !== undefined) {
    throw new JoineryError('ERR_CLUSTER_EXISTS', `NAME: expected a cluster without a shared certificate, found ${input.name} with one`, {
      hint: 'joinery cluster status shows it; joinery cluster rotate-cert replaces its certificate',
    });
  }
  return inOneCommit(realm, async (staged) => {
    const ca = await createCa(staged, { name: input.ca ?? `${input.name}-ca`, keyType: input.keyType, pathLen: 0 });
    const shared = await issueShared(staged, { ...input, cluster: input.name, ca: ca.record.name, generation: 1 });
    const { token, grant } = await mintSecretToken(staged, {
      dialect: { format: 'secure', caFingerprint: ca.certificate.fingerprint },
      cluster: input.name,
      role,
      ttl: input.tokenTtl ?? null,
      maxUses: input.tokenUses ?? null,
    });
    const record: ClusterRecord = {
      schema: 'joinery/cluster/1',
      name: input.name,
      role,
      phase: 'stable',
      sequence: 1,
      phase_sequence: 1,
      authorities: [ca.record.name],
      certificate: shared.certificate,
      names: [...input.names],
      superseded: [],
      token: grant.id,
      members: [],
      evicted: [],
    };
    await commitFirst(staged, record, ca.certificate);
    const warnings = [...ca.warnings, ...shared.warnings];
    return { record, authority: ca.certificate, token, tokenExpiresAt: grant.expiresAt, warnings };
  });
}

function roleOf({ config }: Realm, { name, role }: InitClusterInput): string {
  const { roles } = clusterOf(config, name);
  const [first, ...others] = roles as [string, ...string[]];
  if (role !== undefined || others.length === 0) return role ?? first;
  throw new JoineryError('ERR_USAGE', `--role: expected one of ${roles.join(', ')} for the join token, found none`);
}

async function commitFirst(realm: Realm, record: ClusterRecord, authority: Certificate): Promise<void> {
  const { name, certificate } = record;
  const details = {
    ca: certificate.ca,
    ca_fingerprint: authority.fingerprint,
    serial: certificate.serial,
    not_after: formatInstant(certificate.not_after as Instant),
    token: record.token,
  };
  await commit(realm.store, {
    checks: [{ key: clusterKey(name), version: 'absent' }],
    writes: [clusterWrite(record)],
    audit: [auditEvent(realm, { event: 'cert.cluster_init', subject: name, details })],
  });
}
