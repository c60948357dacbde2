/** Who a node may be: its name, and whether that name is free for the key that asks (FORMATS 4, "Node identity"). */
import { JoineryError } from '../core/errors.ts';
import type { JoinRequest } from '../core/join/messages.ts';
import { keyThumbprintOf } from '../core/join/node-key.ts';
import type { Store } from '../core/ports.ts';
import { formatInstant, type Instant } from '../core/time.ts';
import type { Grant } from '../core/token/grant.ts';
import type { CertificationRequest } from '../core/x509/csr.ts';
import { findNode, type FoundNode, MAX_LIVE_CERTIFICATES, revokedKeyKey } from './node-records.ts';

/** The name in the token, else the one that the node asks for, else the thumbprint of its key: 43 characters of base64url. */
export function nodeIdOf(grant: Pick<Grant, 'node'>, request: Pick<JoinRequest, 'node_id'>, csr: CertificationRequest): string {
  return grant.node ?? request.node_id ?? keyThumbprintOf(csr.publicKey);
}

export interface Entry {
  readonly cluster: string;
  readonly node: string;
  readonly csr: Pick<CertificationRequest, 'pin'>;
  readonly grant: Pick<Grant, 'node' | 'allowReentry'>;
}

/**
 * The record of the node, free for this key. A name with a valid certificate under another key, or of a revoked node, is taken only
 * by a token that names the node and allows it; a key whose certificate was revoked never enters again.
 * @throws ERR_NODE_EXISTS, ERR_NODE_REVOKED
 */
export async function assertEntry(store: Store, { cluster, node, csr, grant }: Entry, now: Instant): Promise<FoundNode> {
  await assertKeyNotRevoked(store, csr);
  const found = await findNode(store, cluster, node);
  const { record } = found;
  const reentry = grant.allowReentry && grant.node === node;
  if (record === undefined) return found;
  if (record.revoked !== undefined && !reentry) {
    throw new JoineryError('ERR_NODE_REVOKED', `node ${node}: expected one that is not revoked, found it revoked`, {
      hint: 'mint a token that names the node, with --allow-reentry, once it is clean',
    });
  }
  const live = record.certificates.filter(({ not_after }) => not_after > now);
  const another = record.revoked === undefined && record.not_after > now && record.spki_pin !== csr.pin;
  if ((another && !reentry) || live.length >= MAX_LIVE_CERTIFICATES) {
    const until = formatInstant(record.not_after as Instant);
    throw new JoineryError('ERR_NODE_EXISTS', `node ${node}: expected no certificate under another key, found one until ${until}`, {
      hint: 'mint a token that names the node, with --allow-reentry, or let the node renew',
      details: { node, cluster },
    });
  }
  return found;
}

/** @throws ERR_NODE_REVOKED */
export async function assertKeyNotRevoked(store: Store, { pin }: Pick<CertificationRequest, 'pin'>): Promise<void> {
  if ((await store.get(revokedKeyKey(pin))) === undefined) return;
  throw new JoineryError('ERR_NODE_REVOKED', 'key: expected one without a revoked certificate, found one with', {
    hint: 'make a new key on the node',
  });
}
