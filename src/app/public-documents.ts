/** What a server shows to everybody: documents that prove themselves, made once and kept until what they say changes. */
import { canonicalJson, type JsonObject } from '../core/canonical-json.ts';
import { digestOf } from '../core/digest.ts';
import { toPem, utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { chainDocument } from '../core/trust/chain.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import { MAX_CRL_OCTETS, parseRevocationList } from '../core/x509/crl.ts';
import { readCa } from './ca-records.ts';
import { exportTrust } from './export-trust.ts';
import { crlFile, readLast } from './issue-crl.ts';
import type { Realm } from './realm.ts';
import { activeTrust } from './show-trust.ts';
import { readVersion } from './trust-records.ts';

export interface PublicDocument {
  readonly type: 'application/json' | 'application/pem-certificate-chain' | 'application/pkix-crl';
  readonly bytes: Uint8Array;
  /** Strong entity tag, with its quotes (RFC 9110 section 8.8.3). */
  readonly etag: string;
}

export interface PublicDocuments {
  /** `joinery/trust-chain/1`: all activated versions up to the active one, or just one of them. @throws ERR_TRUST_NOT_ACTIVATED, ERR_TRUST_NOT_FOUND */
  trust(purpose: Purpose, version?: number): Promise<PublicDocument>;
  /** The active anchors of both purposes. @throws ERR_TRUST_NOT_ACTIVATED */
  anchors(): Promise<PublicDocument>;
  /** The active bundle of a purpose in PEM, for who knows one of its anchors by a pin, or its fingerprint. @throws ERR_TRUST_NOT_ACTIVATED */
  bundlePem(purpose: Purpose): Promise<PublicDocument>;
  /** SPIFFE bundle of the trust domain: the anchors of node-cert-lifecycle. @throws ERR_TRUST_NOT_ACTIVATED */
  spiffeBundle(): Promise<PublicDocument>;
  /** The newest list of an authority, in DER. @throws ERR_CA_NOT_FOUND, ERR_CRL_NOT_FOUND */
  crl(issuer: string): Promise<PublicDocument>;
  close(): void;
}

/** @param realm its store is watched until {@link PublicDocuments.close}. */
export function openPublicDocuments(realm: Realm): PublicDocuments {
  const kept = new Map<string, PublicDocument>();
  const forget = (): void => kept.clear();
  const stops = ['trust/', 'ca/', 'crl/'].map((prefix) => realm.store.watch(prefix, forget));
  const keep = async (name: string, make: () => Promise<PublicDocument>): Promise<PublicDocument> => {
    const known = kept.get(name);
    if (known !== undefined) return known;
    const made = await make();
    kept.set(name, made);
    return made;
  };
  return {
    trust: (purpose, version) => keep(`trust/${purpose}/${version ?? ''}`, () => trustDocument(realm, purpose, version)),
    anchors: () => keep('anchors', () => anchorsDocument(realm)),
    bundlePem: (purpose) => keep(`pem/${purpose}`, () => pemDocument(realm, purpose)),
    spiffeBundle: () => keep('spiffe', async () => json((await exportTrust(realm, 'node-cert-lifecycle', 'spiffe')).text)),
    async crl(issuer) {
      const known = kept.get(`crl/${issuer}`);
      if (known !== undefined) return known;
      const { document, settled } = await crlDocument(realm, issuer);
      if (settled) kept.set(`crl/${issuer}`, document);
      return document;
    },
    close: () => stops.forEach((stop) => stop()),
  };
}

function documentOf(type: PublicDocument['type'], bytes: Uint8Array): PublicDocument {
  return { type, bytes, etag: `"${digestOf(bytes).slice(0, 32)}"` };
}

const json = (text: string): PublicDocument => documentOf('application/json', utf8(text));

async function trustDocument(realm: Realm, purpose: Purpose, version: number | undefined): Promise<PublicDocument> {
  if (version === undefined) return json((await exportTrust(realm, purpose, 'chain')).text);
  const { record } = await readVersion(realm, purpose, version);
  const { envelope: manifest, activation } = record;
  if (activation === undefined) throw notActivated(purpose, version);
  const document = chainDocument([{ manifest, activation }]);
  return json(`${canonicalJson(document)}\n`);
}

/** FORMATS 2: a version that is not activated leaves the realm for nobody. */
function notActivated(purpose: Purpose, version: number): JoineryError {
  return new JoineryError('ERR_TRUST_NOT_FOUND', `${purpose}: expected an activated version, found none with number ${version}`);
}

async function anchorsDocument(realm: Realm): Promise<PublicDocument> {
  const anchors: JsonObject[] = [];
  for (const purpose of PURPOSES) {
    const { signed } = await activeTrust(realm, purpose);
    for (const { fingerprint, pin, der } of signed.anchors) {
      anchors.push({ purpose, fingerprint, spki_pin: pin, certificate_pem: toPem('CERTIFICATE', der) });
    }
  }
  return json(`${canonicalJson({ anchors })}\n`);
}

async function pemDocument(realm: Realm, purpose: Purpose): Promise<PublicDocument> {
  const { signed } = await activeTrust(realm, purpose);
  return documentOf('application/pem-certificate-chain', utf8(signed.manifest.bundle_pem));
}

/** The number is committed before the file is written: between the two the file is the list before, and is not kept. */
async function crlDocument(realm: Realm, issuer: string): Promise<{ readonly document: PublicDocument; readonly settled: boolean }> {
  const ca = await readCa(realm, issuer, 'issuer');
  const path = `${realm.directory}/${crlFile(ca.record.name)}`;
  if ((await realm.files.stat(path)) === undefined) {
    throw new JoineryError('ERR_CRL_NOT_FOUND', `${issuer}: expected a revocation list, found none issued yet`, {
      hint: `joinery ca crl ${issuer} issues one`,
    });
  }
  const bytes = await realm.files.read(path, MAX_CRL_OCTETS);
  const { number } = await readLast(realm, issuer, realm.clock.now());
  return {
    document: documentOf('application/pkix-crl', bytes),
    settled: Number.parseInt(parseRevocationList(bytes, path).cRLNumber as string, 16) === number,
  };
}
