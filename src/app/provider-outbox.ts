/** Revocations that an identity provider is still to be told: `provider-revocation/<serial>`, written in the commit that revokes. */
import { fromBase64, toPem } from '../core/encoding.ts';
import { isJoineryError, type JoineryError } from '../core/errors.ts';
import type { OpenProvider } from '../core/join/provider.ts';
import { name } from '../core/names.ts';
import { integer, object, oneOf, type Parsed, parseDocument, string } from '../core/parse.ts';
import type { StoreEntry, StoreWrite } from '../core/ports.ts';
import { REVOCATION_REASON_NAMES, type RevocationReason } from '../core/x509/crl-writer.ts';
import type { CertificateRecord } from './certificate-records.ts';
import { clusterProvider } from './cluster-provider.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { storeEntries } from './store-pages.ts';

export const PROVIDER_REVOCATIONS = 'provider-revocation/';

const entry = object({
  cluster: name(),
  serial: string({ maxLength: 40 }),
  /** Instants. */
  at: integer(),
  not_after: integer(),
  reason: oneOf(REVOCATION_REASON_NAMES),
  /** base64 of DER. */
  certificate: string({ maxLength: 400_000 }),
});

/** A hold may end, and no provider of ours knows that: it is told of what is for good. */
export function outboxWrites(
  { provided, serial, not_after, certificate }: CertificateRecord,
  at: number,
  reason: RevocationReason,
): StoreWrite[] {
  if (provided === undefined || reason === 'certificateHold') return [];
  const value = { cluster: provided.cluster, serial, at, not_after, reason, certificate };
  return [{ key: `${PROVIDER_REVOCATIONS}${serial}`, value }];
}

interface Dropped {
  readonly serial: string;
  readonly reason: string;
}

interface Pending {
  readonly serial: string;
  readonly error: JoineryError;
}

export interface ToldProviders {
  /** Serial numbers of which the provider was told now. */
  readonly told: readonly string[];
  /** The provider revokes nothing, or the certificate has ended: it will not be told. */
  readonly dropped: readonly Dropped[];
  /** Still to be told. */
  readonly pending: readonly Pending[];
}

/**
 * Tells every provider what it has not been told; a cluster whose provider fails waits for the next round.
 * @throws ERR_REALM_MALFORMED
 */
export async function tellProviders(realm: Realm, openProvider: OpenProvider): Promise<ToldProviders> {
  const done = { told: [] as string[], dropped: [] as Dropped[], pending: [] as Pending[] };
  const failed = new Map<string, JoineryError>();
  for await (const found of storeEntries(realm.store, PROVIDER_REVOCATIONS)) {
    const revocation = parseDocument(entry, found.value, `state.db, record ${found.key}`, 'ERR_REALM_MALFORMED');
    const { cluster, serial } = revocation;
    const error = failed.get(cluster) ?? (await tell(realm, revocation, openProvider));
    const final = error === undefined ? undefined : finalReason(error, revocation, realm);
    if (error === undefined) done.told.push(serial);
    else if (final !== undefined) done.dropped.push({ serial, reason: final });
    else {
      failed.set(cluster, error);
      done.pending.push({ serial, error });
      continue;
    }
    await settle(realm, found, revocation, final);
  }
  return done;
}

async function tell(
  realm: Realm,
  { cluster, serial, certificate, reason }: Parsed<typeof entry>,
  openProvider: OpenProvider,
): Promise<JoineryError | undefined> {
  try {
    const { provider } = await clusterProvider(realm, cluster, openProvider);
    await provider.revoke({ serial, certificate_pem: toPem('CERTIFICATE', fromBase64(certificate)), reason });
    return undefined;
  } catch (error) {
    if (isJoineryError(error)) return error;
    throw error;
  }
}

/** Why it is of no use to ask again; undefined when it is. */
function finalReason({ code }: JoineryError, { not_after: end }: Parsed<typeof entry>, { clock }: Realm): string | undefined {
  return code === 'ERR_PROVIDER_CANNOT_REVOKE' || end <= clock.now() ? code : undefined;
}

async function settle(
  realm: Realm,
  { key, version }: StoreEntry,
  revocation: Parsed<typeof entry>,
  reason: string | undefined,
): Promise<void> {
  const { cluster, serial, reason: revokedFor } = revocation;
  const audit = auditEvent(realm, {
    event: 'cert.provider_revoke',
    subject: serial,
    ...(reason !== undefined && { result: 'failed', reason }),
    details: { cluster, revoked_for: revokedFor },
  });
  try {
    await commit(realm.store, { checks: [{ key, version }], writes: [{ key, delete: true }], audit: [audit] });
  } catch (error) {
    // A command and a server may both have told it: one of them records it.
    if (!isJoineryError(error, 'ERR_STORE_CONFLICT')) throw error;
  }
}
