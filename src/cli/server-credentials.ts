/** The certificate and key that a server shows: its own, from the realm, or files that somebody else renews. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import type { TlsCredentials } from '../adapters/http-server.ts';
import { clusterAuthorities } from '../app/cluster-authorities.ts';
import type { Realm } from '../app/realm.ts';
import { serverCertificate } from '../app/server-certificate.ts';
import { activeTrust } from '../app/show-trust.ts';
import { decodeUtf8, parsePem, toPem } from '../core/encoding.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import type { Instant } from '../core/time.ts';
import { type Certificate, isSignedBy, parseCertificate } from '../core/x509/certificate.ts';

export interface FoundCredentials extends TlsCredentials {
  readonly notAfter: Instant;
  readonly serial: string;
  /** Name of the authority, or the file. */
  readonly source: string;
}

const MAX_FILE = 1024 * 1024;

/** The files that are read again when they change. */
export function credentialFiles({ directory, config }: Pick<Realm, 'directory' | 'config'>): readonly string[] {
  const { chain_file: chain, key_file: key } = config.server?.certificate ?? {};
  return [chain, key].flatMap((file) => (file === undefined ? [] : [resolve(directory, file)]));
}

/** @throws ERR_SERVER_CERTIFICATE, ERR_SERVER_ISSUER, ERR_FILE_*, ERR_PEM_MALFORMED, ERR_KEY_* */
export async function readCredentials(realm: Realm): Promise<FoundCredentials> {
  const found = await ownCredentials(realm);
  return realm.config.server?.gastrolog === true ? { ...found, chainPem: await withClusterAuthorities(realm, found.chainPem) } : found;
}

/**
 * A node of GastroLog looks for the authority that its token names among all that the server shows, and not for what that issued: it is
 * shown behind the chain, where everybody else passes over it (RFC 8446 section 4.4.2 has receivers bear it).
 */
async function withClusterAuthorities(realm: Realm, chainPem: string): Promise<string> {
  const authorities = (await clusterAuthorities(realm)).map(({ der }) => toPem('CERTIFICATE', der));
  return chainPem + authorities.filter((pem) => !chainPem.includes(pem)).join('');
}

async function ownCredentials(realm: Realm): Promise<FoundCredentials> {
  const [chainFile, keyFile] = credentialFiles(realm);
  if (chainFile !== undefined && keyFile !== undefined) return fromFiles(realm, chainFile, keyFile);
  if (chainFile !== undefined) {
    throw new JoineryError('ERR_SERVER_CERTIFICATE', 'server.certificate: expected chain_file and key_file together, found one of them');
  }
  const { chainPem, keyPem, notAfter, serial, ca } = await serverCertificate(realm);
  return { chainPem, keyPem, notAfter, serial, source: ca };
}

async function fromFiles(realm: Realm, chainFile: string, keyFile: string): Promise<FoundCredentials> {
  const chainText = decodeUtf8(await realm.files.read(chainFile, MAX_FILE), chainFile);
  const keyPem = new Secret(decodeUtf8(await realm.files.read(keyFile, MAX_FILE), keyFile));
  const chain = parsePem(chainText, chainFile).map(({ der }) => parseCertificate(der, chainFile));
  const [leaf] = chain;
  if (leaf === undefined) throw unusable(`${chainFile}: expected certificates, found none`);
  if (leaf.notAfter <= realm.clock.now()) throw unusable(`${chainFile}: expected a certificate that is valid now, found an expired one`);
  if (!fits(leaf, keyPem)) throw unusable(`${keyFile}: expected the private key of the first certificate of ${chainFile}, found another`);
  const root = await missingRoot(realm, chain.at(-1) as Certificate);
  const chainPem = [...chain, ...root].map(({ der }) => toPem('CERTIFICATE', der)).join('');
  return { chainPem, keyPem, notAfter: leaf.notAfter, serial: leaf.serialNumber, source: chainFile };
}

function fits(leaf: Certificate, keyPem: Secret): boolean {
  try {
    return new X509Certificate(leaf.der).checkPrivateKey(createPrivateKey(keyPem.reveal()));
  } catch {
    // What node:crypto says of a key may repeat it.
    return false;
  }
}

/** Clients with a pin look for the root, which files usually leave out: the anchor that signed the last certificate. */
async function missingRoot(realm: Realm, last: Certificate): Promise<readonly Certificate[]> {
  if (last.selfIssued) return [];
  try {
    const { signed } = await activeTrust(realm, 'control-plane-https');
    return signed.anchors.filter(({ spki }) => isSignedBy(last, spki, realm.verifySignature)).slice(0, 1);
  } catch (error) {
    if (isJoineryError(error, 'ERR_TRUST_NOT_ACTIVATED')) return [];
    throw error;
  }
}

function unusable(message: string): JoineryError {
  return new JoineryError('ERR_SERVER_CERTIFICATE', message, { hint: 'server.certificate in joinery.yaml names the files' });
}
