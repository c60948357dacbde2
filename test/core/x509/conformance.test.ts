/** Path validation clause by clause: what RFC 5280, 6125, 9525 and 9618 say of small chains, each case with its verdict. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import type { SigningKey } from '../../../src/core/key-ports.ts';
import { type Certificate, parseCertificate } from '../../../src/core/x509/certificate.ts';
import { contextTag, TAG } from '../../../src/core/x509/der.ts';
import { bitString, integer, octetString, oid, sequence, setOf, tagged, text, tlv } from '../../../src/core/x509/der-writer.ts';
import { authorityKeyIdentifier, basicConstraints, subjectAltName, subjectKeyIdentifier } from '../../../src/core/x509/extension-writer.ts';
import type { Extension } from '../../../src/core/x509/extensions.ts';
import type { ReferenceIdentity } from '../../../src/core/x509/identity.ts';
import { OID } from '../../../src/core/x509/oids.ts';
import { type PathRequest, validatePath } from '../../../src/core/x509/path.ts';
import {
  type Authority,
  directory,
  dns,
  ECDSA_SHA256,
  email,
  ip,
  keyNamed,
  make,
  type MakeOptions,
  nameConstraints,
  nameOf,
  NOW,
  uri,
} from './make.ts';

type Options = Partial<Omit<PathRequest, 'leaf' | 'intermediates' | 'anchors'>>;
/** The options of the root, of authorities below it in order, and of the leaf. */
interface Chain {
  root?: MakeOptions;
  subs?: readonly MakeOptions[];
  leaf?: MakeOptions;
  options?: Options;
}

const certificates = (list: readonly Authority[]): Certificate[] => list.map((entry) => entry.certificate);

function judge(leaf: Authority, pool: readonly Authority[], anchors: readonly Authority[], options: Options = {}): string {
  const request = { leaf: leaf.certificate, intermediates: certificates(pool), anchors: certificates(anchors), at: NOW, verifySignature };
  const result = validatePath({ ...request, ...options });
  return result.ok ? 'ok' : result.code;
}

/** `ok`, the fault, or `malformed` when a certificate of the chain cannot be read. */
function verdict({ root = {}, subs = [{}], leaf = {}, options }: Chain): string {
  try {
    const anchor = make({ name: 'root', ca: true, ...root });
    const chain = [anchor];
    for (const [index, sub] of subs.entries())
      chain.push(make({ name: `sub ${index}`, ca: true, issuer: chain.at(-1) as Authority, ...sub }));
    return judge(make({ name: 'leaf', issuer: chain.at(-1) as Authority, ...leaf }), chain.slice(1), [anchor], options);
  } catch (error) {
    return (error as { code?: string }).code === 'ERR_CERTIFICATE_MALFORMED' ? 'malformed' : String(error);
  }
}

type Case = [expected: string, what: string, chain: Chain];
const clause = (name: string, cases: readonly Case[]): void => {
  describe(`clause ${name}`, () => {
    it.each<Case>([...cases])('%s: %s', (expected, _, chain) => {
      expect(verdict(chain)).toBe(expected);
    });
  });
};

const extension = (type: string, value: Uint8Array, critical = false): Extension => ({ oid: type, critical, value });
const unknown = (critical: boolean): Extension => extension('1.2.3.4', sequence(), critical);
const san = (...names: Uint8Array[]): MakeOptions => ({ names: [], more: [extension(OID.subjectAltName, sequence(...names))] });
const rfc5280: Options = { profile: 'rfc5280' };
const web: Options = { profile: 'web', purpose: OID.serverAuth };
const times = (notBefore: Uint8Array, notAfter: Uint8Array): MakeOptions => ({ parts: { validity: sequence(notBefore, notAfter) } });
const utc = (value: string) => text(TAG.utcTime, value);
const generalized = (value: string) => text(TAG.generalizedTime, value);
const LATER = generalized('20600101000000Z');
const raw = (...octets: number[]) => Uint8Array.from(octets);

clause('4.1.2.1 version', [
  ['ok', 'version 3', {}],
  ['malformed', 'version 2 with extensions', { leaf: { parts: { version: tagged(0, integer(1)) } } }],
  ['malformed', 'version 1 with extensions', { leaf: { parts: { version: raw() } } }],
  ['malformed', 'version 1 that is written', { leaf: { parts: { version: tagged(0, integer(0)) } } }],
  ['malformed', 'version 4', { leaf: { parts: { version: tagged(0, integer(3)) } } }],
  ['form', 'an authority of version 1', { subs: [{ parts: { version: raw(), extensionsField: raw() } }], options: rfc5280 }],
  ['ok', 'a leaf of version 1, to readers', { leaf: { parts: { version: raw(), extensionsField: raw() } }, options: rfc5280 }],
]);

