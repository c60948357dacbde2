import { constants, type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { generateKeyPairSync } from 'node:crypto';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { x509popAttestor } from '../../../src/core/attest/x509pop.ts';
import { CHALLENGE_TTL } from '../../../src/core/attest/evidence.ts';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { pinOf } from '../../../src/core/digest.ts';
import type { Instant } from '../../../src/core/time.ts';
import { readCertificateFile, readRevocationListFile } from '../../../src/core/x509/certificate-files.ts';
import { attest, CSR_SPKI, ec, file, NONCE, openssl, OTHER_SPKI, outcomeOf, pemOf, rsa } from './attest-world.ts';

// OpenSSL dates the certificates by the clock of the machine.
const now = { now: (Math.floor(Date.now() / 1000) + 120) as Instant };

interface Made {
  readonly key: KeyObject;
  readonly pem: string;
  readonly files: readonly [string, string];
}

let serial = 0;

/** A certificate by OpenSSL, with these extensions. */
function make(name: string, key: KeyObject, extensions: string, issuer?: Made): Made {
  const keyFile = file(`${name}.key`, pemOf(key));
  const config = file(`${name}.cnf`, `[req]\ndistinguished_name=dn\n[dn]\n[ext]\n${extensions}\n`);
  const csr = file(`${name}.csr`, openssl(['req', '-new', '-key', keyFile, '-subj', `/CN=${name}`, '-config', config]));
  const by = issuer === undefined ? ['-signkey', keyFile] : ['-CA', issuer.files[0], '-CAkey', issuer.files[1]];
  const more = ['-set_serial', String(++serial), '-days', '30', '-extfile', config, '-extensions', 'ext'];
  const pem = openssl(['x509', '-req', '-in', csr, ...by, ...more]).toString();
  return { key, pem, files: [file(`${name}.crt`, pem), keyFile] };
}

const CA = 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash';
const LEAF = 'keyUsage=critical,digitalSignature\nsubjectAltName=DNS:d1.factory.example,URI:urn:device:1,IP:10.0.0.1';
const root = make('Factory Root', ec().privateKey, CA);
const line = make('Line 1', ec('P-384').privateKey, CA, root);
const device = make('device-1', ec().privateKey, LEAF, line);
const foreignRoot = make('Foreign Root', ec().privateKey, CA);
const foreign = make('device-2', ec().privateKey, LEAF, foreignRoot);

const certificates = (pem: string) => readCertificateFile({ what: 'test', bytes: Buffer.from(pem) });
const options = { name: 'factory', anchors: certificates(root.pem), verifySignature };
const attestor = x509popAttestor(options);

const lines = (nonce = NONCE, spki: Uint8Array = CSR_SPKI, method = 'x509pop'): Buffer =>
  Buffer.from(`joinery/attestation/1\n${method}\n${nonce}\n${pinOf(spki)}\n`);
const signed = ({ key }: Made, data = lines()): string =>
  sign(key.asymmetricKeyType?.startsWith('ed') ? null : 'sha256', data, key).toString('base64');
const evidence = (by: Made, change: JsonObject = {}): JsonObject => ({
  nonce: NONCE,
  certificates: by.pem + line.pem,
  signature: signed(by),
  ...change,
});

describe('x509pop', () => {
  it('knows the device', async () => {
    const verified = await attest(attestor, evidence(device), now);
    expect(verified).toMatchObject({ provider: 'factory', issuedAt: now.now, replayableUntil: now.now + CHALLENGE_TTL });
    expect(verified.claims).toMatchObject({
      subject: 'CN=device-1',
      issuer: 'CN=Line 1',
      dns_names: ['d1.factory.example'],
      uris: ['urn:device:1'],
    });
    expect(verified.claims['anchor']).toBe(options.anchors[0]?.fingerprint);
    expect(verified.digest).toBe((await attest(attestor, evidence(device), { ...now, csrSpki: CSR_SPKI })).digest);
  });

  it('takes keys of every type that can sign, each by its own algorithm', async () => {
    const pairs: KeyObject[] = [ec('P-521').privateKey, rsa().privateKey, generateKeyPairSync('ed25519').privateKey];
    for (const [index, key] of pairs.entries()) {
      const made = make(`kind-${index}`, key, 'basicConstraints=CA:FALSE', line);
      const hash = key.asymmetricKeyType === 'ec' ? 'sha512' : key.asymmetricKeyType === 'rsa' ? 'sha256' : null;
      expect(await outcomeOf(attestor, evidence(made, { signature: sign(hash, lines(), key).toString('base64') }), now)).toBe('ok');
    }
    const pss = make('pss', pairs[1] as KeyObject, LEAF, line);
    const signature = sign('sha256', lines(), { key: pairs[1] as KeyObject, padding: constants.RSA_PKCS1_PSS_PADDING }).toString('base64');
    expect(await outcomeOf(attestor, evidence(pss, { signature }), now)).toContain('ERR_ATTESTATION_FAILED evidence: signature');
    const odd = make('odd', generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 }).privateKey, LEAF, line);
    expect(await outcomeOf(attestor, evidence(odd, { signature: 'AAAA' }), now)).toContain('ERR_ATTESTATION_FAILED evidence: certificates');
  });

  test.each<[string, JsonObject, object, string]>([
    ['for another key', evidence(device), { csrSpki: OTHER_SPKI }, 'ERR_ATTESTATION_FAILED evidence: signature'],
    ['by another key', evidence(device, { signature: signed(foreign) }), {}, 'ERR_ATTESTATION_FAILED evidence: signature'],
    [
      'for another method',
      evidence(device, { signature: signed(device, lines(NONCE, CSR_SPKI, 'joinery-peer')) }),
      {},
      'ERR_ATTESTATION_FAILED evidence: signature',
    ],
    [
      'of another nonce than it says',
      evidence(device, { signature: signed(device, lines('x')) }),
      {},
      'ERR_ATTESTATION_FAILED evidence: signature',
    ],
    [
      'of a nonce of somebody else, or an old one',
      evidence(device, { nonce: 'x', signature: signed(device, lines('x')) }),
      {},
      'ERR_ATTESTATION_STALE evidence: nonce',
    ],
    ['without a signature', evidence(device, { signature: undefined }), {}, 'ERR_ATTESTATION_MALFORMED evidence: signature'],
    ['with an empty signature', evidence(device, { signature: '' }), {}, 'ERR_ATTESTATION_MALFORMED evidence: signature'],
    ['with a signature in no base64', evidence(device, { signature: '*' }), {}, 'ERR_ATTESTATION_MALFORMED evidence: signature'],
    [
      'of a device of another maker',
      evidence(foreign),
      {},
      'ERR_ATTESTATION_FAILED evidence: certificates: expected a path from the device to a configured authority, found no-anchor',
    ],
    ['without what is between', evidence(device, { certificates: device.pem }), {}, 'ERR_ATTESTATION_FAILED evidence: certificates'],
    [
      'by the authority itself',
      evidence(line, { certificates: line.pem }),
      {},
      'ERR_ATTESTATION_FAILED evidence: certificates: expected the certificate of a device, found that of an authority',
    ],
    ['by the anchor itself', evidence(root, { certificates: root.pem }), {}, 'ERR_ATTESTATION_FAILED evidence: certificates'],
    [
      'of a device whose certificate has expired',
      evidence(device),
      { now: now.now + 31 * 86400 },
      'ERR_ATTESTATION_FAILED evidence: certificates',
    ],
    [
      'of a device whose certificate is to come',
      evidence(device),
      { now: now.now - 3600 },
      'ERR_ATTESTATION_FAILED evidence: certificates',
    ],
    ['without a certificate', evidence(device, { certificates: 'x' }), {}, 'ERR_ATTESTATION_FAILED evidence: certificates'],
    [
      'with a certificate that is none',
      evidence(device, { certificates: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----' }),
      {},
      'ERR_ATTESTATION_MALFORMED',
    ],
    [
      'that is too large',
      evidence(device, { certificates: device.pem.repeat(60) }),
      {},
      'ERR_ATTESTATION_MALFORMED evidence: certificates',
    ],
  ])('refuses an answer %s', async (_name, given, more, expected) => {
    expect(await outcomeOf(attestor, given, { ...now, ...more })).toContain(expected);
  });

  it('asks for the usage and the purpose of the key', async () => {
    const agreeing = make('agreeing', ec().privateKey, 'keyUsage=critical,keyAgreement', line);
    expect(await outcomeOf(attestor, evidence(agreeing), now)).toContain(
      'ERR_ATTESTATION_FAILED evidence: keyUsage: expected digitalSignature, found keyAgreement',
    );
    const bare = make('bare', ec().privateKey, 'extendedKeyUsage=serverAuth', line);
    expect(await outcomeOf(attestor, evidence(bare), now)).toBe('ok');
    expect((await attest(attestor, evidence(bare), now)).claims).toMatchObject({ dns_names: [], uris: [] });
    const strict = x509popAttestor({ ...options, purpose: 'clientAuth' });
    expect(await outcomeOf(strict, evidence(bare), now)).toContain('purpose');
  });

  it('looks at revocation lists, where they are configured', async () => {
    const index = file('index.txt', '');
    file('crlnumber', '01');
    const config = file(
      'ca.cnf',
      `[ca]\ndefault_ca=a\n[a]\ndatabase=${index}\ncrlnumber=${file('number', '01')}\ndefault_md=sha256\ndefault_crl_days=7\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n`,
    );
    const crl = (by: Made): Buffer => openssl(['ca', '-config', config, '-gencrl', '-cert', by.files[0], '-keyfile', by.files[1]]);
    const crls = [root, line].flatMap((by) => readRevocationListFile({ what: 'crl', bytes: crl(by) }));
    const strict = x509popAttestor({ ...options, crls });
    expect(await outcomeOf(strict, evidence(device), now)).toBe('ok');
    openssl(['ca', '-config', config, '-revoke', device.files[0], '-cert', line.files[0], '-keyfile', line.files[1]]);
    const revoked = x509popAttestor({ ...options, crls: [crls[0] as never, ...readRevocationListFile({ what: 'crl', bytes: crl(line) })] });
    expect(await outcomeOf(revoked, evidence(device), now)).toContain('revoked');
  });

  it('reads any evidence or refuses it by a code', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          nonce: fc.jsonValue(),
          certificates: fc.oneof(fc.string(), fc.constant(device.pem)),
          signature: fc.oneof(fc.base64String(), fc.jsonValue()),
        }),
        async (given) => {
          expect(await outcomeOf(attestor, given as JsonObject, now)).toMatch(/^ERR_ATTESTATION_(MALFORMED|FAILED) /);
        },
      ),
      { numRuns: 100 },
    );
  });
});
