import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assertTrustDomain, crossUnder, scopeExtensions } from '../../../src/core/x509/authority-extensions.ts';
import { emptySubtree, inheritanceViolation, inheritConstraints } from '../../../src/core/x509/constraint-inheritance.ts';
import { parseSubtree } from '../../../src/core/x509/constraint-names.ts';
import { contextTag } from '../../../src/core/x509/der.ts';
import { integer, oid, tagged, tlv } from '../../../src/core/x509/der-writer.ts';
import { nameConstraints as written } from '../../../src/core/x509/extension-writer.ts';
import { type GeneralName, generalNameText, ipText } from '../../../src/core/x509/general-names.ts';
import { lintCertificate } from '../../../src/core/x509/lint.ts';
import { constraintViolation, isSubtreeWithin } from '../../../src/core/x509/name-constraints.ts';
import { readNameConstraints } from '../../../src/core/x509/name-constraints-extension.ts';
import type { NameConstraints } from '../../../src/core/x509/name-constraints-extension.ts';
import { directory, dns, make, nameConstraints, uri } from './make.ts';

const KINDS = ['dns', 'uri', 'email', 'ip'] as const;
type Kind = (typeof KINDS)[number];
const subtree = (text: string): GeneralName => {
  const [kind, ...value] = text.split(':') as [Kind, ...string[]];
  return parseSubtree(kind, value.join(':'), 'test');
};
const constraints = (permitted: readonly string[], excluded: readonly string[] = []): NameConstraints => ({
  permitted: permitted.map(subtree),
  excluded: excluded.map(subtree),
});
const shown = (found: NameConstraints | undefined) => found && [found.permitted.map(generalNameText), found.excluded.map(generalNameText)];
const of = (...bases: Uint8Array[]) => readNameConstraints(nameConstraints(bases).value, 'test').permitted;

describe('subtrees from text', () => {
  it.each([
    ['dns:A.example', 'DNS:a.example'],
    ['dns:*', 'DNS:'],
    ['uri:.Example', 'URI:.example'],
    ['uri:td.example', 'URI:td.example'],
    ['email:*', 'email:'],
    ['email:A.example', 'email:a.example'],
    ['email:Ops@A.Example', 'email:Ops@a.example'],
    ['ip:10.0.0.0/8', 'IP:10.0.0.0/8'],
    ['ip:0.0.0.0/0', 'IP:0.0.0.0/0'],
    ['ip:192.0.2.1', 'IP:192.0.2.1/32'],
    ['ip:10.1.16.0/20', 'IP:10.1.16.0/20'],
    ['ip:fd00::/8', 'IP:fd00::/8'],
    ['ip:::1', 'IP:::1/128'],
  ])('%s is %s', (text, wanted) => {
    expect(generalNameText(subtree(text))).toBe(wanted);
  });

  it.each([
    ['dns:.a.example', 'without dot or wildcard'],
    ['dns:*.a.example', 'without dot or wildcard'],
    ['dns:10.0.0.1', 'expected a DNS name'],
    ['dns:', 'expected a DNS name'],
    ['uri:spiffe://td.example', 'expected the host of URIs like td.example'],
    ['uri:..a', 'expected the host of URIs'],
    ['email:a b@a.example', 'expected a host of mailboxes'],
    ['email:ops@', 'expected a host of mailboxes'],
    ['ip:10.0.0.0/33', 'expected a subnet like 10.0.0.0/8'],
    ['ip:10.0.0.0/08', 'expected a subnet like'],
    ['ip:a.example', 'expected a subnet like'],
    ['ip:10.1.2.3/8', 'expected the first address of the subnet, 10.0.0.0/8, found "10.1.2.3/8"'],
  ])('%s is refused', (text, message) => {
    expect(() => subtree(text)).toThrow(expect.objectContaining({ code: 'ERR_CERTIFICATE_NAME' }) as Error);
    expect(() => subtree(text)).toThrow(message);
  });

  it('take every prefix of either version, and give it back as text', () => {
    fc.assert(
      fc.property(fc.constantFrom(4, 16), fc.nat(), fc.infiniteStream(fc.nat(255)), (length, some, octets) => {
        const prefix = some % (length * 8 + 1);
        const bytes = Uint8Array.from(octets.take(length)).map((octet, index) => {
          const kept = Math.min(8, Math.max(0, prefix - index * 8));
          return octet & (0xff00 >> kept) & 0xff;
        });
        const text = `${ipText(bytes)}/${prefix}`;
        expect(generalNameText(parseSubtree('ip', text, 'test'))).toBe(`IP:${text}`);
      }),
      { numRuns: 200 },
    );
  });

  it('are read back from what is written, as RFC 5280 knows them', () => {
    const all = constraints(['dns:a.example', 'uri:.a.example', 'email:ops@a.example', 'ip:10.0.0.0/8'], ['dns:*', 'ip:fd00::/8']);
    const extension = written(all);
    expect(extension.critical).toBe(true);
    expect(readNameConstraints(extension.value, 'test')).toEqual(all);
    expect(constraintViolation(all)).toBeUndefined();
    const others = [
      ...of(directory(['O', 'Example'])),
      ...of(tlv(contextTag(8, 'primitive'), Uint8Array.of(42)), tagged(0, oid('1.2.3'), tagged(0, integer(1)))),
    ];
    expect(readNameConstraints(written({ permitted: [], excluded: others }).value, 'test').excluded).toEqual(others);
  });
});

