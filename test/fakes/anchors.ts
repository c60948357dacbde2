import { generatePrivateKey, signingKey } from '../../src/adapters/signatures.ts';
import { toPem } from '../../src/core/encoding.ts';
import type { SigningKey } from '../../src/core/key-ports.ts';
import { type Instant, parseInstant } from '../../src/core/time.ts';
import { type Certificate, parseCertificate } from '../../src/core/x509/certificate.ts';
import { writeName } from '../../src/core/x509/name-text.ts';
import { caTemplate, LEAF_PROFILES, leafTemplate, newSerialNumber, writeSigned, writeTbs } from '../../src/core/x509/template.ts';
import { fakeRandom } from './random.ts';

const random = fakeRandom('anchors');
const at = (text: string) => parseInstant(text) as Instant;

export interface TestCa {
  readonly certificate: Certificate;
  readonly pem: string;
  readonly key: SigningKey;
}

export interface TestCaOptions {
  readonly key?: SigningKey;
  readonly issuer?: TestCa;
  readonly notBefore?: string;
  readonly notAfter?: string;
  readonly leaf?: true;
  /** IPv4, for a leaf. */
  readonly ipAddress?: string;
}

const addressNames = (address?: string) =>
  address === undefined ? [] : [{ kind: 'ip' as const, bytes: Uint8Array.from(address.split('.').map(Number)) }];

/** A certificate made without a realm: self-signed without `issuer`, a CA unless `leaf`. */
export async function testCa(name: string, options: TestCaOptions = {}): Promise<TestCa> {
  const {
    key = signingKey(generatePrivateKey('p256')),
    issuer,
    notBefore = '2026-01-01T00:00:00Z',
    notAfter = '2036-01-01T00:00:00Z',
  } = options;
  const request = {
    serialNumber: newSerialNumber(random),
    signer: (issuer?.key ?? key).type,
    validity: { notBefore: at(notBefore), notAfter: at(notAfter) },
    subject: writeName([['CN', name]]),
    spki: key.spki,
  };
  const template = options.leaf
    ? leafTemplate({
        ...request,
        issuer: (issuer as TestCa).certificate,
        profile: LEAF_PROFILES.server,
        names: addressNames(options.ipAddress),
      })
    : caTemplate({ ...request, issuer: issuer?.certificate });
  const tbs = writeTbs(template);
  const der = writeSigned(tbs, request.signer, await (issuer?.key ?? key).sign(tbs, 'der'));
  return { certificate: parseCertificate(der, name), pem: toPem('CERTIFICATE', der), key };
}
