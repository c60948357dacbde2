import { describe, expect, it } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import type { Certificate } from '../../../src/core/x509/certificate.ts';
import { integer, oid, sequence, tagged, text, time } from '../../../src/core/x509/der-writer.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  keyUsage,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../../src/core/x509/extension-writer.ts';
import { writeName } from '../../../src/core/x509/name-text.ts';
import { OID } from '../../../src/core/x509/oids.ts';
import { type PathRequest, type PathResult, validatePath } from '../../../src/core/x509/path.ts';
import { TAG } from '../../../src/core/x509/der.ts';
import { at, type Authority, dns, keyNamed, make, type MakeOptions, nameConstraints, nameOf, NOW } from './make.ts';

const root = make({ name: 'root', ca: true });
const sub = make({ name: 'sub', ca: true, issuer: root });
const leaf = make({ name: 'leaf', issuer: sub });

type Options = Partial<Omit<PathRequest, 'leaf' | 'intermediates' | 'anchors'>>;

function judge(
  end: Authority,
  intermediates: readonly Authority[],
  anchors: readonly Authority[] = [root],
  options: Options = {},
): PathResult {
  const certificates = (list: readonly Authority[]): Certificate[] => list.map((entry) => entry.certificate);
  return validatePath({
    leaf: end.certificate,
    intermediates: certificates(intermediates),
    anchors: certificates(anchors),
    at: NOW,
    verifySignature,
    ...options,
  });
}

/** `ok` and the names of the path, or the fault. */
function verdict(...args: Parameters<typeof judge>): string {
  const result = judge(...args);
  return result.ok ? `ok ${result.path.map((certificate) => certificate.subject.text.replace('CN=', '')).join(' ')}` : result.code;
}