describe('one subtree inside another', () => {
  it.each([
    ['dns:a.example', 'dns:a.example', true],
    ['dns:b.a.example', 'dns:a.example', true],
    ['dns:a.example', 'dns:*', true],
    ['dns:*', 'dns:a.example', false],
    ['dns:ba.example', 'dns:a.example', false],
    ['uri:a.example', 'uri:.example', true],
    ['uri:.a.example', 'uri:.example', true],
    ['uri:.a.example', 'uri:a.example', false],
    ['uri:*', 'uri:.example', false],
    ['email:ops@a.example', 'email:ops@a.example', true],
    ['email:a.example', 'email:ops@a.example', false],
    ['email:ops@a.example', 'email:a.example', true],
    ['email:ops@a.example', 'email:.example', true],
    ['email:.a.example', 'email:.example', true],
    ['email:a.example', 'email:*', true],
    ['email:ops@b.example', 'email:a.example', false],
    ['ip:10.1.0.0/16', 'ip:10.0.0.0/8', true],
    ['ip:10.0.0.0/8', 'ip:10.1.0.0/16', false],
    ['ip:10.0.0.0/8', 'ip:10.0.0.0/16', false],
    ['ip:11.0.0.0/16', 'ip:10.0.0.0/8', false],
    ['ip:fd00::/16', 'ip:fd00::/8', true],
    ['ip:::/0', 'ip:0.0.0.0/0', false],
    ['dns:a.example', 'uri:a.example', false],
  ])('%s in %s: %s', (inner, outer, wanted) => {
    expect(isSubtreeWithin(subtree(inner), subtree(outer))).toBe(wanted);
  });

  it('compares directory names by their parts, and forms that are not understood by their bytes', () => {
    const [org, unit] = of(directory(['O', 'Example']), directory(['O', 'Example'], ['OU', 'x'])) as [GeneralName, GeneralName];
    expect([isSubtreeWithin(unit, org), isSubtreeWithin(org, unit)]).toEqual([true, false]);
    const [one, two] = of(tlv(contextTag(8, 'primitive'), Uint8Array.of(42)), tlv(contextTag(8, 'primitive'), Uint8Array.of(43))) as [
      GeneralName,
      GeneralName,
    ];
    expect([isSubtreeWithin(one, one), isSubtreeWithin(one, two), isSubtreeWithin(org, one)]).toEqual([true, false, false]);
  });
});

describe('constraints under constraints', () => {
  it('are filled up from the issuer, and never wider', () => {
    const issuer = constraints(['dns:example', 'ip:10.0.0.0/8'], ['dns:secret.example', 'email:*']);
    expect(inheritConstraints()).toBeUndefined();
    expect(shown(inheritConstraints(undefined, issuer))).toEqual(shown(issuer));
    const all = inheritConstraints(constraints(['dns:a.example'], ['dns:secret.example']), issuer);
    expect(shown(all)).toEqual([
      ['DNS:a.example', 'IP:10.0.0.0/8'],
      ['DNS:secret.example', 'email:'],
    ]);
    expect(inheritanceViolation(all, issuer)).toBeUndefined();
    expect(inheritanceViolation(undefined, constraints([], []))).toBeUndefined();
  });

  it.each([
    [undefined, ['dns:example'], [], 'expected a permitted subtree inside DNS:example, found none'],
    [['ip:10.0.0.0/8'], ['dns:example'], [], 'expected a permitted subtree inside DNS:example, found none'],
    [['dns:org'], ['dns:example', 'dns:net'], [], 'expected permitted subtrees inside DNS:example or DNS:net, found DNS:org'],
    [['dns:org'], [], ['dns:a.org'], 'expected DNS:a.org excluded, found it not'],
  ])('%s under %s without %s', (own, permitted, excluded, message) => {
    expect(inheritanceViolation(own && constraints(own), constraints(permitted, excluded))).toBe(message);
  });

  it('never permit what they exclude', () => {
    expect(emptySubtree(constraints(['dns:example'], ['dns:a.example']))).toBeUndefined();
    expect(emptySubtree(constraints(['dns:a.example'], ['dns:example']))).toBe(
      'expected permitted subtrees outside the excluded ones, found DNS:a.example in both',
    );
  });
});

