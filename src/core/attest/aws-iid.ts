/**
 * `aws-iid`: the identity document that EC2 gives to an instance, signed by AWS for its region. It does not name a key: whoever holds it
 * first counts, and nobody after him. The window after the start of the instance keeps that short.
 */
import { isJsonObject, type JsonObject, parseStrictJson } from '../canonical-json.ts';
import { decodeUtf8, utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { VerifySignature } from '../key-ports.ts';
import { object, optional, type Parsed, refine, string } from '../parse.ts';
import type { Instant } from '../time.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { Attestor } from './context.ts';
import { asMalformed, assertFresh, evidenceDigest, fromWrappedBase64, instantOf, quoted, readEvidence, refuse } from './evidence.ts';
import { readSignedData, type SignedContent } from './signed-data.ts';

export interface AwsIidOptions {
  readonly name: string;
  /** By region. */
  readonly certificates: ReadonlyMap<string, readonly Certificate[]>;
  readonly accounts: readonly string[];
  readonly verifySignature: VerifySignature;
  /** Seconds since the start of the instance; default 15 min. */
  readonly maxAge?: number | undefined;
}

const DEFAULT_MAX_AGE = 900;
const MAX_DOCUMENT = 16 * 1024;

const evidenceParser = refine(
  object({
    /** As the metadata service gives it: not a space may change. */
    document: optional(string({ minLength: 2, maxLength: MAX_DOCUMENT })),
    /** Base64 of RSA with SHA-256 over the document. */
    signature: optional(string({ minLength: 1, maxLength: 4096 })),
    /** Base64 of PKCS #7 with the document inside. */
    pkcs7: optional(string({ minLength: 1, maxLength: 2 * MAX_DOCUMENT })),
  }),
  (value) => {
    const { document, signature, pkcs7 } = value;
    const detached = document !== undefined && signature !== undefined && pkcs7 === undefined;
    const inside = document === undefined && signature === undefined && pkcs7 !== undefined;
    return detached || inside ? { value } : { issue: 'expected document and signature, or pkcs7, found another choice' };
  },
);

/** Claims: account_id, region, availability_zone, instance_id, instance_type, image_id, architecture, private_ip, pending_time. */
export function awsIidAttestor(options: AwsIidOptions): Attestor {
  const { name, maxAge = DEFAULT_MAX_AGE } = options;
  return {
    attest: async (given, { now }) => {
      const signed = signedContentOf(readEvidence(evidenceParser, given));
      const document = readDocument(signed.content);
      const text = (member: string): string => textOf(document, member);
      const [account, region, instance] = [text('accountId'), text('region'), text('instanceId')];
      assertSigned(options, signed, region, now);
      if (!options.accounts.includes(account)) throw refuse('accountId', 'an account that is configured', quoted(account));
      const pendingTime = text('pendingTime');
      const issuedAt = instantOf(pendingTime, 'pendingTime');
      assertFresh('pendingTime', issuedAt, now, maxAge);
      const claims = { account_id: account, region, instance_id: instance, pending_time: pendingTime, ...otherClaims(document) };
      return { provider: name, claims, issuedAt, digest: evidenceDigest('aws-instance', account, region, instance) };
    },
  };
}

function signedContentOf({ document, signature, pkcs7 }: Parsed<typeof evidenceParser>): SignedContent {
  if (pkcs7 !== undefined) return asMalformed(() => readSignedData(fromWrappedBase64(pkcs7, 'evidence: pkcs7'), 'evidence: pkcs7'));
  const content = utf8(document as string);
  return { content, signed: content, algorithm: 'rsa-sha256', signature: fromWrappedBase64(signature as string, 'evidence: signature') };
}

/** Read before it is verified, to learn which region's certificates it must hold under. */
function readDocument(content: Uint8Array): JsonObject {
  const document = asMalformed(() =>
    parseStrictJson(decodeUtf8(content, 'evidence: document'), 'evidence: document', { maxLength: MAX_DOCUMENT, maxDepth: 8 }),
  );
  if (isJsonObject(document)) return document;
  throw new JoineryError('ERR_ATTESTATION_MALFORMED', 'evidence: document: expected an object, found another value');
}

function textOf(document: JsonObject, member: string): string {
  const value = document[member];
  if (typeof value === 'string' && value !== '') return value;
  throw new JoineryError('ERR_ATTESTATION_MALFORMED', `evidence: document: ${member}: expected a text, found none`);
}

/** Under a certificate of its region alone: one region's key that leaked says nothing about another's instances. */
function assertSigned({ certificates, verifySignature }: AwsIidOptions, signed: SignedContent, region: string, now: Instant): void {
  const known = certificates.get(region);
  if (known === undefined) throw refuse('region', `one with certificates: ${[...certificates.keys()].join(', ')}`, quoted(region));
  const { algorithm, signed: data, signature } = signed;
  const holds = known.some(
    ({ spki, notBefore, notAfter }) =>
      notBefore <= now && now <= notAfter && verifySignature({ algorithm, spki, data, signature, encoding: 'der' }),
  );
  if (!holds) throw refuse('signature', `one by a valid certificate of region ${region}`, 'another');
}

const OTHERS = {
  availabilityZone: 'availability_zone',
  instanceType: 'instance_type',
  imageId: 'image_id',
  architecture: 'architecture',
  privateIp: 'private_ip',
} as const;

function otherClaims(document: JsonObject): JsonObject {
  const present = Object.entries(OTHERS).filter(([member]) => typeof document[member] === 'string');
  return Object.fromEntries(present.map(([member, claim]) => [claim, document[member]]));
}
