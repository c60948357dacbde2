/** GastroLog's way in: a node that shows the secret of a `secure` token is given the certificate and key that its cluster shares. */
import { digestOf } from '../core/digest.ts';
import { decodeUtf8, fromHex, parsePem, toHex, toPem, utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { isName, uuidV4 } from '../core/names.ts';
import { Secret } from '../core/secret.ts';
import { formatSecure, idOfSecret } from '../core/token/secure.ts';
import type { Fingerprint } from '../core/digest.ts';
import { readCa } from './ca-records.ts';
import { answerContent } from './cluster-answers.ts';
import { readCluster, type StoredCluster } from './cluster-records.ts';
import { enrolledKey, type EnrolledMember } from './cluster-enrolled.ts';
import { consumeToken, type Issued } from './consume-token.ts';
import type { Peer } from './join-peer.ts';
import { observed } from './join-run.ts';
import { type JoinService, realmOfPeer, retryConflicts } from './join-service.ts';
import { auditEvent, type Realm } from './realm.ts';
import { readToken } from './token-records.ts';

export interface EnrollSharedInput {
  /** The part of the token before the colon, in hex; the whole token is taken as well. */
  readonly tokenSecret: string;
  /** A name, or the bytes of one; other bytes become hex. */
  readonly nodeId: string | Uint8Array;
  /** Where the node says that it is reached. */
  readonly nodeAddress: string;
}

export interface EnrollSharedResult {
  /** Every authority that members trust now; first the one that issued the certificate. */
  readonly caPem: string;
  readonly certificatePem: string;
  readonly keyPem: Secret;
}

/**
 * Gives the shared certificate, by one commit of the use of the token, the member and the audit record. Without a key of its own a
 * node cannot prove to be the one that asked before, so every request is a new use.
 * @throws ERR_JOIN_UNAUTHENTICATED for any wrong secret; ERR_TOKEN_*, ERR_REQUEST_MALFORMED, ERR_CLUSTER_NOT_INITIALIZED, ERR_KEY_*
 */
export async function enrollShared(service: JoinService, input: EnrollSharedInput, from: Peer): Promise<EnrollSharedResult> {
  const peer: Peer = { ...from, transport: 'gastrolog' };
  return observed(service, peer, 'enroll', async (run) => {
    const realm = realmOfPeer(service, peer);
    const node = nodeName(input.nodeId);
    const given: { content?: EnrollSharedResult } = {};
    const { token, id, stored } = await locate(realm, input.tokenSecret);
    const { name: cluster, role } = stored.record;
    await retryConflicts(service, async () => {
      const onAuthentic = (): void => {
        if (run.authenticated) return;
        Object.assign(run, { authenticated: true, cluster, node, subject: id });
        service.admitToken(id);
      };
      const keyThumbprint = `request:${uuidV4(realm.random)}`;
      await consumeToken(realm, { token, cluster, role, node, keyThumbprint, onAuthentic }, async () => {
        run.step('verify');
        const current = await readCluster(realm, cluster);
        const { ca_pem: caPem, certificate_pem: certificatePem, key_pem: key } = await answerContent(realm, current.record, node);
        given.content = { caPem: issuerFirst(caPem, current.record), certificatePem, keyPem: new Secret(key) };
        return issuedTo(realm, current, { node, address: input.nodeAddress });
      });
    });
    run.step('commit');
    return given.content as EnrollSharedResult;
  });
}

/** GastroLog's node reads the first certificate and no other: it must be the one that vouches for what the node is given. */
function issuerFirst(caPem: string, { authorities, certificate }: StoredCluster['record']): string {
  const pems = parsePem(caPem).map(({ der }) => toPem('CERTIFICATE', der));
  const [issuer] = pems.splice(authorities.indexOf(certificate.ca), 1);
  return [issuer, ...pems].join('');
}

/** @throws ERR_REQUEST_MALFORMED */
function nodeName(given: string | Uint8Array): string {
  const bytes = typeof given === 'string' ? utf8(given) : given;
  const name = textOf(bytes) ?? toHex(bytes);
  if (isName(name)) return name;
  throw new JoineryError('ERR_REQUEST_MALFORMED', 'node_id: expected 1 to 63 of A-Z a-z 0-9 . _ -, or 1 to 31 bytes, found something else');
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = decodeUtf8(bytes);
    return isName(text) ? text : undefined;
  } catch {
    // Raw bytes, such as a UUID.
    return undefined;
  }
}

interface Located {
  /** The whole token: the client keeps the pin to itself. */
  readonly token: string;
  readonly id: string;
  readonly stored: StoredCluster;
}

/** @throws ERR_TOKEN_UNKNOWN for a secret that opens nothing here */
async function locate(realm: Realm, secretText: string): Promise<Located> {
  const [hex = ''] = secretText.split(':');
  const unknown = (): JoineryError =>
    new JoineryError('ERR_TOKEN_UNKNOWN', 'secure token: expected the secret of one of this realm, found another');
  if (!/^(?:[0-9a-f]{2}){16,64}$/.test(hex)) throw unknown();
  const secret = fromHex(hex);
  const id = idOfSecret(secret);
  const record = await readToken(realm.store, 'secure', id);
  if (record === undefined) throw unknown();
  const stored = await readCluster(realm, record.grant.clusters[0]);
  for (const ca of stored.record.authorities) {
    const { certificate } = await readCa(realm, ca, `authority of cluster ${stored.record.name}`);
    const token = formatSecure({ secret, caFingerprint: certificate.fingerprint as Fingerprint });
    if (digestOf(utf8(token)) === record.sha256) return { token, id, stored };
  }
  // The authority that the token pins is trusted no more.
  throw unknown();
}

function issuedTo(
  realm: Realm,
  { record, check }: StoredCluster,
  { node, address }: { readonly node: string; readonly address: string },
): Issued {
  const { name: cluster, sequence, certificate } = record;
  const member: EnrolledMember = { node, address: address.slice(0, 300), at: realm.clock.now(), sequence, serial: certificate.serial };
  const details = { cluster, address: member.address, sequence, serial: certificate.serial };
  return {
    result: { node, sequence },
    checks: [check],
    writes: [{ key: enrolledKey(cluster, node), value: member }],
    audit: [auditEvent(realm, { event: 'join.enroll', subject: node, details })],
  };
}
