import { describe, expect, test } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { digestOf } from '../../../src/core/digest.ts';
import { toPem, utf8 } from '../../../src/core/encoding.ts';
import { k3sAnchor, k3sCaHash } from '../../../src/core/token/k3s.ts';
import { checkPinnedChain, pinOfToken, type ServerPin } from '../../../src/core/token/pin.ts';
import type { Certificate } from '../../../src/core/x509/certificate.ts';
import { OID } from '../../../src/core/x509/oids.ts';
import { type Authority, keyNamed, make, NOW } from '../x509/make.ts';
import { OMNIRELAY, signedJwt } from './texts.ts';

const root = make({ name: 'genuine root', ca: true });
const intermediate = make({ name: 'genuine intermediate', ca: true, issuer: root });
const leaf = make({ issuer: root });
const deepLeaf = make({ issuer: intermediate });
const evilRoot = make({ name: 'evil root', ca: true });
/** The name of the genuine root, and a key of its own. */
const impostor = make({ name: 'genuine root', ca: true, key: keyNamed('impostor') });

const pem = ({ certificate }: Authority) => toPem('CERTIFICATE', certificate.der);
const byCertificate = ({ certificate }: Authority): ServerPin => ({ kind: 'certificate', fingerprint: certificate.fingerprint });
const byKey = (...authorities: Authority[]): ServerPin => ({ kind: 'key', pins: authorities.map(({ certificate }) => certificate.pin) });
const byK3s = (authority: Authority): ServerPin => ({ kind: 'k3s', caHash: k3sCaHash(pem(authority), verifySignature) });
const byK3sOfSeveral = (authority: Authority): ServerPin => ({ kind: 'k3s', caHash: digestOf(authority.certificate.der) });
const PINS = [
  ['secure', byCertificate],
  ['kubeadm', byKey],
  ['k3s, one certificate in its file', byK3s],
  ['k3s, several', byK3sOfSeveral],
] as const;

const certificatesOf = (...shown: Authority[]) => shown.map(({ certificate }) => certificate) as [Certificate, ...Certificate[]];
const check = (shown: Authority[], pin: ServerPin, host = 'node.example.com') =>
  checkPinnedChain({ certificates: certificatesOf(...shown), at: NOW, identity: { kind: 'dns', value: host }, verifySignature }, pin);
const refusal = (work: () => unknown) => {
  try {
    work();
    return 'accepted';
  } catch (error) {
    const { code, details } = error as { code: string; details: { fault?: string } };
    return `${code} ${details.fault ?? ''}`.trim();
  }
};

describe.each(PINS)('a %s token', (_dialect, pinOf) => {
  test('takes a server whose path the pinned authority anchors, in whatever order it is shown', () => {
    expect(check([leaf, root], pinOf(root)).path).toEqual(certificatesOf(leaf, root));
    expect(check([deepLeaf, root, intermediate], pinOf(root)).anchor).toBe(root.certificate);
  });

  test('refuses [attacker leaf, genuine CA]', () => {
    const key = keyNamed('attacker');
    const named = make({ issuer: impostor, key });
    expect(refusal(() => check([named, root], pinOf(root)))).toBe('ERR_PIN_PATH signature');
    expect(refusal(() => check([named, impostor, root], pinOf(root)))).toBe('ERR_PIN_PATH signature');
    expect(refusal(() => check([make({ key }), root], pinOf(root)))).toBe('ERR_PIN_PATH no-anchor');
    expect(refusal(() => check([make({ issuer: evilRoot, key }), evilRoot, root], pinOf(root)))).toMatch(/^ERR_PIN_PATH/);
  });

  test('refuses an enrolled node that poses as a server, other names, and times', () => {
    const node = make({ issuer: root, purposes: [OID.clientAuth] });
    expect(refusal(() => check([node, root], pinOf(root)))).toBe('ERR_PIN_PATH purpose');
    expect(refusal(() => check([leaf, root], pinOf(root), 'other.example.com'))).toBe('ERR_PIN_PATH identity');
    const expired = make({ issuer: root, notAfter: '2026-02-01T00:00:00Z' });
    expect(refusal(() => check([expired, root], pinOf(root)))).toBe('ERR_PIN_PATH validity');
    const nameless = make({ issuer: root, name: '', names: [{ kind: 'ip', bytes: Uint8Array.of(192, 0, 2, 1) }] });
    expect(refusal(() => check([nameless, root], pinOf(root)))).toBe('ERR_PIN_PATH identity');
    const early = make({ issuer: root, name: '', names: [{ kind: 'dns', value: 'node.example.com' }], notBefore: '2027-01-01T00:00:00Z' });
    expect(refusal(() => check([early, root], pinOf(root)))).toBe('ERR_PIN_PATH validity');
  });

  test('refuses a server that does not show the pinned authority', () => {
    expect(refusal(() => check([leaf], pinOf(root)))).toBe('ERR_PIN_NOT_SHOWN');
    expect(refusal(() => check([make({ issuer: evilRoot }), evilRoot], pinOf(root)))).toBe('ERR_PIN_NOT_SHOWN');
  });

  test('refuses a pinned certificate that is a leaf, or an intermediate, in the place of a root', () => {
    const below = make({ issuer: leaf, key: keyNamed('below') });
    expect(refusal(() => check([below, leaf, root], pinOf(leaf)))).toBe('ERR_PIN_NOT_ANCHOR');
    const lone = make({ name: 'lone' });
    expect(refusal(() => check([lone], pinOf(lone)))).toBe('ERR_PIN_NOT_ANCHOR');
    expect(refusal(() => check([deepLeaf, intermediate, root], pinOf(intermediate)))).toBe('ERR_PIN_NOT_ANCHOR');
  });
});

