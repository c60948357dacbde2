import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { isJoineryError } from '../../../src/core/errors.ts';
import type { SigningKey } from '../../../src/core/key-ports.ts';
import { MAX_CRL_OCTETS, parseRevocationList, type RevocationList } from '../../../src/core/x509/crl.ts';
import { TAG } from '../../../src/core/x509/der.ts';
import { bitString, integer, oid, sequence, tagged, text, time, tlv } from '../../../src/core/x509/der-writer.ts';
import { authorityKeyIdentifier, keyIdentifierOf, writeExtension } from '../../../src/core/x509/extension-writer.ts';
import { parseSpki } from '../../../src/core/x509/algorithms.ts';
import { OID } from '../../../src/core/x509/oids.ts';
import { type PathRequest, validatePath } from '../../../src/core/x509/path.ts';
import { at, type Authority, directory, dns, ECDSA_SHA256, keyNamed, make, NOW, uri } from './make.ts';

const root = make({ name: 'root', ca: true });
const sub = make({ name: 'sub', ca: true, issuer: root });
const leaf = make({ name: 'leaf', issuer: sub, serialNumber: integer(77) });
const extension = (type: string, value: Uint8Array, critical = false) => writeExtension({ oid: type, critical, value });
const NUMBER = extension(OID.cRLNumber, integer(5));

interface CrlParts {
  version?: Uint8Array;
  algorithm?: Uint8Array;
  outer?: Uint8Array;
  issuer?: Uint8Array;
  thisUpdate?: string;
  nextUpdate?: string;
  entries?: Uint8Array;
  extensions?: readonly Uint8Array[];
  tail?: Uint8Array;
}

const nothing = new Uint8Array(0);
const entry = (serial: number, ...extensions: Uint8Array[]) =>
  sequence(integer(serial), time(at('2026-05-01T00:00:00Z')), ...(extensions.length === 0 ? [] : [sequence(...extensions)]));
const reason = (code: number) => extension(OID.reasonCode, tlv(TAG.enumerated, Uint8Array.of(code)));

function crlDer(signer: { key: SigningKey; certificate: Authority['certificate'] }, parts: CrlParts = {}): Uint8Array {
  const algorithm = parts.algorithm ?? ECDSA_SHA256;
  const tbs = sequence(
    parts.version ?? integer(1),
    algorithm,
    parts.issuer ?? signer.certificate.subject.der,
    time(at(parts.thisUpdate ?? '2026-11-01T00:00:00Z')),
    time(at(parts.nextUpdate ?? '2026-12-01T00:00:00Z')),
    parts.entries ?? nothing,
    tagged(0, sequence(...(parts.extensions ?? [NUMBER]))),
    parts.tail ?? nothing,
  );
  return sequence(tbs, parts.outer ?? algorithm, bitString(signer.key.sign(tbs, 'der') as Uint8Array));
}

const crl = (...args: Parameters<typeof crlDer>): RevocationList => parseRevocationList(crlDer(...args));
const malformed = expect.objectContaining({ code: 'ERR_CRL_MALFORMED' }) as Error;

