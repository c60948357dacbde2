/**
 * NIST's Public Key Interoperability Test Suite (PKITS): certificates and lists in DER. What is expected stands in a document beside
 * it; here as far as it is not in the names of the files: the section of each test, and the runs with policy inputs.
 */
import type { VerifySignature } from '../key-ports.ts';
import { type Instant, parseInstant } from '../time.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import { parseRevocationList, type RevocationList } from '../x509/crl.ts';
import { validatePath } from '../x509/path.ts';
import type { PolicyInputs } from '../x509/policy-graph.ts';
import { POLICY_RUNS, sectionOf } from './pkits-index.ts';
import { corpusError } from './shape.ts';
import { isDocumented } from './stricter.ts';
import { accepted, type Found, refused, skipped, type Trial } from './trial.ts';

export const PKITS_ANCHOR = 'TrustAnchorRootCertificate.crt';
const END_ENTITY = /^(.+)EE\.crt$/;
/** When all of the suite's certificates are valid that are not there to be too early or too late. */
const AT = parseInstant('2020-01-01T00:00:00Z') as Instant;

export interface PkitsFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface PkitsTrial {
  run(): Trial;
}

interface Suite {
  readonly anchor: Certificate;
  readonly pool: readonly Certificate[];
  readonly crls: readonly RevocationList[];
  readonly verifySignature: VerifySignature;
}

/** @throws ERR_CORPUS_MALFORMED without a trust anchor that can be read, and without lists. */
export function readPkits(
  certs: readonly PkitsFile[],
  crls: readonly PkitsFile[],
  verifySignature: VerifySignature,
): readonly PkitsTrial[] {
  const anchor = readOne(certs.find(({ name }) => name === PKITS_ANCHOR)?.bytes, parseCertificate);
  if (anchor === undefined) throw corpusError(`certs/${PKITS_ANCHOR}`, 'a certificate');
  if (crls.length === 0) throw corpusError('crls', 'the revocation lists of the suite beside its certificates');
  const suite: Suite = {
    anchor,
    pool: certs.filter(({ name }) => !END_ENTITY.test(name)).flatMap(({ bytes }) => readOne(bytes, parseCertificate) ?? []),
    crls: crls.flatMap(({ bytes }) => readOne(bytes, parseRevocationList) ?? []),
    verifySignature,
  };
  return certs.flatMap((file) => runsOf(file, suite));
}

/** What cannot be read issued nothing and lists nothing. */
function readOne<T>(bytes: Uint8Array | undefined, read: (der: Uint8Array) => T): T | undefined {
  try {
    return bytes && read(bytes);
  } catch {
    return undefined;
  }
}

function runsOf({ name, bytes }: PkitsFile, suite: Suite): readonly PkitsTrial[] {
  const test = END_ENTITY.exec(name)?.[1];
  if (test === undefined) return [];
  const section = sectionOf(test);
  if (section === undefined) return [{ run: () => ({ id: test, expected: 'either', found: skipped('not in the index of this program') }) }];
  const leaf = readOne(bytes, parseCertificate);
  const runs = POLICY_RUNS[test] ?? [{ section, valid: test.startsWith('Valid'), inputs: {} }];
  return runs.map(({ section: number = section, valid, inputs }) => ({
    run: () => ({
      id: `${number} ${test}`,
      expected: valid ? 'accept' : 'refuse',
      found: leaf === undefined ? refused('malformed', true) : judge(leaf, inputs, suite),
    }),
  }));
}

function judge(leaf: Certificate, policies: PolicyInputs, { anchor, pool, crls, verifySignature }: Suite): Found {
  const request = { leaf, intermediates: pool, anchors: [anchor], at: AT, verifySignature, crls, policies, profile: 'rfc5280' } as const;
  const result = validatePath(request);
  if (result.ok) return accepted;
  // A hold that only a delta list has ended: joinery takes from such a list what it revokes, and nothing else.
  const held = result.code === 'revoked' && result.reason.includes('certificateHold');
  return refused(held ? 'hold in a complete list' : result.code, held || isDocumented(result.code));
}