test('a pin of a key takes the self-signed certificate of that key, not one that somebody else issued to it', () => {
  const crossSigned = make({ name: 'genuine root', ca: true, key: root.key, issuer: evilRoot });
  expect(refusal(() => check([leaf, crossSigned, evilRoot], byKey(root)))).toBe('ERR_PIN_NOT_ANCHOR');
  expect(check([leaf, crossSigned, evilRoot, root], byKey(root)).anchor).toBe(root.certificate);
  expect(check([leaf, root], byKey(evilRoot, root)).anchor).toBe(root.certificate);
});

describe('the K3s multi-certificate bundle trick', () => {
  const bundle = pem(root) + pem(evilRoot);

  test('an extra root behind the pinned one does not change the hash of several, and is no anchor', () => {
    const hash = k3sCaHash(pem(intermediate) + pem(root), verifySignature);
    expect(k3sCaHash(bundle, verifySignature)).toBe(hash);
    expect(k3sAnchor(bundle, hash, verifySignature).fingerprint).toBe(root.certificate.fingerprint);
    const served = make({ issuer: evilRoot });
    expect(refusal(() => check([served, evilRoot, root], { kind: 'k3s', caHash: hash }))).toMatch(/^ERR_PIN_PATH/);
    expect(refusal(() => check([served, root, evilRoot], { kind: 'k3s', caHash: hash }))).toMatch(/^ERR_PIN_PATH/);
  });

  test('a bundle with another hash is refused, and a lone certificate counts by the bytes of its file', () => {
    const hash = digestOf(utf8(pem(root)));
    expect(k3sAnchor(pem(root), hash, verifySignature).fingerprint).toBe(root.certificate.fingerprint);
    expect(refusal(() => k3sAnchor(bundle, hash, verifySignature))).toBe('ERR_PIN_NOT_SHOWN');
    expect(refusal(() => k3sAnchor(`${pem(root)}\n`, hash, verifySignature))).toBe('ERR_PIN_NOT_SHOWN');
    expect(refusal(() => k3sAnchor('nothing', hash, verifySignature))).toBe('ERR_INPUT_MALFORMED');
  });
});

describe('pinOfToken', () => {
  const hex = 'ab'.repeat(32);

  test('finds the pin of each dialect that has one', async () => {
    expect(pinOfToken(`${'cd'.repeat(32)}:${hex}`)).toEqual({ kind: 'certificate', fingerprint: hex });
    expect(pinOfToken(`K10${hex}::node:secret`)).toEqual({ kind: 'k3s', caHash: hex });
    expect(pinOfToken(await signedJwt({ pins: [`sha256:${hex}`] }))).toEqual({ kind: 'key', pins: [`sha256:${hex}`] });
  });

  test('says that the others have none', async () => {
    expect(pinOfToken('abcdef.0123456789abcdef')).toBeUndefined();
    expect(pinOfToken(OMNIRELAY)).toBeUndefined();
    expect(pinOfToken(await signedJwt({}))).toBeUndefined();
  });

  test('refuses what is no token', () => {
    expect(refusal(() => pinOfToken('no token'))).toBe('ERR_TOKEN_MALFORMED');
    expect(refusal(() => pinOfToken('x'.repeat(9000)))).toBe('ERR_TOKEN_TOO_LARGE');
    expect(refusal(() => pinOfToken(`${'cd'.repeat(32)}:${hex.slice(2)}`))).toBe('ERR_TOKEN_MALFORMED');
  });
});