describe('building', () => {
  it('finds a path in any order, over what does not fit', () => {
    expect(verdict(leaf, [sub])).toBe('ok leaf sub root');
    const stranger = make({ name: 'stranger', ca: true });
    expect(verdict(leaf, [leaf, stranger, root, sub, sub])).toBe('ok leaf sub root');
    expect(verdict(make({ name: 'direct', issuer: root }), [])).toBe('ok direct root');
  });

  it('names what is missing', () => {
    expect(judge(leaf, [])).toMatchObject({
      ok: false,
      code: 'no-anchor',
      reason: 'expected a certificate of its issuer CN=sub among anchors and intermediates, found none',
    });
    expect(verdict(leaf, [sub], [make({ name: 'other', ca: true })])).toBe('no-anchor');
    expect(verdict(leaf, [sub], [])).toBe('no-anchor');
    expect(verdict(make({ name: 'self' }), [make({ name: 'self' })])).toBe('no-anchor');
  });

  it('needs signatures, not names', () => {
    const impostor = make({ name: 'leaf', issuer: { certificate: sub.certificate, key: keyNamed('attacker') } });
    expect(verdict(impostor, [sub])).toBe('signature');
    const fake = make({ name: 'root', ca: true, key: keyNamed('attacker') });
    expect(verdict(leaf, [sub], [fake])).toBe('signature');
    expect(verdict(leaf, [sub], [fake, root])).toBe('ok leaf sub root');
  });

  it('tries all authorities of one name, those that the key identifier names first', () => {
    const decoys = Array.from({ length: 20 }, (_, index) => make({ name: 'sub', ca: true, key: keyNamed(`decoy ${index}`), issuer: root }));
    let checks = 0;
    const counting = (...args: Parameters<typeof verifySignature>) => {
      checks += 1;
      return verifySignature(...args);
    };
    expect(verdict(leaf, [...decoys, sub], [root], { verifySignature: counting })).toBe('ok leaf sub root');
    expect(checks).toBe(2);
    const without = make({
      name: 'leaf',
      issuer: sub,
      without: [OID.authorityKeyIdentifier],
      more: [authorityKeyIdentifier(new Uint8Array(20))],
    });
    expect(verdict(without, [...decoys, sub])).toBe('ok leaf sub root');
  });

  it('goes around an expired or unfit authority', () => {
    const expired = make({ name: 'sub', ca: true, issuer: root, notAfter: '2026-02-01T00:00:00Z' });
    const unfit = make({ name: 'sub', ca: true, issuer: root, usages: ['cRLSign'] });
    expect(verdict(leaf, [expired, unfit, sub])).toBe('ok leaf sub root');
    expect(verdict(leaf, [expired])).toBe('validity');
  });

  it('goes around loops of cross-certificates', () => {
    const [a, b] = [make({ name: 'a', ca: true }), make({ name: 'b', ca: true })];
    const crossed = [make({ name: 'a', ca: true, issuer: b }), make({ name: 'b', ca: true, issuer: a })];
    const end = make({ name: 'end', issuer: a });
    expect(verdict(end, crossed)).toBe('no-anchor');
    expect(verdict(end, [...crossed, make({ name: 'b', ca: true, issuer: root })])).toBe('ok end a b root');
  });

  it('bounds its work', () => {
    const layers = Array.from({ length: 6 }, (_, layer) =>
      Array.from({ length: 6 }, (_, index) => ({ name: `layer ${layer}`, key: keyNamed(`layer ${layer} ${index}`) })),
    );
    const pool = layers.flatMap((names, layer) =>
      names.flatMap(({ name, key }) =>
        (layers[layer + 1] ?? []).map((above) =>
          make({
            name,
            ca: true,
            key,
            issuer: { key: above.key, certificate: make({ name: above.name, ca: true, key: above.key }).certificate },
          }),
        ),
      ),
    );
    const first = layers[0]?.[0] as { name: string; key: Authority['key'] };
    const end = make({
      name: 'end',
      issuer: { key: first.key, certificate: make({ name: first.name, ca: true, key: first.key }).certificate },
    });
    const result = judge(end, pool, [root, make({ name: 'layer 5', ca: true, key: keyNamed('unrelated') })]);
    expect(result).toMatchObject({ ok: false, code: 'budget' });
  });

  it('limits the length of a path', () => {
    const chain = [root];
    for (let index = 0; index < 18; index++) chain.push(make({ name: `level ${index}`, ca: true, issuer: chain.at(-1) as Authority }));
    const end = (depth: number) => make({ name: 'end', issuer: chain[depth] as Authority });
    expect(verdict(end(17), chain)).toMatch(/^ok/);
    expect(verdict(end(16), chain, [root], { maxIntermediates: 16 })).toMatch(/^ok/);
    expect(verdict(end(17), chain, [root], { maxIntermediates: 16 })).toBe('path-length');
    expect(verdict(end(1), chain, [root], { maxIntermediates: 0 })).toBe('path-length');
    const rolled = [root];
    for (let index = 0; index < 2; index++)
      rolled.push(make({ name: 'root', ca: true, key: keyNamed(`root ${index}`), issuer: rolled.at(-1) as Authority }));
    const long = [root];
    for (let index = 0; index < 256; index++)
      long.push(make({ name: `long ${index}`, ca: true, key: keyNamed('long'), issuer: long.at(-1) as Authority }));
    const deep = (depth: number) => make({ name: 'end', issuer: long[depth] as Authority });
    expect(verdict(deep(100), long)).toMatch(/^ok/);
    expect(verdict(deep(256), long, [root], { maxIntermediates: 1000 })).toBe('path-length');
    expect(verdict(make({ name: 'end', issuer: rolled[1] as Authority }), rolled, [root], { maxIntermediates: 0 })).toBe(
      'ok end root root',
    );
  });

  it('takes a leaf that is an anchor, and an authority as leaf', () => {
    expect(verdict(root, [])).toBe('ok root root');
    expect(verdict(sub, [])).toBe('ok sub root');
  });

  it('compares names as RFC 5280 section 7.1', () => {
    const issuerName = nameOf(TAG.printableString, Buffer.from(' Sub '));
    const end = make({ name: 'end', issuer: sub, issuerName });
    expect(verdict(end, [sub])).toBe('ok end sub root');
  });
});