clause('4.1.2.2 serial number', [
  ['serial-number', 'zero', { leaf: { serialNumber: integer(0) } }],
  ['serial-number', 'negative', { leaf: { serialNumber: raw(2, 1, 0x80) } }],
  ['serial-number', '21 octets', { leaf: { serialNumber: integer(new Uint8Array(21).fill(0x11)) } }],
  ['serial-number', 'zero in an authority', { subs: [{ serialNumber: integer(0) }] }],
  ['malformed', 'not minimal', { leaf: { serialNumber: raw(2, 2, 0, 1) } }],
  ['malformed', 'empty', { leaf: { serialNumber: raw(2, 0) } }],
  ['ok', 'one', { leaf: { serialNumber: integer(1) } }],
  ['ok', '20 octets', { leaf: { serialNumber: integer(new Uint8Array(20).fill(0x7f)) } }],
  ['ok', 'zero in an anchor', { root: { serialNumber: integer(0) } }],
  ['ok', 'negative, to readers', { leaf: { serialNumber: raw(2, 1, 0x80) }, options: rfc5280 }],
  ['ok', '21 octets, to readers', { leaf: { serialNumber: integer(new Uint8Array(21).fill(0x11)) }, options: rfc5280 }],
]);

clause('4.1.1.2 and 4.1.2.3 signature', [
  ['malformed', 'outer algorithm that differs', { leaf: { parts: { outerAlgorithm: sequence(oid(OID.ecdsaWithSha384)) } } }],
  ['signature', 'another signature', { leaf: { parts: { signature: new Uint8Array(70) } } }],
  ['signature', 'no signature', { leaf: { parts: { signature: raw() } } }],
  ['algorithm', 'SHA-1 with ECDSA', { leaf: { parts: { algorithm: sequence(oid('1.2.840.10045.4.1')) } } }],
  ['algorithm', 'SHA-1 with RSA', { leaf: { parts: { algorithm: sequence(oid('1.2.840.113549.1.1.5'), raw(5, 0)) } } }],
  ['algorithm', 'MD5 with RSA', { leaf: { parts: { algorithm: sequence(oid('1.2.840.113549.1.1.4'), raw(5, 0)) } } }],
  ['algorithm', 'DSA with SHA-256', { leaf: { parts: { algorithm: sequence(oid('2.16.840.1.101.3.4.3.2')) } } }],
  [
    'algorithm',
    'SHA-1 in an authority, to readers',
    { subs: [{ parts: { algorithm: sequence(oid('1.2.840.10045.4.1')) } }], options: rfc5280 },
  ],
  ['algorithm', 'ECDSA with NULL parameters', { leaf: { parts: { algorithm: sequence(oid(OID.ecdsaWithSha256), raw(5, 0)) } } }],
  ['ok', 'SHA-1 in the self-signature of an anchor', { root: { parts: { algorithm: sequence(oid('1.2.840.10045.4.1')) } } }],
]);

clause('4.1.2.4 and 4.1.2.6 names', [
  ['names', 'an authority without subject', { subs: [{ name: '' }] }],
  ['names', 'no subject and no alternative name', { leaf: { name: '', names: [] } }],
  ['names', 'no subject beside an alternative name that is not critical', { leaf: { name: '', ...san(dns('a.example')) } }],
  ['no-anchor', 'another issuer name', { leaf: { issuerName: nameOf(TAG.utf8String, Buffer.from('else')) } }],
  ['ok', 'an issuer in other case and spaces', { leaf: { issuerName: nameOf(TAG.printableString, Buffer.from(' SUB  0 ')) } }],
  ['ok', 'no subject, a critical alternative name', { leaf: { name: '' } }],
  ['malformed', 'an empty relative name', { leaf: { subject: sequence(setOf()) } }],
]);

clause('4.1.2.5 validity', [
  ['ok', 'the last second', { leaf: { notAfter: '2026-11-22T10:00:00Z' } }],
  ['ok', 'the first second', { leaf: { notBefore: '2026-11-22T10:00:00Z' } }],
  ['validity', 'a second too late', { leaf: { notAfter: '2026-11-22T09:59:59Z' } }],
  ['validity', 'a second too early', { leaf: { notBefore: '2026-11-22T10:00:01Z' } }],
  ['validity', 'an authority that has ended', { subs: [{ notAfter: '2026-02-01T00:00:00Z' }] }],
  ['validity', 'an anchor that has ended', { root: { notAfter: '2026-02-01T00:00:00Z' } }],
  ['ok', 'an anchor that has ended, to readers', { root: { notAfter: '2026-02-01T00:00:00Z' }, options: rfc5280 }],
  ['ok', 'UTCTime of 1950', { leaf: times(utc('500101000000Z'), utc('360101000000Z')) }],
  ['ok', 'UTCTime of 2049', { leaf: times(utc('260101000000Z'), utc('491231235959Z')) }],
  ['ok', 'GeneralizedTime before 2050, which readers take', { leaf: times(generalized('20260101000000Z'), LATER) }],
  ['ok', 'no expiry', { leaf: times(utc('260101000000Z'), generalized('99991231235959Z')) }],
  ['malformed', 'a fraction of a second', { leaf: times(generalized('20260101000000.5Z'), LATER) }],
  ['malformed', 'an offset', { leaf: times(utc('2601010000+0000'), LATER) }],
  ['malformed', 'no seconds', { leaf: times(utc('2601010000Z'), LATER) }],
  ['malformed', 'no zone', { leaf: times(generalized('20260101000000'), LATER) }],
  ['malformed', 'day 31 of February', { leaf: times(utc('260231000000Z'), LATER) }],
  ['malformed', 'another type', { leaf: times(text(TAG.ia5String, '260101000000Z'), LATER) }],
]);

