/** Makes a certificate authority: a root that signs itself, or one under a parent. */
import type { JsonObject } from '../core/canonical-json.ts';
import { toPem, utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { parseName } from '../core/names.ts';
import type { Custody, KeyReference, KeyType, SigningKey } from '../core/key-ports.ts';
import { formatInstant, type Instant, plus, type Seconds } from '../core/time.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import { type AuthorityScope, assertTrustDomain, scopeExtensions } from '../core/x509/authority-extensions.ts';
import { emptySubtree, inheritanceViolation, inheritConstraints } from '../core/x509/constraint-inheritance.ts';
import { generalNameText } from '../core/x509/general-names.ts';
import { issueCertificate } from '../core/x509/issue.ts';
import type { NameConstraints } from '../core/x509/name-constraints-extension.ts';
import { parseNameText, writeName } from '../core/x509/name-text.ts';
import { type CertificateTemplate, caTemplate, newSerialNumber, type Validity, validityOf } from '../core/x509/template.ts';
import { caKey, type CaRecord, type CertificateAuthority, readCa } from './ca-records.ts';
import { keepOrDiscard } from './key-material.ts';
import { auditEvent, commit, type Realm } from './realm.ts';

export interface CreateCaInput {
  readonly name: string;
  /** The authority that signs it; without one it is a root. */
  readonly parent?: string | undefined;
  /** Default p256. */
  readonly keyType?: KeyType | undefined;
  /** Default 10 years for a root, 5 for another. */
  readonly ttl?: Seconds | undefined;
  /** Instead of `ttl`. */
  readonly notAfter?: Instant | undefined;
  /** Refuses what would outlive the parent, instead of shortening it. */
  readonly strict?: boolean | undefined;
  /** RFC 4514; default `CN=<name>,O=<environment>`. */
  readonly subject?: string | undefined;
  /** Default offline for a root, online for another. */
  readonly custody?: Custody | undefined;
  /** Default 0 under a parent; none for a root. */
  readonly pathLen?: number | undefined;
  /** Subtrees of names below it; under a parent that has some, inside them and filled up from them. */
  readonly constraints?: NameConstraints | undefined;
  /** Makes its certificate an SVID of the trust domain. */
  readonly trustDomain?: string | undefined;
}

export interface CreateCaResult {
  readonly record: CaRecord;
  readonly certificate: Certificate;
  /** Path of the public certificate, relative to the realm. */
  readonly file: string;
  readonly warnings: readonly string[];
}

const YEAR = 31536000;

/**
 * The key, then lint, signature and second reading, then record and audit event in one commit; a key whose record was not
 * committed is removed. The certificate is also written as `ca/<name>.crt` for people, after the commit.
 * @throws ERR_CA_EXISTS, ERR_CA_NOT_FOUND, ERR_CA_EXPIRED, ERR_CA_CONSTRAINT, ERR_CERTIFICATE_LINT, ERR_KEY_*, ERR_STORE_CONFLICT
 */
export async function createCa(realm: Realm, input: CreateCaInput): Promise<CreateCaResult> {
  const plan = await prepare(realm, input);
  const parentKey = plan.parent && (await openCaKey(realm, plan.parent));
  const { reference, key } = await realm.vault.generate({ name: plan.name, type: input.keyType ?? 'p256', custody: plan.custody });
  const { record, certificate } = await keepOrDiscard(realm.vault, [reference], async () => {
    const issued = await issueCertificate({
      template: templateOf(realm, plan, key, parentKey ?? key),
      issuer: plan.parent?.certificate,
      key: parentKey ?? key,
      certificates: realm.certificates,
      verifySignature: realm.verifySignature,
    });
    return { certificate: issued, record: await commitCa(realm, plan, reference, issued) };
  });
  const file = caFile(plan.name);
  await realm.files.replace(`${realm.directory}/${file}`, utf8(record.certificate_pem), 0o644);
  return { record, certificate, file, warnings: warningsOf(realm, plan) };
}

/** Where the public certificate of an authority lies for people, relative to the realm. */
export function caFile(caName: string): string {
  return `ca/${caName}.crt`;
}

interface Plan {
  readonly name: string;
  readonly parent: CertificateAuthority | undefined;
  readonly custody: Custody;
  readonly subject: Uint8Array;
  readonly validity: Validity;
  readonly pathLen: number | undefined;
  readonly scope: AuthorityScope;
}

/** Everything that can be refused before a key is made or a passphrase asked. */
async function prepare(realm: Realm, input: CreateCaInput): Promise<Plan> {
  const caName = parseName(input.name, 'NAME');
  if ((await realm.store.get(caKey(caName))) !== undefined) {
    throw new JoineryError('ERR_CA_EXISTS', `NAME: expected a new name, found ${caName}, which is an authority of this realm`, {
      hint: `joinery ca show ${caName} shows it`,
    });
  }
  const parent = input.parent === undefined ? undefined : await readCa(realm, input.parent, '--parent');
  const now = realm.clock.now();
  const years = parent === undefined ? 10 : 5;
  const notAfter = input.notAfter ?? plus(now, input.ttl ?? years * YEAR);
  if (notAfter <= now) throw new JoineryError('ERR_USAGE', `--not-after: expected a time after now, found ${formatInstant(notAfter)}`);
  return {
    name: caName,
    parent,
    custody: input.custody ?? (parent === undefined ? 'offline' : 'online'),
    subject: input.subject === undefined ? defaultSubject(realm, caName) : parseNameText(input.subject, '--subject'),
    validity: validityUnder(parent, { now, notAfter, strict: input.strict }),
    pathLen: pathLenOf(parent, input.pathLen),
    scope: scopeOf(parent, input),
  };
}

function validityUnder(
  parent: CertificateAuthority | undefined,
  { now, notAfter, strict }: { readonly now: Instant; readonly notAfter: Instant; readonly strict: boolean | undefined },
): Validity {
  const validity = validityOf({ now, notAfter, issuer: parent?.certificate });
  if (strict !== true || !validity.shortened) return validity;
  throw new JoineryError(
    'ERR_CERTIFICATE_OUTLIVES',
    `--strict: expected an end not after the parent's, ${formatInstant(validity.notAfter)}, found ${formatInstant(notAfter)}`,
    { hint: 'ask for a shorter life with --ttl, or create it under a newer authority' },
  );
}

function defaultSubject(realm: Realm, caName: string): Uint8Array {
  return writeName([
    ['O', realm.config.environment.name],
    ['CN', caName],
  ]);
}

function pathLenOf(parent: CertificateAuthority | undefined, asked: number | undefined): number | undefined {
  if (parent === undefined) return asked;
  const pathLen = asked ?? 0;
  const most = parent.certificate.extensions.basicConstraints?.pathLenConstraint;
  if (most === undefined || pathLen < most) return pathLen;
  throw new JoineryError(
    'ERR_CA_CONSTRAINT',
    `--parent: expected an authority with a pathLenConstraint above ${pathLen}, found ${parent.record.name} with ${most}`,
    {
      hint: 'choose a parent higher up; joinery ca tree shows the hierarchy',
    },
  );
}

/** What goes into the certificate, and what of it makes no sense or is more than the parent has. */
function scopeOf(parent: CertificateAuthority | undefined, { constraints, trustDomain }: CreateCaInput): AuthorityScope {
  const above = parent?.certificate.extensions.nameConstraints;
  const all = inheritConstraints(constraints, above);
  const problem = all && (emptySubtree(all) ?? (above && inheritanceViolation(all, above)));
  if (problem !== undefined) {
    const where = parent === undefined ? 'name constraints' : `name constraints under ${parent.record.name}`;
    throw new JoineryError('ERR_CA_CONSTRAINT', `${where}: ${problem}`, {
      hint: parent === undefined ? 'nothing could be issued there' : `joinery ca show ${parent.record.name} shows what it permits`,
    });
  }
  if (trustDomain !== undefined) assertTrustDomain(trustDomain, '--trust-domain');
  return { trustDomain, constraints: all };
}

/** The key of an authority that may issue. @throws ERR_CA_REVOKED, ERR_KEY_NOT_FOUND when it is not in this realm, and what the vault throws. */
export async function openCaKey(realm: Realm, ca: CertificateAuthority): Promise<SigningKey> {
  await assertNotRevoked(realm, ca);
  return openAnyCaKey(realm, ca);
}

/** More authorities in one line than any path has: a damaged store could name a circle. */
const MAX_DEPTH = 16;

/** @throws ERR_CA_REVOKED when the authority, or one above it, is revoked. */
async function assertNotRevoked(realm: Realm, ca: CertificateAuthority): Promise<void> {
  let above: CertificateAuthority | undefined = ca;
  for (let depth = 0; above !== undefined && depth < MAX_DEPTH; depth++) {
    const { name: caName, revoked, parent } = above.record as CaRecord;
    if (revoked !== undefined) {
      throw new JoineryError('ERR_CA_REVOKED', `${caName}: expected an authority that is not revoked, found ${revoked.reason}`, {
        hint: 'create a new authority under its parent',
      });
    }
    above = parent === undefined ? undefined : await readCa(realm, parent, `parent of ${caName}`);
  }
}

/** The key of an authority, also of a revoked one: what it issued can still be revoked. @throws as {@link openCaKey} */
export async function openAnyCaKey(realm: Realm, { record: { name: caName, key } }: CertificateAuthority): Promise<SigningKey> {
  if (key !== undefined) return realm.vault.open(key);
  throw new JoineryError('ERR_KEY_NOT_FOUND', `${caName}: expected its private key in this realm, found none`, {
    hint: 'sign where the key of this authority is kept',
  });
}

function templateOf(realm: Realm, plan: Plan, key: SigningKey, signer: SigningKey): CertificateTemplate {
  const { subject, validity, pathLen, parent, scope } = plan;
  return caTemplate({
    serialNumber: newSerialNumber(realm.random),
    signer: signer.type,
    validity: { notBefore: validity.notBefore, notAfter: validity.notAfter },
    subject,
    spki: key.spki,
    issuer: parent?.certificate,
    pathLen,
    more: scopeExtensions(scope),
  });
}

async function commitCa(realm: Realm, plan: Plan, key: KeyReference, certificate: Certificate): Promise<CaRecord> {
  const { name: caName, parent, scope } = plan;
  const record: CaRecord = {
    name: caName,
    certificate_pem: toPem('CERTIFICATE', certificate.der),
    ...(parent !== undefined && { parent: parent.record.name }),
    key: { ...key },
    created_at: realm.clock.now(),
  };
  const details = {
    parent: parent?.record.name ?? null,
    fingerprint: certificate.fingerprint,
    serial: certificate.serialNumber,
    key_type: key.type,
    custody: key.custody,
    not_after: formatInstant(certificate.notAfter),
    ...scopeDetails(scope),
  };
  await commit(realm.store, {
    checks: [{ key: caKey(caName), version: 'absent' }, ...(parent === undefined ? [] : [parent.check])],
    writes: [{ key: caKey(caName), value: { ...record } }],
    audit: [auditEvent(realm, { event: 'ca.create', subject: caName, details })],
  });
  return record;
}

/** For the audit log: only what an authority has. */
function scopeDetails({ trustDomain, constraints }: AuthorityScope): JsonObject {
  return {
    ...(trustDomain !== undefined && { trust_domain: trustDomain }),
    ...(constraints !== undefined && {
      permitted: constraints.permitted.map(generalNameText),
      excluded: constraints.excluded.map(generalNameText),
    }),
  };
}

function warningsOf({ config }: Realm, { validity, parent, scope: { trustDomain } }: Plan): string[] {
  const shortened =
    `the certificate ends with its issuer ${parent?.record.name}, at ${formatInstant(validity.notAfter)}: ` +
    'an authority never outlives its issuer';
  const foreign = `the nodes of this realm are in the trust domain ${config.trust_domain}: this authority can issue for none of them`;
  const isForeign = trustDomain !== undefined && trustDomain !== config.trust_domain;
  return [...(validity.shortened ? [shortened] : []), ...(isForeign ? [foreign] : [])];
}