describe('rules for each certificate', () => {
  const under = (options: MakeOptions) => make({ name: 'leaf', issuer: sub, ...options });
  const through = (options: MakeOptions): [Authority, Authority[]] => {
    const authority = make({ name: 'mid', ca: true, issuer: root, ...options });
    return [make({ name: 'end', issuer: authority }), [authority]];
  };
  const unknown = { oid: '1.2.3.4', critical: true, value: sequence() };
  const name = (value: string) => ({ kind: 'dns', value }) as const;

  it.each<[string, MakeOptions]>([
    ['validity', { notAfter: '2026-11-22T09:59:59Z' }],
    ['validity', { notBefore: '2026-11-22T10:00:01Z' }],
    ['serial-number', { serialNumber: integer(0) }],
    ['serial-number', { serialNumber: Uint8Array.of(2, 1, 0xff) }],
    ['serial-number', { serialNumber: integer(new Uint8Array(21).fill(1)) }],
    ['serial-number', { serialNumber: integer(new Uint8Array(20).fill(0x80)) }],
    ['algorithm', { parts: { algorithm: sequence(oid('1.2.840.10045.4.1')) } }],
    ['names', { name: '', names: [] }],
    ['names', { name: '', names: [], more: [subjectAltName([name('a.example')], false)] }],
    ['names', { names: [name('a..example')] }],
    ['names', { names: [name(' ')] }],
    ['names', { names: [name('a*.example.com')] }],
    ['key-usage', { usages: [] }],
    ['key-usage', { usages: ['keyCertSign'] }],
    ['basic-constraints', { more: [{ ...basicConstraints(false), value: sequence(integer(0)) }] }],
    ['key-identifier', { without: [OID.authorityKeyIdentifier] }],
    ['key-identifier', { without: [OID.subjectKeyIdentifier], more: [{ ...subjectKeyIdentifier(new Uint8Array(20)), critical: true }] }],
    ['name-constraints', { more: [nameConstraints([dns('example.com')])] }],
    ['critical-extension', { more: [unknown] }],
    ['critical-extension', { more: [{ oid: OID.cRLDistributionPoints, critical: true, value: sequence(sequence()) }] }],
    ['policy', { more: [{ oid: OID.inhibitAnyPolicy, critical: false, value: integer(0) }] }],
  ])('refuses a leaf for %s', (fault, options) => {
    expect(verdict(under(options), [sub])).toBe(fault);
  });

  it.each<[string, MakeOptions]>([
    ['20 octets of serial number', { serialNumber: integer(new Uint8Array(20).fill(0x41)) }],
    ['no subject, a critical subjectAltName', { name: '', key: keyNamed('leaf') }],
    ['a wildcard', { names: [name('*.example.com')] }],
    ['no keyUsage', { usages: null }],
    ['an unknown extension that is not critical', { more: [{ ...unknown, critical: false }] }],
    ['no subjectKeyIdentifier', { without: [OID.subjectKeyIdentifier] }],
    [
      'GeneralizedTime before 2050',
      { parts: { validity: sequence(text(TAG.generalizedTime, '20260101000000Z'), time(at('2036-01-01T00:00:00Z'))) } },
    ],
    ['a key identifier that does not fit', { without: [OID.authorityKeyIdentifier], more: [authorityKeyIdentifier(new Uint8Array(3))] }],
  ])('takes a leaf with %s', (_, options) => {
    expect(verdict(under(options), [sub])).toMatch(/^ok/);
  });

  it.each<[string, MakeOptions]>([
    ['form', { parts: { version: new Uint8Array(0), extensionsField: new Uint8Array(0) } }],
    ['basic-constraints', { ca: false, usages: ['keyCertSign'], purposes: null, names: [] }],
    ['key-usage', { usages: ['cRLSign'] }],
    ['key-identifier', { without: [OID.subjectKeyIdentifier] }],
    ['key-identifier', { without: [OID.authorityKeyIdentifier] }],
    ['names', { name: '' }],
    ['name-constraints', { more: [nameConstraints([dns('.example.com')])] }],
    ['name-constraints', { more: [nameConstraints([dns('*.example.com')])] }],
    ['name-constraints', { more: [nameConstraints([dns('example.com')], [], false)] }],
    ['critical-extension', { more: [unknown] }],
    ['validity', { notAfter: '2026-02-01T00:00:00Z' }],
    ['policy', { more: [{ oid: OID.policyConstraints, critical: false, value: sequence(Uint8Array.of(0x80, 1, 5)) }] }],
  ])('refuses an authority for %s', (fault, options) => {
    const [end, pool] = through(options);
    expect(verdict(end, pool)).toBe(fault);
  });

  it.each<[string, MakeOptions]>([
    ['basicConstraints that are not critical', { without: [OID.basicConstraints], more: [{ ...basicConstraints(true), critical: false }] }],
    ['no keyUsage', { usages: null }],
    ['keyUsage that is not critical', { usages: null, more: [{ ...keyUsage(['keyCertSign']), critical: false }] }],
  ])('takes an authority with %s', (_, options) => {
    expect(verdict(...through(options))).toMatch(/^ok/);
  });

  it.each<[string, MakeOptions]>([
    ['validity', { notAfter: '2026-02-01T00:00:00Z' }],
    ['basic-constraints', { without: [OID.basicConstraints], more: [{ ...basicConstraints(true), critical: false }] }],
    ['basic-constraints', { without: [OID.basicConstraints], usages: null }],
    ['key-usage', { usages: ['cRLSign'] }],
    ['key-identifier', { without: [OID.subjectKeyIdentifier] }],
    ['critical-extension', { more: [unknown] }],
  ])('refuses an anchor for %s', (fault, options) => {
    const anchor = make({ name: 'anchor', ca: true, ...options });
    expect(verdict(make({ name: 'end', issuer: anchor }), [], [anchor])).toBe(fault);
  });

  it('does not mind the serial number and the self-signature of an anchor', () => {
    const anchor = make({ name: 'anchor', ca: true, serialNumber: integer(0), parts: { algorithm: sequence(oid('1.2.840.10045.4.1')) } });
    expect(verdict(make({ name: 'end', issuer: anchor }), [], [anchor])).toMatch(/^ok/);
  });

  it('refuses an empty issuer', () => {
    const nameless = make({ name: '', ca: true, key: keyNamed('nameless') });
    expect(verdict(make({ name: 'end', issuer: nameless }), [], [nameless])).toBe('names');
  });

  it('refuses weak keys anywhere', () => {
    const weak = sequence(
      sequence(oid(OID.rsaEncryption), Uint8Array.of(5, 0)),
      Uint8Array.from([3, 13, 0, 48, 10, 2, 5, 0, 255, 1, 1, 1, 2, 1, 3]),
    );
    expect(verdict(under({ parts: { spki: weak } }), [sub])).toBe('key');
  });

  it('adds the rules of the web profile on demand', () => {
    const web = { profile: 'web', purpose: OID.serverAuth } as const;
    expect(verdict(leaf, [sub], [root], web)).toMatch(/^ok/);
    expect(verdict(under({ names: [], more: [subjectAltName([name('a.example')], true)] }), [sub], [root], web)).toBe('names');
    expect(verdict(under({ names: [], more: [subjectAltName([name('a.example')], true)] }), [sub])).toMatch(/^ok/);
    expect(verdict(under({ purposes: null }), [sub], [root], web)).toBe('purpose');
    expect(verdict(under({ purposes: [OID.anyExtendedKeyUsage] }), [sub], [root], web)).toBe('purpose');
    const [end, pool] = through({ more: [nameConstraints([dns('example.com')], [], false)] });
    expect(verdict(end, pool, [root], web)).toMatch(/^ok/);
  });

  it('refuses authorities as leaves, and more than a key identifier, in the web profile', () => {
    const web = { profile: 'web' } as const;
    expect(verdict(sub, [], [root], web)).toBe('basic-constraints');
    const aki = (...more: Uint8Array[]) => ({ ...authorityKeyIdentifier(new Uint8Array(0)), value: sequence(...more) });
    const [key, serial, issuer] = [Uint8Array.of(0x80, 1, 9), Uint8Array.of(0x82, 1, 5), tagged(1, dns('a'))];
    const end = (...more: Uint8Array[]) => under({ without: [OID.authorityKeyIdentifier], more: [aki(...more)] });
    expect(verdict(end(key), [sub], [root], web)).toMatch(/^ok/);
    expect(verdict(end(key, serial), [sub], [root], web)).toBe('key-identifier');
    expect(verdict(end(key, issuer), [sub], [root], web)).toBe('key-identifier');
    const anchor = (...more: Uint8Array[]) => make({ name: 'anchor', ca: true, more: [aki(...more)] });
    const judged = (above: Authority) => verdict(make({ name: 'end', issuer: above }), [], [above], web);
    expect(judged(anchor(key))).toBe('key-identifier');
    expect(judged(anchor())).toBe('key-identifier');
    const own = Uint8Array.from([0x80, 20, ...(root.certificate.extensions.subjectKeyIdentifier ?? [])]);
    expect(judged(make({ name: 'root', ca: true, more: [aki(own)] }))).toMatch(/^ok/);
    const bare = make({ name: 'bare', ca: true, without: [OID.subjectKeyIdentifier], more: [aki(key)] });
    expect(judged(bare)).toBe('key-identifier');
  });

  it('refuses RSA keys of odd sizes in the web profile', () => {
    const modulus = new Uint8Array(257).fill(0xff);
    modulus[0] = 1;
    const spki = sequence(
      sequence(oid(OID.rsaEncryption), Uint8Array.of(5, 0)),
      (() => {
        const inner = sequence(integer(modulus), integer(65537));
        return Uint8Array.from([3, 0x82, (inner.length + 1) >> 8, (inner.length + 1) & 255, 0, ...inner]);
      })(),
    );
    expect(verdict(under({ parts: { spki } }), [sub])).toMatch(/^ok/);
    expect(verdict(under({ parts: { spki } }), [sub], [root], { profile: 'web' })).toBe('key');
  });
});