const identity = (kind: 'dns' | 'uri' | 'email', value: string): ReferenceIdentity => ({ kind, value });
const host = (presented: string, wanted: string): Chain => ({
  leaf: san(dns(presented)),
  options: { identities: [identity('dns', wanted)] },
});
const address = (presented: Uint8Array, ...octets: number[]): Chain => ({
  leaf: san(presented),
  options: { identities: [{ kind: 'ip', bytes: Uint8Array.from(octets) }] },
});

clause('RFC 6125 and 9525 identity', [
  ['ok', 'the name', host('a.example', 'a.example')],
  ['ok', 'the name in other case', host('A.example', 'a.EXAMPLE')],
  ['ok', 'an A-label', host('xn--bcher-kva.example', 'xn--bcher-kva.example')],
  ['identity', 'a U-label asked for', host('xn--bcher-kva.example', 'bücher.example')],
  ['malformed', 'a U-label presented', { leaf: san(tlv(contextTag(2, 'primitive'), Buffer.from('bücher.example'))) }],
  ['ok', 'a wildcard', host('*.a.example', 'b.a.example')],
  ['identity', 'a wildcard for two labels', host('*.a.example', 'c.b.a.example')],
  ['identity', 'a wildcard for no label', host('*.a.example', 'a.example')],
  [
    'identity',
    'none of many names',
    {
      leaf: san(...['a', 'b', 'c', 'd', 'e', 'f'].map((name) => dns(`${name}.example`))),
      options: { identities: [identity('dns', 'g.example')] },
    },
  ],
  ['identity', 'a wildcard of a top-level domain', host('*.example', 'a.example')],
  ['names', 'a part of a label', host('f*o.a.example', 'foo.a.example')],
  ['names', 'a wildcard in an A-label', host('xn--*-1b3c148a.example', 'xn--bliss-1b3c148a.example')],
  ['names', 'a wildcard that is not left-most', host('a.*.example', 'a.b.example')],
  ['names', 'two wildcards', host('*.*.example', 'a.b.example')],
  ['names', 'a wildcard alone', host('*', 'a')],
  ['names', 'a dot at the end', host('a.example.', 'a.example')],
  ['names', 'a dot at the start', host('.a.example', 'a.example')],
  ['names', 'an underscore', host('a_b.example', 'a_b.example')],
  ['names', 'a hyphen at the start', host('-a.example', '-a.example')],
  ['names', 'a space', host(' ', 'a.example')],
  ['names', 'NUL', host('a.example\0.evil.example', 'a.example')],
  ['names', 'a label of 64 characters', host(`${'a'.repeat(64)}.example`, 'a.example')],
  [
    'identity',
    'a common name',
    { leaf: { name: 'a.example', ...san(dns('b.example')) }, options: { identities: [identity('dns', 'a.example')] } },
  ],
  ['identity', 'no alternative name', { leaf: { name: 'a.example', names: [] }, options: { identities: [identity('dns', 'a.example')] } }],
  ['identity', 'an address as a DNS name', address(dns('10.0.0.1'), 10, 0, 0, 1)],
  ['identity', 'a wildcard for an address', host('*.0.0.1', '10.0.0.1')],
  ['ok', 'an IPv4 address', address(ip(10, 0, 0, 1), 10, 0, 0, 1)],
  ['identity', 'another address', address(ip(10, 0, 0, 2), 10, 0, 0, 1)],
  ['identity', 'IPv4 in IPv6', address(ip(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1), 10, 0, 0, 1)],
  ['ok', 'a mailbox', { leaf: san(email('a@b.example')), options: { identities: [identity('email', 'a@B.example')] } }],
  ['identity', 'a mailbox in other case', { leaf: san(email('A@b.example')), options: { identities: [identity('email', 'a@b.example')] } }],
]);

