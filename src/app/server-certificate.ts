/**
 * The server's own certificate: issued by an online authority of the control-plane side, kept with its key among the online keys, and
 * issued anew when two thirds of its life are over, when its names or its authority changed, or when it was revoked.
 */
import type { JsonObject } from '../core/canonical-json.ts';
import { fromBase64, toPem } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { KEY_TYPES, type KeyReference } from '../core/key-ports.ts';
import { array, integer, object, oneOf, type Parsed, parseDocument, string } from '../core/parse.ts';
import type { StoreCheck } from '../core/ports.ts';
import type { RealmConfig } from '../core/realm/config.ts';
import type { Secret } from '../core/secret.ts';
import type { Instant, Seconds } from '../core/time.ts';
import { renewAfter } from '../core/join/renewal.ts';
import { parseSpki } from '../core/x509/algorithms.ts';
import { parseAlternativeName, parseHost } from '../core/x509/alternative-names.ts';
import type { AlternativeName } from '../core/x509/extension-writer.ts';
import { generalNameText } from '../core/x509/general-names.ts';
import { PROFILES } from '../core/x509/profiles.ts';
import { type CertificateAuthority, readCa } from './ca-records.ts';
import { certificateKey, type CertificateRecord, parseCertificateRecord } from './certificate-records.ts';
import { caChain } from './export-ca.ts';
import { findIssuer } from './find-issuer.ts';
import { keepOrDiscard } from './key-material.ts';
import { leafChange, openLeafIssuer } from './leaf-issuer.ts';
import { againOnConflict } from './one-commit.ts';
import { commit, type Realm } from './realm.ts';

const KEY = 'server-certificate';
/** Life of a server's certificate in seconds where the configuration names none. */
const DEFAULT_LIFETIME = 30 * 86400;

const storedRecord = object({
  serial: string({ maxLength: 40 }),
  names: array(string({ maxLength: 2048 }), { maxItems: 100 }),
  renew_after: integer(),
  key: object({ custody: oneOf(['online']), file: string(), type: oneOf(KEY_TYPES) }),
});

type Stored = Parsed<typeof storedRecord>;

export interface ServerCertificate {
  /** PEM: the certificate, those above it, and the root. */
  readonly chainPem: string;
  readonly keyPem: Secret;
  /** Name of the authority. */
  readonly ca: string;
  readonly serial: string;
  readonly names: readonly string[];
  readonly notAfter: Instant;
  readonly renewAfter: Instant;
  /** True when it was issued just now. */
  readonly issued: boolean;
}

/**
 * The present certificate, or a new one when it is due. Servers of one realm that start at the same moment end up with the same one.
 * @throws ERR_SERVER_ISSUER, ERR_SERVER_CERTIFICATE without any name, ERR_CA_*, ERR_KEY_*, ERR_STORE_CONFLICT
 */
export function serverCertificate(realm: Realm): Promise<ServerCertificate> {
  return againOnConflict(() => presentOrNew(realm));
}

async function presentOrNew(realm: Realm): Promise<ServerCertificate> {
  const ca = await issuerOf(realm);
  const names = serverNames(realm.config);
  const { stored, record, check } = await readStored(realm);
  if (stored !== undefined && record !== undefined && isCurrent(realm, { stored, record }, ca, names)) {
    const keyPem = await realm.vault.release(stored.key);
    return { ...(await describe(realm, record, stored)), keyPem, issued: false };
  }
  return issueServerCertificate(realm, { ca, names, check, previous: stored });
}

async function issuerOf(realm: Realm): Promise<CertificateAuthority> {
  const named = realm.config.server?.certificate?.ca;
  if (named !== undefined) return readCa(realm, named, 'server.certificate.ca');
  return findIssuer(realm, 'control-plane-https', 'server.certificate.ca');
}