describe('pathLenConstraint', () => {
  const limited = (pathLen: number, depth: number, selfIssued = false) => {
    const anchor = make({ name: 'limited', ca: true, pathLen });
    const chain = [anchor];
    for (let index = 0; index < depth; index++)
      chain.push(
        make({
          name: selfIssued ? 'limited' : `below ${index}`,
          key: keyNamed(`below ${index}`),
          ca: true,
          issuer: chain.at(-1) as Authority,
        }),
      );
    return verdict(make({ name: 'end', issuer: chain.at(-1) as Authority }), chain, [anchor]);
  };

  it('counts authorities below, not the leaf', () => {
    expect(limited(0, 0)).toMatch(/^ok/);
    expect(limited(0, 1)).toBe('path-length');
    expect(limited(1, 1)).toMatch(/^ok/);
    expect(limited(1, 2)).toBe('path-length');
  });

  it('does not count self-issued ones', () => {
    expect(limited(0, 2, true)).toMatch(/^ok/);
  });

  it('does not count an authority that is the leaf', () => {
    const anchor = make({ name: 'limited', ca: true, pathLen: 0 });
    expect(verdict(make({ name: 'end', ca: true, pathLen: 5, issuer: anchor }), [], [anchor])).toMatch(/^ok/);
  });
});