clause('4.2.1.6 alternative names', [
  ['malformed', 'an address of 5 octets', { leaf: san(ip(10, 0, 0, 1, 1)) }],
  ['malformed', 'a subnet', { leaf: san(ip(10, 0, 0, 0, 255, 0, 0, 0)) }],
  ['malformed', 'an empty list', { leaf: san() }],
  ['malformed', 'text instead of DER', { leaf: { names: [], more: [extension(OID.subjectAltName, Buffer.from('a.example'))] } }],
  ['ok', 'critical beside a subject', { leaf: { names: [], more: [subjectAltName([{ kind: 'dns', value: 'a.example' }], true)] } }],
]);

const twice = (more: Extension): MakeOptions => ({ more: [more, more] });
clause('4.2 extensions', [
  ['malformed', 'one twice', { leaf: twice(unknown(false)) }],
  ['malformed', 'one twice in an authority', { subs: [twice(unknown(false))] }],
  ['malformed', 'an empty list', { leaf: { parts: { extensions: [] } } }],
  [
    'malformed',
    'critical FALSE that is written',
    { leaf: { parts: { extensions: [sequence(oid('1.2.3.4'), raw(1, 1, 0), octetString(raw()))] } } },
  ],
  ['malformed', 'critical of 01', { leaf: { parts: { extensions: [sequence(oid('1.2.3.4'), raw(1, 1, 1), octetString(raw()))] } } }],
  ['malformed', 'a malformed authorityInfoAccess', { leaf: { more: [extension(OID.authorityInfoAccess, Buffer.from('malformed'))] } }],
  ['ok', 'an unknown one', { leaf: { more: [unknown(false)] }, subs: [{ more: [unknown(false)] }], root: { more: [unknown(false)] } }],
  ['critical-extension', 'an unknown critical one in the leaf', { leaf: { more: [unknown(true)] } }],
  ['critical-extension', 'an unknown critical one in an authority', { subs: [{ more: [unknown(true)] }] }],
  ['critical-extension', 'an unknown critical one in an anchor', { root: { more: [unknown(true)] } }],
  ['critical-extension', 'an unknown critical one in the leaf, to readers', { leaf: { more: [unknown(true)] }, options: rfc5280 }],
  ['ok', 'an unknown critical one in an anchor, to readers', { root: { more: [unknown(true)] }, options: rfc5280 }],
]);

const noAki = { without: [OID.authorityKeyIdentifier] };
const noSki = { without: [OID.subjectKeyIdentifier] };
clause('4.2.1.1 and 4.2.1.2 key identifiers', [
  ['ok', 'none of an issuer in a self-signed anchor', { root: noAki }],
  ['key-identifier', 'none of its issuer in a leaf', { leaf: noAki }],
  ['key-identifier', 'none of its issuer in an authority', { subs: [noAki] }],
  ['key-identifier', 'none of its own in an authority', { subs: [noSki] }],
  ['key-identifier', 'none of its own in an anchor', { root: noSki }],
  ['ok', 'none of its own in a leaf', { leaf: noSki }],
  [
    'ok',
    'none at all, to readers',
    { root: noSki, subs: [{ without: [OID.subjectKeyIdentifier, OID.authorityKeyIdentifier] }], leaf: noAki, options: rfc5280 },
  ],
  ['key-identifier', 'critical', { leaf: { ...noSki, more: [{ ...subjectKeyIdentifier(new Uint8Array(20)), critical: true }] } }],
  ['ok', 'one that fits no issuer, a hint only', { leaf: { ...noAki, more: [authorityKeyIdentifier(new Uint8Array(20))] } }],
]);

const noBasic = { without: [OID.basicConstraints] };
const lax = { ...noBasic, more: [{ ...basicConstraints(true), critical: false }] };
clause('4.2.1.3 and 4.2.1.9 authorities', [
  ['basic-constraints', 'a leaf that issues', { subs: [{ ca: false, purposes: null }] }],
  ['basic-constraints', 'no basicConstraints, to readers', { subs: [{ ...noBasic, usages: null }], options: rfc5280 }],
  ['basic-constraints', 'an anchor without basicConstraints', { root: { ...noBasic, usages: null } }],
  ['basic-constraints', 'an anchor with lax basicConstraints', { root: lax }],
  ['ok', 'an authority with lax basicConstraints', { subs: [lax] }],
  ['ok', 'an anchor without basicConstraints, to readers', { root: { ...noBasic, usages: null }, options: rfc5280 }],
  ['key-usage', 'an authority without keyCertSign', { subs: [{ usages: ['digitalSignature'] }] }],
  ['key-usage', 'an authority without keyCertSign, to readers', { subs: [{ usages: ['cRLSign'] }], options: rfc5280 }],
  ['key-usage', 'an anchor without keyCertSign', { root: { usages: ['cRLSign'] } }],
  ['key-usage', 'a leaf with keyCertSign', { leaf: { usages: ['keyCertSign'] } }],
  ['key-usage', 'a leaf with no bit of keyUsage', { leaf: { usages: [] } }],
  ['ok', 'an authority without keyUsage', { subs: [{ usages: null }] }],
  ['ok', 'a leaf that is an authority', { leaf: { ca: true } }],
  ['malformed', 'cA FALSE that is written', { leaf: { more: [extension(OID.basicConstraints, sequence(raw(1, 1, 0)))] } }],
  [
    'malformed',
    'a negative path length',
    { subs: [{ ...noBasic, more: [extension(OID.basicConstraints, sequence(raw(1, 1, 0xff), raw(2, 1, 0xff)), true)] }] },
  ],
]);