/** The names of the configuration, or the hosts of all join URLs. @throws ERR_SERVER_CERTIFICATE, ERR_CERTIFICATE_NAME */
export function serverNames(config: RealmConfig): readonly AlternativeName[] {
  const { dns = [], ip = [] } = config.server?.certificate ?? {};
  const given = [
    ...dns.map((text) => parseAlternativeName('dns', text, 'server.certificate.dns')),
    ...ip.map((text) => parseAlternativeName('ip', text, 'server.certificate.ip')),
  ];
  const hosts = config.clusters.flatMap(({ join_urls: urls = [] }) => urls.map(hostOfUrl));
  const names = given.length > 0 ? given : [...new Set(hosts)].map((host) => parseHost(host, 'join_urls'));
  if (names.length > 0) return names;
  throw new JoineryError('ERR_SERVER_CERTIFICATE', 'server.certificate: expected names for the certificate of the server, found none', {
    hint: 'give dns or ip there, or join_urls to a cluster',
  });
}

function hostOfUrl(url: string): string {
  const authority = url.slice('https://'.length).split('/', 1)[0] as string;
  return authority.replace(/:\d{1,5}$/, '').replace(/^\[|\]$/g, '');
}

interface Found {
  readonly stored: Stored | undefined;
  readonly record: CertificateRecord | undefined;
  readonly check: StoreCheck;
}

async function readStored({ store }: Realm): Promise<Found> {
  const entry = await store.get(KEY);
  if (entry === undefined) return { stored: undefined, record: undefined, check: { key: KEY, version: 'absent' } };
  const stored = parseDocument(storedRecord, entry.value, `state.db, record ${KEY}`, 'ERR_REALM_MALFORMED');
  const key = certificateKey(stored.serial);
  const found = await store.get(key);
  return { stored, record: found && parseCertificateRecord(key, found.value), check: { key: KEY, version: entry.version } };
}

function isCurrent(
  realm: Realm,
  { stored, record }: { readonly stored: Stored; readonly record: CertificateRecord },
  ca: CertificateAuthority,
  names: readonly AlternativeName[],
): boolean {
  const same = stored.names.join() === names.map(generalNameText).join() && record.ca === ca.record.name;
  return same && record.revoked === undefined && realm.clock.now() < stored.renew_after;
}

interface Order {
  readonly ca: CertificateAuthority;
  readonly names: readonly AlternativeName[];
  readonly check: StoreCheck;
  readonly previous: Stored | undefined;
}

async function issueServerCertificate(realm: Realm, { ca, names, check, previous }: Order): Promise<ServerCertificate> {
  const issuer = await openLeafIssuer(realm, ca.record.name);
  const { reference, key } = await realm.vault.generate({ name: 'server-tls', type: 'p256', custody: 'online' });
  const made = await keepOrDiscard(realm.vault, [reference], async () => {
    const leaf = await issuer.issue({
      profile: PROFILES.server,
      names,
      publicKey: parseSpki(key.spki),
      ttl: (realm.config.server?.certificate?.lifetime ?? DEFAULT_LIFETIME) as Seconds,
      renews: previous?.serial,
      what: 'key of the server',
    });
    const { records, ...change } = leafChange(realm, issuer, [leaf]);
    const [record] = records as [CertificateRecord];
    const stored: Stored = {
      serial: leaf.serial,
      names: names.map(generalNameText),
      renew_after: renewAfter(realm.clock.now(), leaf.validity.notAfter),
      key: reference as Stored['key'],
    };
    const write = { key: KEY, value: { ...stored, names: [...stored.names], key: { ...reference } } as JsonObject };
    await commit(realm.store, { ...change, checks: [...change.checks, check], writes: [...change.writes, write] });
    return { record, stored };
  });
  const keyPem = await realm.vault.release(reference);
  // Its certificate is replaced for good: nothing presents it any more.
  if (previous !== undefined) await realm.vault.discard(previous.key as KeyReference);
  return { ...(await describe(realm, made.record, made.stored)), keyPem, issued: true };
}

async function describe(realm: Realm, record: CertificateRecord, stored: Stored): Promise<Omit<ServerCertificate, 'keyPem' | 'issued'>> {
  const above = (await caChain(realm, record.ca)).map(({ certificate }) => certificate.der);
  return {
    chainPem: [fromBase64(record.certificate), ...above].map((der) => toPem('CERTIFICATE', der)).join(''),
    ca: record.ca,
    serial: record.serial,
    names: record.sans,
    notAfter: record.not_after as Instant,
    renewAfter: stored.renew_after as Instant,
  };
}