describe('purpose', () => {
  it('must be allowed by the leaf and by authorities that limit it', () => {
    const limited = make({ name: 'limited', ca: true, issuer: root, purposes: [OID.clientAuth] });
    expect(verdict(leaf, [sub], [root], { purpose: OID.serverAuth })).toMatch(/^ok/);
    expect(verdict(leaf, [sub], [root], { purpose: OID.clientAuth })).toBe('purpose');
    expect(verdict(make({ name: 'any', issuer: sub, purposes: null }), [sub], [root], { purpose: OID.clientAuth })).toMatch(/^ok/);
    expect(
      verdict(make({ name: 'any', issuer: sub, purposes: [OID.anyExtendedKeyUsage] }), [sub], [root], { purpose: OID.clientAuth }),
    ).toMatch(/^ok/);
    expect(verdict(make({ name: 'end', issuer: limited }), [limited], [root], { purpose: OID.serverAuth })).toBe('purpose');
    expect(verdict(make({ name: 'end', issuer: limited }), [limited])).toMatch(/^ok/);
  });
});

describe('policy', () => {
  it('is asked for on demand', () => {
    expect(verdict(leaf, [sub], [root], { policies: { requireExplicitPolicy: true } })).toBe('policy');
  });
});

describe('identity', () => {
  const end = make({
    name: 'node.common.example',
    issuer: sub,
    names: [
      { kind: 'dns', value: 'node.example.com' },
      { kind: 'dns', value: '*.wild.example.com' },
      { kind: 'ip', bytes: Uint8Array.of(10, 0, 0, 1) },
      { kind: 'uri', value: 'spiffe://td/node' },
      { kind: 'email', value: 'Ops@Example.com' },
    ],
  });
  const is = (...identities: NonNullable<PathRequest['identities']>) => verdict(end, [sub], [root], { identities });

  it('is looked for in subjectAltName', () => {
    expect(is({ kind: 'dns', value: 'NODE.example.com' }, { kind: 'dns', value: 'a.wild.example.com' })).toMatch(/^ok/);
    expect(is({ kind: 'ip', bytes: Uint8Array.of(10, 0, 0, 1) })).toMatch(/^ok/);
    expect(is({ kind: 'uri', value: 'spiffe://td/node' })).toMatch(/^ok/);
    expect(is({ kind: 'email', value: 'Ops@EXAMPLE.COM' })).toMatch(/^ok/);
  });

  it('is never the common name, another kind, or nearly right', () => {
    expect(is({ kind: 'dns', value: 'node.common.example' })).toBe('identity');
    expect(is({ kind: 'dns', value: '10.0.0.1' })).toBe('identity');
    expect(is({ kind: 'ip', bytes: Uint8Array.of(10, 0, 0, 2) })).toBe('identity');
    expect(is({ kind: 'uri', value: 'spiffe://td/Node' })).toBe('identity');
    expect(is({ kind: 'email', value: 'ops@example.com' })).toBe('identity');
    expect(is({ kind: 'email', value: 'Ops@example.org' })).toBe('identity');
    expect(is({ kind: 'dns', value: 'node.example.com' }, { kind: 'dns', value: 'other.example.com' })).toBe('identity');
    expect(
      verdict(make({ name: 'a.example', issuer: sub, names: [] }), [sub], [root], { identities: [{ kind: 'dns', value: 'a.example' }] }),
    ).toBe('identity');
  });
});

it('writes names that it compares', () => {
  expect(root.certificate.subject.der).toEqual(writeName([['CN', 'root']]));
});