const selfIssued = (key: string): MakeOptions => ({ name: 'root', key: keyNamed(key) });
clause('6.1.4 (l), (m) path length', [
  ['ok', '0 above the leaf', { subs: [{ pathLen: 0 }] }],
  ['path-length', '0 above an authority', { subs: [{ pathLen: 0 }, {}] }],
  ['ok', '1 above an authority', { subs: [{ pathLen: 1 }, {}] }],
  ['path-length', '0 of an anchor', { root: { pathLen: 0 } }],
  ['path-length', '0 of an anchor, to readers too (RFC 5937)', { root: { pathLen: 0 }, options: rfc5280 }],
  ['ok', 'self-issued ones do not count', { root: { pathLen: 0 }, subs: [selfIssued('new'), selfIssued('newer')] }],
  ['path-length', 'a later one that is wider does not widen', { subs: [{ pathLen: 1 }, { pathLen: 9 }, {}] }],
  ['ok', 'a leaf that is an authority does not count', { subs: [{ pathLen: 0 }], leaf: { ca: true, pathLen: 5 } }],
]);

const server = { purpose: OID.serverAuth };
clause('4.2.1.12 purposes', [
  ['ok', 'the purpose', { options: server }],
  ['purpose', 'another', { leaf: { purposes: [OID.clientAuth] }, options: server }],
  ['ok', 'none named', { leaf: { purposes: null }, options: server }],
  ['ok', 'any', { leaf: { purposes: [OID.anyExtendedKeyUsage] }, options: server }],
  ['purpose', 'an authority for others', { subs: [{ purposes: [OID.clientAuth] }], options: server }],
  ['ok', 'an authority for any', { subs: [{ purposes: [OID.anyExtendedKeyUsage] }], options: server }],
  ['ok', 'an anchor for others', { root: { purposes: [OID.clientAuth] }, options: server }],
  ['malformed', 'an empty list', { leaf: { purposes: [] } }],
  [
    'ok',
    'critical',
    { leaf: { purposes: null, more: [extension(OID.extKeyUsage, sequence(oid(OID.serverAuth)), true)] }, options: server },
  ],
]);

const permit = (...bases: Uint8Array[]): MakeOptions => ({ more: [nameConstraints(bases)] });
const exclude = (...bases: Uint8Array[]): MakeOptions => ({ more: [nameConstraints([], bases)] });
const other = tagged(0, oid('1.2.3.4'), tagged(0, integer(1)));
const under = (sub: MakeOptions, ...names: Uint8Array[]): Chain => ({ subs: [sub], leaf: san(...names) });