describe('parseRevocationList', () => {
  it('reads every field', () => {
    const idp = sequence(tagged(0, tagged(0, uri('http://crl.example/1'))), tlv(0x81, Uint8Array.of(0xff)));
    const list = crl(sub, {
      entries: sequence(
        entry(1),
        entry(2, reason(1)),
        entry(128, extension(OID.invalidityDate, text(TAG.generalizedTime, '20260101000000Z'))),
      ),
      extensions: [
        NUMBER,
        extension(OID.authorityKeyIdentifier, authorityKeyIdentifier(Uint8Array.of(1)).value),
        extension(OID.issuingDistributionPoint, idp, true),
      ],
    });
    expect(list).toMatchObject({
      thisUpdate: at('2026-11-01T00:00:00Z'),
      nextUpdate: at('2026-12-01T00:00:00Z'),
      cRLNumber: '05',
      signatureAlgorithm: 'ecdsa-sha256',
      unusable: undefined,
    });
    expect([...list.revoked]).toEqual([
      ['01', { at: at('2026-05-01T00:00:00Z'), reason: undefined }],
      ['02', { at: at('2026-05-01T00:00:00Z'), reason: 1 }],
      ['0080', { at: at('2026-05-01T00:00:00Z'), reason: undefined }],
    ]);
    expect(list.authorityKeyIdentifier?.keyIdentifier).toEqual(Uint8Array.of(1));
    expect(list.issuingDistributionPoint).toMatchObject({
      fullName: [{ kind: 'uri', value: 'http://crl.example/1' }],
      onlyUserCerts: true,
      onlyCACerts: false,
      unsupported: false,
    });
    expect(crl(sub).issuer.text).toBe('CN=sub');
  });

  it.each<[string, CrlParts]>([
    ['version 1', { version: integer(0) }],
    ['no version', { version: nothing }],
    ['another outer algorithm', { outer: sequence(oid(OID.ecdsaWithSha384)) }],
    ['an empty list of entries', { entries: sequence() }],
    ['a serial number twice', { entries: sequence(entry(1), entry(2), entry(1, reason(1))) }],
    ['no extensions', { extensions: [] }],
    ['more at the end', { tail: integer(1) }],
    ['a reason that is none', { entries: sequence(entry(1, extension(OID.reasonCode, integer(1)))) }],
  ])('refuses %s', (_, parts) => {
    expect(() => crl(sub, parts)).toThrow(malformed);
  });

  it('refuses what is too large, and gives coded errors only', () => {
    expect(() => parseRevocationList(new Uint8Array(MAX_CRL_OCTETS + 1))).toThrow(malformed);
    const der = crlDer(sub, { entries: sequence(entry(1, reason(1))) });
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(255), (index, octet) => {
        const bytes = Uint8Array.from(der);
        bytes[index] = octet;
        try {
          parseRevocationList(bytes);
        } catch (error) {
          if (!isJoineryError(error, 'ERR_CRL_MALFORMED')) throw error;
        }
      }),
      { numRuns: 500 },
    );
  });

  it('reads 100 000 entries in linear time', () => {
    const entries = Array.from({ length: 100_000 }, (_, index) => entry(index + 1));
    expect(crl(sub, { entries: tlv(TAG.sequence, Buffer.concat(entries)) }).revoked.size).toBe(100_000);
  });

  it.each<[string, CrlParts]>([
    ['no cRLNumber', { extensions: [extension(OID.authorityKeyIdentifier, sequence())] }],
    ['a critical cRLNumber', { extensions: [extension(OID.cRLNumber, integer(1), true)] }],
    ['an unknown critical extension', { extensions: [NUMBER, extension('1.2.3', sequence(), true)] }],
    ['an unknown critical extension of an entry', { entries: sequence(entry(1, extension('1.2.3', sequence(), true))) }],
    ['a delta', { extensions: [NUMBER, extension(OID.deltaCRLIndicator, integer(1))] }],
    ['some reasons', { extensions: [NUMBER, extension(OID.issuingDistributionPoint, sequence(tlv(0x83, Uint8Array.of(6, 0x40))), true)] }],
    ['an indirect list', { extensions: [NUMBER, extension(OID.issuingDistributionPoint, sequence(tlv(0x84, Uint8Array.of(0xff))), true)] }],
    [
      'attribute certificates',
      { extensions: [NUMBER, extension(OID.issuingDistributionPoint, sequence(tlv(0x85, Uint8Array.of(0xff))), true)] },
    ],
    [
      'a relative name',
      {
        extensions: [
          NUMBER,
          extension(
            OID.issuingDistributionPoint,
            sequence(tagged(0, tagged(1, sequence(oid('2.5.4.3'), text(TAG.utf8String, 'x'))))),
            true,
          ),
        ],
      },
    ],
  ])('says that a list is not to be used: %s', (_, parts) => {
    expect(crl(sub, parts).unusable).toBeDefined();
  });
});

