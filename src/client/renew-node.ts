/** Renews the certificate of a node over mTLS, with a new key: `node renew`. */
import { type InstalledIdentity, installIdentity } from '../app/install-identity.ts';
import { type NodeIdentity, readNodeIdentity, scheduleOf } from '../app/node-identity.ts';
import { askNaming, csrNaming } from '../app/named-request.ts';
import { type PendingKey, pendingKey } from '../app/pending-key.ts';
import { parsePem } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { keyThumbprintOf } from '../core/join/node-key.ts';
import { formatInstant, type Instant } from '../core/time.ts';
import { type Certificate, parseCertificate } from '../core/x509/certificate.ts';
import type { AlternativeName } from '../core/x509/extension-writer.ts';
import { hasIdentity } from '../core/x509/identity.ts';
import { besideOthers } from './beside-others.ts';
import { attestationOf, type NamedEvidence, recorded, report } from './join-node.ts';
import { nodeClient, type NodeClientOptions, type NodeClientWorld, notJoined } from './node-client.ts';

export interface RenewNodeInput extends NodeClientOptions {
  /** Only when two thirds of the life of the certificate have passed. */
  readonly ifDue?: boolean | undefined;
  /** Newer evidence than that of the join, where the policy asks for it. */
  readonly evidence?: NamedEvidence | undefined;
  /** Hears of what went wrong after the renewal, and does not undo it. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

export type RenewedNode =
  | ({ readonly state: 'renewed' } & InstalledIdentity)
  | { readonly state: 'not-due'; readonly identity: NodeIdentity; readonly renewAfter: Instant };

/**
 * @throws ERR_NODE_NOT_JOINED, ERR_NODE_EXPIRED, ERR_NODE_DIRECTORY, ERR_NODE_BUSY beside another run, ERR_REPLY_*, the server's code. After a refusal the identity is as
 *   it was, and the new key is kept for the next attempt: a server takes a second key for one certificate for a thief's.
 */
export async function renewNode(world: NodeClientWorld, input: RenewNodeInput): Promise<RenewedNode> {
  const { directory } = input;
  const identity = await readNodeIdentity(world, directory);
  if (identity === undefined) throw notJoined(directory);
  const { state, due } = scheduleOf(identity, world.clock.now());
  const presented = input.identity === undefined ? identity.certificate : await presentedBy(input.identity, identity);
  if (state === 'expired' && presented === identity.certificate) throw expired(identity);
  if (input.ifDue === true && state === 'fresh') return { state: 'not-due', identity, renewAfter: due };
  const { generation } = identity;
  const work = async (): Promise<RenewedNode> => {
    const key = await pendingKey(world, directory, presented.serialNumber);
    // A run beside this one may have renewed and forgotten its key meanwhile: ours would be a second one for the same certificate.
    const now = await readNodeIdentity(world, directory);
    if (now !== undefined && now.generation !== generation) return again();
    return { state: 'renewed', ...(await askAndInstall(world, input, identity, key)) };
  };
  const again = (): Promise<RenewedNode> => renewNode(world, { ...input, ifDue: true });
  return recorded(world, directory, 'renew', () => besideOthers(world, { directory, generation, work, again }));
}

function expired({ certificate }: NodeIdentity): JoineryError {
  return new JoineryError(
    'ERR_NODE_EXPIRED',
    `node.crt: expected a certificate that is still valid, found its end at ${formatInstant(certificate.notAfter)}`,
    {
      hint: 'nothing proves this node any more: joinery node join with a new token for it (token mint --node NAME --allow-reentry)',
    },
  );
}

async function askAndInstall(
  world: NodeClientWorld,
  input: RenewNodeInput,
  { meta, certificate }: NodeIdentity,
  { key, pem }: PendingKey,
): Promise<InstalledIdentity> {
  const { directory } = input;
  const client = await nodeClient(world, input);
  try {
    const request = { spki: key.spki, node: meta.node ?? keyThumbprintOf({ der: certificate.spki }), now: world.clock.now() };
    const attestation = await attestationOf(input.evidence, client, request);
    // Its own names at once, for those identity providers that sign no other.
    const signing = key.signing();
    const named = await csrNaming(signing, ownNames(certificate));
    const reply = await askNaming(signing, named, (csr) => client.renew({ csr, ...(attestation !== undefined && { attestation }) }));
    const expected = { cluster: meta.cluster, role: meta.role, node: meta.node, identity: meta.identity };
    const installed = await installIdentity(world, { directory, operation: 'renew', reply, key: { spki: key.spki, pem }, expected });
    await report(world, input);
    return installed;
  } finally {
    await client.close();
  }
}

/** Another identity's certificate would get another identity's renewal. @throws ERR_REPLY_IDENTITY, ERR_PEM_MALFORMED */
async function presentedBy(identity: NonNullable<RenewNodeInput['identity']>, { meta }: NodeIdentity): Promise<Certificate> {
  const what = 'client certificate';
  const [block] = parsePem((await identity()).certificates, what);
  const certificate = parseCertificate((block as NonNullable<typeof block>).der, what);
  if (hasIdentity(certificate, { kind: 'uri', value: meta.identity })) return certificate;
  throw new JoineryError('ERR_REPLY_IDENTITY', `${what}: expected the one of ${meta.identity}, as in the node directory, found another`);
}

function ownNames({ extensions }: Certificate): readonly AlternativeName[] {
  return (extensions.subjectAltName ?? []).filter((name): name is AlternativeName => ['uri', 'dns', 'ip'].includes(name.kind));
}