clause('4.2.1.10 name constraints', [
  ['ok', 'a DNS name below', under(permit(dns('example.com')), dns('a.b.example.com'))],
  ['name-constraints', 'a DNS name that ends alike', under(permit(dns('example.com')), dns('not-example.com'))],
  ['name-constraints', 'one DNS name of two', under(permit(dns('example.com')), dns('a.example.com'), dns('b.org'))],
  ['name-constraints', 'excluded DNS', under(exclude(dns('example.com')), dns('a.example.com'))],
  [
    'name-constraints',
    'excluded beats permitted',
    { subs: [{ more: [nameConstraints([dns('a.b')], [dns('a.b')])] }], leaf: san(dns('a.b')) },
  ],
  ['name-constraints', 'a wildcard over an excluded name', under(exclude(dns('a.example.com')), dns('*.example.com'))],
  ['name-constraints', 'a leading dot of DNS', under(permit(dns('.example.com')), dns('a.example.com'))],
  [
    'name-constraints',
    'a leading dot of DNS, to readers',
    { ...under(permit(dns('.example.com')), dns('a.example.com')), options: rfc5280 },
  ],
  ['name-constraints', 'a wildcard as constraint', under(permit(dns('*.example.com')), dns('a.example.com'))],
  ['name-constraints', 'not critical', { subs: [{ more: [nameConstraints([dns('a.b')], [], false)] }], leaf: san(dns('a.b')) }],
  [
    'ok',
    'not critical, to readers',
    { subs: [{ more: [nameConstraints([dns('a.b')], [], false)] }], leaf: san(dns('a.b')), options: rfc5280 },
  ],
  ['ok', 'another kind of name', under(permit(ip(10, 0, 0, 0, 255, 0, 0, 0)), dns('a.example'))],
  ['ok', 'an address inside', under(permit(ip(10, 0, 0, 0, 255, 0, 0, 0)), ip(10, 1, 2, 3))],
  ['name-constraints', 'an address outside', under(permit(ip(10, 0, 0, 0, 255, 0, 0, 0)), ip(11, 1, 2, 3))],
  ['name-constraints', 'an IPv6 address under IPv4', under(permit(ip(10, 0, 0, 0, 255, 0, 0, 0)), ip(...new Uint8Array(16).fill(1)))],
  ['malformed', 'a mask with holes', under(permit(ip(10, 0, 0, 0, 255, 0, 255, 0)), ip(10, 1, 0, 3))],
  ['malformed', 'an address without mask', under(permit(ip(10, 0, 0, 1)), ip(10, 0, 0, 1))],
  [
    'malformed',
    'a minimum',
    under({ more: [extension(OID.nameConstraints, sequence(tagged(0, sequence(dns('a'), raw(0x80, 1, 1)))), true)] }, dns('a')),
  ],
  ['malformed', 'no subtree', under({ more: [extension(OID.nameConstraints, sequence(), true)] }, dns('a'))],
  ['name-constraints', 'a directory name of the subject', { ...under(permit(directory(['O', 'x'])), dns('a.example')) }],
  ['ok', 'a directory name above the subject', { subs: [permit(directory(['CN', 'leaf']))] }],
  ['name-constraints', 'an excluded directory name', { subs: [exclude(directory(['CN', 'LEAF']))] }],
  ['ok', 'a mailbox', under(permit(email('a@example.com')), email('a@example.com'))],
  ['ok', 'a mailbox at a host', under(permit(email('example.com')), email('a@example.com'))],
  ['ok', 'a quoted mailbox', under(permit(email('example.com')), email('"a b@c"@example.com'))],
  ['name-constraints', 'a mailbox in a domain below', under(permit(email('example.com')), email('a@b.example.com'))],
  ['name-constraints', 'a mailbox with two signs', under(permit(email('example.com')), email('a@b@example.com'))],
  ['name-constraints', 'a mailbox with two signs, excluded elsewhere', under(exclude(email('example.org')), email('a@b@example.com'))],
  ['name-constraints', 'a constraint with two signs', under(permit(email('a@b@example.com')), email('c@example.com'))],
  ['name-constraints', 'a mailbox without local part', under(permit(email('example.com')), email('@example.com'))],
  ['ok', 'a URI', under(permit(uri('.example.com')), uri('https://a.example.com/x'))],
  ['name-constraints', 'a URI elsewhere', under(permit(uri('example.com')), uri('https://example.org'))],
  ['name-constraints', 'a URI of an address', under(exclude(uri('example.com')), uri('https://10.0.0.1'))],
  ['name-constraints', 'another kind that is constrained', under(exclude(other), other)],
  ['ok', 'another kind that does not stand below', under(exclude(other), dns('a.example'))],
  ['name-constraints', 'in a leaf', { leaf: permit(dns('example.com')) }],
  ['name-constraints', 'an authority below', { subs: [exclude(dns('a.b')), { names: [{ kind: 'dns', value: 'a.b' }] }] }],
  ['name-constraints', 'narrowed', { subs: [permit(dns('a.b'), dns('c.b')), permit(dns('a.b'))], leaf: san(dns('c.b')) }],
  ['name-constraints', 'never widened', { subs: [permit(dns('a.b')), permit(dns('a.b'), dns('c.b'))], leaf: san(dns('c.b')) }],
  ['name-constraints', 'of an anchor, to readers too', { root: permit(dns('a.b')), leaf: san(dns('c.d')), options: rfc5280 }],
  [
    'ok',
    'not of a self-issued authority',
    { root: exclude(dns('x.y')), subs: [{ ...selfIssued('rolled'), names: [{ kind: 'dns', value: 'x.y' }] }] },
  ],
  [
    'name-constraints',
    'of a self-issued leaf',
    { subs: [{ ...exclude(dns('x.y')), name: 'same' }], leaf: { name: 'same', key: keyNamed('other'), ...san(dns('x.y')) } },
  ],
]);

const policy = (...list: string[]): Extension => extension(OID.certificatePolicies, sequence(...list.map((entry) => sequence(oid(entry)))));
const demand = (...octets: number[]): Extension => extension(OID.policyConstraints, sequence(raw(...octets)), true);
const mapping = (from: string, to: string): Extension => extension(OID.policyMappings, sequence(sequence(oid(from), oid(to))), true);
const inhibitAny = extension(OID.inhibitAnyPolicy, integer(0), true);
const [P1, P2, ANY] = ['1.2.3.1', '1.2.3.2', OID.anyPolicy];
const asked = (...list: string[]): Options => ({ policies: { initialPolicies: new Set(list), requireExplicitPolicy: true } });
const path = (sub: Extension[], leaf: Extension[], options?: Options): Chain => ({
  subs: [{ more: sub }],
  leaf: { more: leaf },
  ...(options && { options }),
});