describe('the lint of authorities', () => {
  const rules = (...args: Parameters<typeof lintCertificate>) => lintCertificate(...args).map(({ rule }) => rule);
  const NEW = ['name-constraints-form', 'issuer-subtrees', 'issuer-trust-domain', 'svid-path', 'svid-key-usage'];
  const broken = (...args: Parameters<typeof lintCertificate>) => rules(...args).filter((rule) => NEW.includes(rule));
  const svid = (id: string) => [{ kind: 'uri', value: id } as const];

  it('refuses subtrees that readers disagree about, and those beyond the issuer', () => {
    const root = make({ name: 'root', ca: true, more: [nameConstraints([dns('example')])] });
    expect(broken(root.certificate)).toEqual([]);
    expect(broken(make({ name: 'r', ca: true, more: [nameConstraints([dns('.example')])] }).certificate)).toEqual([
      'name-constraints-form',
    ]);
    const under = (...bases: Uint8Array[]) =>
      make({ name: 'sub', ca: true, issuer: root, more: bases.length === 0 ? [] : [nameConstraints(bases)] }).certificate;
    expect(broken(under(dns('a.example')), root.certificate)).toEqual([]);
    expect(broken(under(), root.certificate)).toEqual(['issuer-subtrees']);
    expect(broken(under(dns('org')), root.certificate)).toEqual(['issuer-subtrees']);
    expect(broken(make({ issuer: root }).certificate, root.certificate)).toEqual([]);
  });

  it('knows SVIDs of authorities and of leaves', () => {
    const root = make({ name: 'root', ca: true, names: svid('spiffe://td.example') });
    expect(broken(root.certificate)).toEqual([]);
    expect(broken(make({ name: 'r', ca: true, names: svid('spiffe://td.example/ca') }).certificate)).toEqual(['svid-path']);
    const leaf = (id: string) => make({ issuer: root, names: svid(id) }).certificate;
    expect(broken(leaf('spiffe://td.example/n'), root.certificate)).toEqual([]);
    expect(broken(leaf('spiffe://td.example'), root.certificate)).toEqual(['svid-path']);
    expect(broken(leaf('spiffe://else.example/n'), root.certificate)).toEqual(['issuer-trust-domain']);
    expect(
      broken(make({ issuer: root, names: svid('spiffe://td.example/n'), usages: ['digitalSignature', 'cRLSign'] }).certificate),
    ).toEqual(['svid-key-usage']);
    expect(broken(make({ name: 'sub', ca: true, issuer: root, names: svid('spiffe://b.example') }).certificate, root.certificate)).toEqual(
      [],
    );
  });
});

describe('the scope of an authority', () => {
  it('goes into its certificate, and into those by others', () => {
    const more = scopeExtensions({ trustDomain: 'td.example', constraints: constraints(['uri:td.example']) });
    const authority = make({ name: 'a', ca: true, more }).certificate;
    const issuer = make({ name: 'b', ca: true, more: [nameConstraints([dns('example')], [uri('x.example')])] }).certificate;
    const cross = make({ name: 'c', ca: true, more: crossUnder(authority, issuer) }).certificate.extensions;
    expect(cross.subjectAltName?.map(generalNameText)).toEqual(['URI:spiffe://td.example']);
    expect(shown(cross.nameConstraints)).toEqual([['URI:td.example', 'DNS:example'], ['URI:x.example']]);
    expect(crossUnder(make({ name: 'd', ca: true }).certificate, make({ name: 'e', ca: true }).certificate)).toEqual([]);
    expect(scopeExtensions({})).toEqual([]);
  });

  it('takes the name of a trust domain and nothing else', () => {
    expect(() => assertTrustDomain('td_1.example', 'x')).not.toThrow();
    expect(() => assertTrustDomain('spiffe://td.example', '--trust-domain')).toThrow(
      '--trust-domain: expected the name of a trust domain like prod.example, found "spiffe://td.example"',
    );
  });
});