describe('revocation of a path', () => {
  const judge = (crls: readonly RevocationList[], options: Partial<PathRequest> = {}) => {
    const result = validatePath({
      leaf: leaf.certificate,
      intermediates: [sub.certificate],
      anchors: [root.certificate],
      at: NOW,
      verifySignature,
      crls,
      ...options,
    });
    return result.ok ? 'ok' : `${result.code}: ${result.certificate.subject.text}`;
  };
  const fromRoot = crl(root);

  it('wants a good list from every issuer', () => {
    expect(judge([fromRoot, crl(sub)])).toBe('ok');
    expect(judge([fromRoot])).toBe('revocation-unknown: CN=leaf');
    expect(judge([crl(sub)])).toBe('revocation-unknown: CN=sub');
    expect(judge([], { revocation: 'if-available' })).toBe('ok');
  });

  it('finds what is revoked', () => {
    expect(judge([fromRoot, crl(sub, { entries: sequence(entry(77)) })])).toBe('revoked: CN=leaf');
    expect(judge([fromRoot, crl(sub, { entries: sequence(entry(78)) })])).toBe('ok');
    expect(judge([crl(sub, { entries: sequence(entry(77, reason(99))) })], { revocation: 'if-available' })).toBe('revoked: CN=leaf');
    const revokedSub = crl(root, {
      entries: sequence(sequence(tlv(TAG.integer, Buffer.from(sub.certificate.serialNumber, 'hex')), time(NOW))),
    });
    expect(judge([revokedSub, crl(sub)])).toBe('revoked: CN=sub');
    // A list of another issuer says nothing.
    const stranger = make({ name: 'stranger', ca: true });
    expect(judge([fromRoot, crl(sub), crl(stranger, { entries: sequence(entry(77)) })])).toBe('ok');
  });

  it('takes one good list beside bad ones', () => {
    const forged = crl({ certificate: sub.certificate, key: keyNamed('attacker') }, { entries: sequence(entry(77)) });
    expect(judge([fromRoot, forged, crl(sub)])).toBe('ok');
    expect(judge([fromRoot, forged])).toBe('revocation-unknown: CN=leaf');
  });

  it.each<[string, CrlParts]>([
    ['is out of date', { nextUpdate: '2026-11-22T09:59:59Z' }],
    ['is not yet valid', { thisUpdate: '2026-11-22T10:00:01Z' }],
    ['cannot be used', { extensions: [extension(OID.authorityKeyIdentifier, sequence())] }],
    ['names another key', { extensions: [NUMBER, extension(OID.authorityKeyIdentifier, authorityKeyIdentifier(Uint8Array.of(9)).value)] }],
    [
      'is for authorities',
      { extensions: [NUMBER, extension(OID.issuingDistributionPoint, sequence(tlv(0x82, Uint8Array.of(0xff))), true)] },
    ],
    [
      'is for another distribution point',
      { extensions: [NUMBER, extension(OID.issuingDistributionPoint, sequence(tagged(0, tagged(0, uri('http://crl.example/1')))), true)] },
    ],
  ])('does not use a list that %s', (_, parts) => {
    expect(judge([fromRoot, crl(sub, parts)])).toBe('revocation-unknown: CN=leaf');
  });

  it('uses a list for the right kind of certificate and distribution point', () => {
    const idp = (...content: Uint8Array[]) => [NUMBER, extension(OID.issuingDistributionPoint, sequence(...content), true)];
    const point = (...names: Uint8Array[]) => tagged(0, tagged(0, ...names));
    const user = crl(sub, { extensions: idp(tlv(0x81, Uint8Array.of(0xff))) });
    const authorities = crl(root, { extensions: idp(tlv(0x82, Uint8Array.of(0xff))) });
    expect(judge([authorities, user])).toBe('ok');
    expect(judge([crl(root, { extensions: idp(tlv(0x81, Uint8Array.of(0xff))) }), user])).toBe('revocation-unknown: CN=sub');
    const distribution = (...points: Uint8Array[]) => ({
      oid: OID.cRLDistributionPoints,
      critical: true,
      value: sequence(...points.map((name) => sequence(name))),
    });
    const bound = make({
      name: 'bound',
      issuer: sub,
      more: [distribution(point(uri('http://crl.example/1')), point(directory(['CN', 'point'])))],
    });
    const lists = (...names: Uint8Array[]) => [fromRoot, crl(sub, { extensions: idp(point(...names)) })];
    const boundLeaf = { leaf: bound.certificate };
    expect(judge(lists(uri('http://crl.example/1')), boundLeaf)).toBe('ok');
    expect(judge(lists(directory(['CN', 'Point'])), boundLeaf)).toBe('ok');
    expect(judge(lists(uri('http://crl.example/2')), boundLeaf)).toBe('revocation-unknown: CN=bound');
    expect(judge(lists(directory(['CN', 'other'])), boundLeaf)).toBe('revocation-unknown: CN=bound');
    const partial = {
      oid: OID.cRLDistributionPoints,
      critical: false,
      value: sequence(sequence(point(uri('http://crl.example/1')), tlv(0x81, Uint8Array.of(6, 0x40)))),
    };
    expect(judge(lists(uri('http://crl.example/1')), { leaf: make({ name: 'bound', issuer: sub, more: [partial] }).certificate })).toBe(
      'revocation-unknown: CN=bound',
    );
  });

  it('takes from a delta list what it revokes, and nothing else', () => {
    const numbered = (number: number, base?: number): Uint8Array[] => [
      extension(OID.cRLNumber, integer(number)),
      ...(base === undefined ? [] : [extension(OID.deltaCRLIndicator, integer(base), true)]),
    ];
    const complete = (number: number, entries?: Uint8Array) => crl(sub, { extensions: numbered(number), ...(entries && { entries }) });
    const delta = (entries: Uint8Array, number = 2, parts: CrlParts = {}) =>
      crl(sub, { extensions: numbered(number, 1), entries, ...parts });
    const hold = sequence(entry(77, reason(6)));
    const end = sequence(entry(77, reason(8)));
    expect(judge([fromRoot, complete(1), delta(hold)])).toBe('revoked: CN=leaf');
    expect(judge([fromRoot, delta(hold), complete(2)])).toBe('revoked: CN=leaf');
    // The end of a hold is taken from a complete list only.
    expect(judge([fromRoot, complete(1), delta(end)])).toBe('ok');
    expect(judge([fromRoot, complete(1, hold), delta(end)])).toBe('revoked: CN=leaf');
    expect(judge([fromRoot, delta(end)])).toBe('revocation-unknown: CN=leaf');
    // A later complete list has the last word, when it is good.
    expect(judge([fromRoot, complete(3), delta(hold)])).toBe('ok');
    const late = crl(sub, { extensions: numbered(3), nextUpdate: '2026-11-22T09:59:59Z' });
    expect(judge([fromRoot, late, complete(1), delta(hold)])).toBe('revoked: CN=leaf');
    expect(judge([fromRoot, complete(1), delta(hold, 2, { nextUpdate: '2026-11-22T09:59:59Z' })])).toBe('ok');
    const odd = [...numbered(2, 1), extension('1.2.3', sequence(), true)];
    expect(judge([fromRoot, complete(1), delta(hold, 2, { extensions: odd })])).toBe('ok');
  });

  it('wants distribution points by URI in the profile of web authorities', () => {
    const names = [uri('http://crl.example/1'), dns('crl.example')];
    const points = sequence(sequence(tagged(0, tagged(0, uri('http://crl.example/1')))));
    const bound = make({ name: 'bound', issuer: sub, more: [{ oid: OID.cRLDistributionPoints, critical: false, value: points }] });
    const listed = (...some: Uint8Array[]) =>
      crl(sub, { extensions: [NUMBER, extension(OID.issuingDistributionPoint, sequence(tagged(0, tagged(0, ...some))), true)] });
    const web = { leaf: bound.certificate, profile: 'web' } as const;
    expect(judge([fromRoot, listed(...names)], { leaf: bound.certificate })).toBe('ok');
    expect(judge([fromRoot, listed(names[0] as Uint8Array)], web)).toBe('ok');
    expect(judge([fromRoot, listed(...names)], web)).toBe('revocation-unknown: CN=bound');
  });

  it('wants a signer that may sign lists', () => {
    const mute = make({ name: 'mute', ca: true, issuer: root, usages: ['keyCertSign'] });
    const end = make({ name: 'end', issuer: mute });
    expect(judge([fromRoot, crl(mute)], { leaf: end.certificate, intermediates: [mute.certificate] })).toBe('revocation-unknown: CN=end');
  });

  describe('by a key of its own', () => {
    const issuer = make({ name: 'two keys', ca: true, issuer: root, usages: ['keyCertSign'] });
    const signer = make({
      name: 'two keys',
      key: keyNamed('list key'),
      issuer: root,
      usages: ['cRLSign'],
      purposes: null,
      names: [],
      serialNumber: integer(501),
    });
    const end = make({ name: 'end', issuer });
    const pool = [issuer.certificate, signer.certificate];
    const request = {
      leaf: end.certificate,
      intermediates: pool,
      purpose: OID.serverAuth,
      identities: [{ kind: 'dns', value: 'node.example.com' }],
    } as const;

    it('that has a path to the same anchor', () => {
      const aki = extension(OID.authorityKeyIdentifier, authorityKeyIdentifier(keyIdentifierOf(parseSpki(signer.key.spki))).value);
      expect(judge([fromRoot, crl(signer, { extensions: [NUMBER, aki] })], request)).toBe('ok');
    });

    it('that is not revoked itself', () => {
      const revoking = crl(root, { entries: sequence(entry(501)) });
      expect(judge([revoking, crl(signer)], request)).toBe('revocation-unknown: CN=end');
    });

    it('that does not vouch for itself, nor in a circle with others', () => {
      const signers = Array.from({ length: 6 }, (_, index) =>
        make({ name: 'two keys', key: keyNamed(`list key ${index}`), issuer, usages: ['cRLSign'], purposes: null, names: [] }),
      );
      for (const count of [1, 6]) {
        const some = signers.slice(0, count);
        const intermediates = [issuer.certificate, ...some.map((one) => one.certificate)];
        expect(judge([fromRoot, ...some.map((one) => crl(one))], { ...request, intermediates })).toBe('revocation-unknown: CN=end');
      }
    });
  });
});