clause('6.1 policies', [
  ['ok', 'one along the path', path([policy(P1)], [policy(P1)], asked(P1))],
  ['policy', 'another', path([policy(P1)], [policy(P1)], asked(P2))],
  ['policy', 'none in common', path([policy(P1)], [policy(P2)], asked(ANY))],
  ['ok', 'none in common, none required', path([policy(P1)], [policy(P2)])],
  ['ok', 'any above', path([policy(ANY)], [policy(P1)], asked(P1))],
  ['policy', 'requireExplicitPolicy of an authority', path([demand(0x80, 1, 0)], [])],
  ['ok', 'requireExplicitPolicy that is kept', path([policy(P1), demand(0x80, 1, 0)], [policy(P1)])],
  ['ok', 'requireExplicitPolicy far below', path([demand(0x80, 1, 5)], [])],
  ['ok', 'a mapping', path([policy(P1), mapping(P1, P2)], [policy(P2)], asked(P1))],
  [
    'policy',
    'a mapping that is inhibited',
    path([policy(P1), mapping(P1, P2)], [policy(P2)], { policies: { ...asked(P1).policies, inhibitPolicyMapping: true } }),
  ],
  ['policy', 'a mapping to another', path([policy(P1), mapping(P1, P2)], [policy(P1)], asked(P1))],
  ['malformed', 'a mapping of any', path([policy(P1), mapping(P1, ANY)], [policy(P2)])],
  ['policy', 'inhibitAnyPolicy', path([policy(P1), inhibitAny], [policy(ANY)], asked(P1))],
  ['policy', 'inhibitAnyPolicy that is not critical', path([{ ...inhibitAny, critical: false }], [])],
  ['ok', 'inhibitAnyPolicy that is not critical, to readers', path([{ ...inhibitAny, critical: false }], [], rfc5280)],
  ['malformed', 'one twice', path([], [policy(P1, P1)])],
]);

/** A key of any kind that node:crypto makes. */
function keyOf(pair: { privateKey: KeyObject; publicKey: KeyObject }, hash: string | null): SigningKey {
  const spki = Uint8Array.from(pair.publicKey.export({ type: 'spki', format: 'der' }));
  return { spki, sign: (data: Uint8Array) => Uint8Array.from(sign(hash, data, pair.privateKey)) } as unknown as SigningKey;
}
const ec = (namedCurve: string) => keyOf(generateKeyPairSync('ec', { namedCurve }), 'sha256');
const rsa = (modulusLength: number) => keyOf(generateKeyPairSync('rsa', { modulusLength }), 'sha256');
const RSA_SHA256 = sequence(oid(OID.sha256WithRSAEncryption), raw(5, 0));
const issuedBy = (key: SigningKey, algorithm: Uint8Array): Chain => ({ subs: [{ key }], leaf: { parts: { algorithm } } });

clause('keys', [
  ['ok', 'P-521', issuedBy(ec('P-521'), ECDSA_SHA256)],
  ['ok', 'Ed448', issuedBy(keyOf(generateKeyPairSync('ed448'), null), sequence(oid(OID.ed448)))],
  ['ok', 'RSA of 2048 bits', issuedBy(rsa(2048), RSA_SHA256)],
  ['key', 'RSA of 1024 bits', issuedBy(rsa(1024), RSA_SHA256)],
  ['key', 'RSA of 1024 bits, to readers', { ...issuedBy(rsa(1024), RSA_SHA256), options: rfc5280 }],
  ['key', 'RSA of 1024 bits in the leaf', { leaf: { key: rsa(1024) } }],
  ['key', 'P-192 in the leaf', { leaf: { key: ec('prime192v1') } }],
  ['key', 'a Brainpool curve', issuedBy(ec('brainpoolP256r1'), ECDSA_SHA256)],
  ['key', 'secp256k1', issuedBy(ec('secp256k1'), ECDSA_SHA256)],
  ['key', 'a weak key of an anchor, to readers', { root: { key: ec('prime192v1') }, options: rfc5280 }],
  ['signature', 'an algorithm for another kind of key', { leaf: { parts: { algorithm: sequence(oid(OID.ed25519)) } } }],
  [
    'malformed',
    'an RSA key that is none',
    { leaf: { parts: { spki: sequence(sequence(oid(OID.rsaEncryption), raw(5, 0)), bitString(raw())) } } },
  ],
]);

const cn = (value: string, ...names: Uint8Array[]): Chain => ({
  leaf: { name: value, key: keyNamed('leaf'), ...san(...names) },
  options: web,
});
const purposes = (...list: string[]): Chain => ({ leaf: { purposes: list }, options: web });
const point = (...names: Uint8Array[]): Extension =>
  extension(OID.cRLDistributionPoints, sequence(sequence(tagged(0, tagged(0, ...names)))));
