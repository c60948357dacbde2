/** The attestors of a configuration: their keys and authorities are read when they are opened, so that what is wrong is said at the start. */
import { awsIamAttestor } from '../core/attest/aws-iam.ts';
import { awsIidAttestor } from '../core/attest/aws-iid.ts';
import type { Attestor, HttpsFetch } from '../core/attest/context.ts';
import { joineryPeerAttestor } from '../core/attest/joinery-peer.ts';
import { type KeySource, keySource } from '../core/attest/key-source.ts';
import { oidcAttestor } from '../core/attest/oidc.ts';
import { signedDigestAttestor } from '../core/attest/signed-digest.ts';
import { x509popAttestor } from '../core/attest/x509pop.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { type AttestorConfig, type AttestorConfigOf } from '../core/realm/attestation-config.ts';
import type { RealmConfig } from '../core/realm/config.ts';
import type { SubjectPublicKeyInfo } from '../core/x509/algorithms.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import { type NamedBytes, readCertificateFile, readRevocationListFile } from '../core/x509/certificate-files.ts';
import { readDocuments } from '../core/x509/documents.ts';
import type { Realm } from './realm.ts';

export type AttestorWorld = Pick<Realm, 'directory' | 'files' | 'clock' | 'verifySignature' | 'verifyJws'> & { readonly fetch: HttpsFetch };

/** @throws ERR_FILE_NOT_FOUND, ERR_FILE_ACCESS, ERR_INPUT_TOO_LARGE, ERR_CERTIFICATE_MALFORMED, ERR_PEM_MALFORMED, ERR_KEY_MALFORMED, ERR_JSON_MALFORMED */
export async function openAttestors(
  world: AttestorWorld,
  { attestation = [] }: Pick<RealmConfig, 'attestation'>,
): Promise<ReadonlyMap<string, Attestor>> {
  const opened = new Map<string, Attestor>();
  for (const config of attestation) opened.set(config.name, await openAttestor(world, config));
  return opened;
}

function openAttestor(world: AttestorWorld, config: AttestorConfig): Attestor | Promise<Attestor> {
  const { verifySignature } = world;
  switch (config.type) {
    case 'oidc':
      return openOidc(world, config);
    case 'aws-iid':
      return openAwsIid(world, config);
    case 'aws-iam':
      return openAwsIam(world, config);
    case 'x509pop':
      return openX509pop(world, config);
    case 'joinery-peer':
      return joineryPeerAttestor({ name: config.name, roles: config.roles, verifySignature });
    case 'signed-digest':
      return openSignedDigest(world, config);
  }
}

const MAX_FILE = 1024 * 1024;

async function read({ directory, files }: AttestorWorld, path: string): Promise<NamedBytes> {
  const what = path.startsWith('/') ? path : `${directory}/${path}`;
  return { what, bytes: await files.read(what, MAX_FILE) };
}

async function readText(world: AttestorWorld, path: string): Promise<string> {
  const { what, bytes } = await read(world, path);
  return decodeUtf8(bytes, what);
}

/** PEM of anchors for TLS, seen to be certificates. */
async function anchorsOf(world: AttestorWorld, path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  readCertificateFile(await read(world, path));
  return readText(world, path);
}

async function certificatesOf(world: AttestorWorld, paths: readonly string[]): Promise<Certificate[]> {
  const all = await Promise.all(paths.map(async (path) => readCertificateFile(await read(world, path))));
  return all.flat();
}

/** A file is looked at again within a minute. */
const FILE_TTL = 60;
const MAX_JWKS = 512 * 1024;

async function openOidc(world: AttestorWorld, config: AttestorConfigOf<'oidc'>): Promise<Attestor> {
  const { name, issuer, audiences, algorithms, claims, max_age: maxAge } = config;
  const keys = config.jwks_file === undefined ? await urlKeys(world, config) : await fileKeys(world, config.jwks_file);
  return oidcAttestor({ name, issuer, audiences, algorithms, keys, verifyJws: world.verifyJws, maxAge, claims });
}

async function fileKeys(world: AttestorWorld, path: string): Promise<KeySource> {
  const source = keySource({ what: path, clock: world.clock, ttl: FILE_TTL, load: () => readText(world, path) });
  await source.keys();
  return source;
}

/** Got when the first token comes: an issuer that is down must not keep the server from starting. */
async function urlKeys(world: AttestorWorld, config: AttestorConfigOf<'oidc'>): Promise<KeySource> {
  const url = config.jwks_url as string;
  const anchors = await anchorsOf(world, config.ca_file);
  const load = async (): Promise<string> => {
    const { status, body } = await world.fetch({
      method: 'GET',
      url,
      headers: { accept: 'application/json' },
      anchors,
      maxBytes: MAX_JWKS,
    });
    if (status === 200) return decodeUtf8(body, url);
    throw new JoineryError('ERR_ATTESTATION_UNAVAILABLE', `${url}: expected status 200, found ${status}`);
  };
  return keySource({ what: url, clock: world.clock, load });
}

async function openAwsIid(world: AttestorWorld, config: AttestorConfigOf<'aws-iid'>): Promise<Attestor> {
  const { name, accounts, max_age: maxAge } = config;
  const certificates = new Map<string, readonly Certificate[]>();
  for (const [region, paths] of Object.entries(config.certificates)) certificates.set(region, await certificatesOf(world, paths));
  return awsIidAttestor({ name, certificates, accounts, verifySignature: world.verifySignature, maxAge });
}

async function openAwsIam(world: AttestorWorld, config: AttestorConfigOf<'aws-iam'>): Promise<Attestor> {
  const { name, accounts, endpoints = ['sts.amazonaws.com'], max_age: maxAge } = config;
  return awsIamAttestor({ name, endpoints, accounts, fetch: world.fetch, anchors: await anchorsOf(world, config.ca_file), maxAge });
}

async function openX509pop(world: AttestorWorld, config: AttestorConfigOf<'x509pop'>): Promise<Attestor> {
  const { name, ca_files: caFiles, crl_files: crlFiles, key_purpose: purpose } = config;
  const anchors = await certificatesOf(world, caFiles);
  const crls = crlFiles && (await Promise.all(crlFiles.map(async (path) => readRevocationListFile(await read(world, path))))).flat();
  return x509popAttestor({ name, anchors, crls, purpose, verifySignature: world.verifySignature });
}

async function openSignedDigest(world: AttestorWorld, config: AttestorConfigOf<'signed-digest'>): Promise<Attestor> {
  const { name, digests, single_use: singleUse, max_age: maxAge } = config;
  const keys = await Promise.all(config.key_files.map(async (path) => publicKeysOf(await read(world, path))));
  return signedDigestAttestor({ name, keys: keys.flat(), digests, singleUse, verifySignature: world.verifySignature, maxAge });
}

/** @throws ERR_KEY_MALFORMED for a file without a public key or certificate */
function publicKeysOf({ what, bytes }: NamedBytes): readonly SubjectPublicKeyInfo[] {
  const keys = readDocuments(bytes, what).flatMap((document) => {
    if (document.kind === 'public-key') return [document.publicKey];
    return document.kind === 'certificate' ? [document.certificate.publicKey] : [];
  });
  if (keys.length > 0) return keys;
  throw new JoineryError('ERR_KEY_MALFORMED', `${what}: expected a public key or certificate, found neither`);
}