clause('profile of public web authorities', [
  ['ok', 'two purposes', purposes(OID.serverAuth, OID.clientAuth)],
  ['purpose', 'any beside the purpose', purposes(OID.serverAuth, OID.anyExtendedKeyUsage)],
  ['purpose', 'code beside the purpose', purposes(OID.serverAuth, OID.codeSigning)],
  ['purpose', 'precertificates beside the purpose', purposes(OID.serverAuth, '1.3.6.1.4.1.11129.2.4.4')],
  ['purpose', 'another only', purposes(OID.clientAuth)],
  [
    'purpose',
    'critical',
    { leaf: { purposes: null, more: [extension(OID.extKeyUsage, sequence(oid(OID.serverAuth)), true)] }, options: web },
  ],
  ['purpose', 'purposes of a root', { root: { purposes: [OID.serverAuth] }, options: web }],
  ['ok', 'a common name that is a copy', cn('a.example', dns('a.example'))],
  ['ok', 'a common name that is text', cn('node 7', uri('https://a.example'), dns('a.example'))],
  ['names', 'a common name in other case', cn('A.example', dns('a.example'))],
  ['names', 'a common name in Unicode', cn('bücher.example', dns('xn--bcher-kva.example'))],
  ['names', 'an A-label that is not an alternative name', cn('xn--bcher-kva.example', dns('a.example'))],
  ['names', 'an address with zeros', cn('10.0.0.001', ip(10, 0, 0, 1))],
  ['names', 'an address in hexadecimal', cn('0x0A000001', ip(10, 0, 0, 1))],
  ['ok', 'an address that is a copy', cn('10.0.0.1', ip(10, 0, 0, 1))],
  ['ok', 'no alternative name at all', { leaf: { names: [] }, options: web }],
  ['ok', 'a common name of no text', { leaf: { subject: nameOf(TAG.integer, raw(1)) }, options: web }],
  ['ok', 'a distribution point by URI', { leaf: { more: [point(uri('http://a.example/1.crl'))] }, options: web }],
  [
    'form',
    'a distribution point by another name',
    { leaf: { more: [point(uri('http://a.example/1.crl'), dns('a.example'))] }, options: web },
  ],
]);

describe('RFC 4158 building', () => {
  const root = make({ name: 'root', ca: true });
  const sub = make({ name: 'sub', ca: true, issuer: root });
  const leaf = make({ name: 'leaf', issuer: sub });

  it('takes an anchor that is not self-signed', () => {
    expect(judge(leaf, [root], [sub])).toBe('ok');
    expect(judge(leaf, [sub], [make({ name: 'root', ca: true, key: keyNamed('other root') })])).toBe('signature');
  });

  it('takes the cross-signed way when the own root is not trusted', () => {
    const elder = make({ name: 'elder', ca: true });
    const crossed = make({ name: 'root', ca: true, issuer: elder });
    expect(judge(leaf, [sub, root, crossed], [elder])).toBe('ok');
    expect(judge(leaf, [sub, root, crossed], [make({ name: 'stranger', ca: true })])).toBe('no-anchor');
  });

  it('goes around a cross-certificate that has ended', () => {
    const elder = make({ name: 'elder', ca: true });
    const ended = make({ name: 'root', ca: true, issuer: elder, notAfter: '2026-02-01T00:00:00Z' });
    expect(judge(leaf, [sub, ended], [elder, root])).toBe('ok');
  });

  it('passes 10 000 authorities of one name that did not sign, in bounded time', () => {
    // Key and identifier of the right one: nothing but the signature over another name tells them apart.
    const decoy = make({ name: 'sub', ca: true, key: keyNamed('decoy'), issuer: root, without: [OID.subjectKeyIdentifier] });
    const pool = Array.from({ length: 10_000 }, (_, index) => ({
      ...decoy,
      certificate: { ...decoy.certificate, fingerprint: `${index}` as Certificate['fingerprint'] },
    }));
    const start = performance.now();
    expect(judge(leaf, [...pool, sub], [root])).toBe('ok');
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it('ends when 400 authorities all sign each other', () => {
    const names = Array.from({ length: 20 }, (_, index) => make({ name: `ring ${index}`, ca: true }));
    const pool = names.flatMap((issuer) => names.map((_, index) => make({ name: `ring ${index}`, ca: true, issuer })));
    expect(judge(make({ name: 'end', issuer: names[0] as Authority }), pool, [root])).toBe('budget');
  });
});

it('reads no certificate with octets after it', () => {
  const der = make({ name: 'root', ca: true }).certificate.der;
  expect(() => parseCertificate(Uint8Array.from([...der, 0]))).toThrow(
    expect.objectContaining({ code: 'ERR_CERTIFICATE_MALFORMED' }) as Error,
  );
});
