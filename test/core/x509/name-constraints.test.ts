import { describe, expect, it } from 'vitest';
import { contextTag, TAG } from '../../../src/core/x509/der.ts';
import { integer, oid, sequence, setOf, tagged, text, tlv } from '../../../src/core/x509/der-writer.ts';
import { subjectAltName } from '../../../src/core/x509/extension-writer.ts';
import type { Extension } from '../../../src/core/x509/extensions.ts';
import { writeName } from '../../../src/core/x509/name-text.ts';
import { constraintViolation, MAX_COMPARISONS, nameViolation } from '../../../src/core/x509/name-constraints.ts';
import { readNameConstraints } from '../../../src/core/x509/name-constraints-extension.ts';
import { OID } from '../../../src/core/x509/oids.ts';
import { validatePath } from '../../../src/core/x509/path.ts';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { directory, dns, email, ip, keyNamed, make, type MakeOptions, nameConstraints, NOW, uri } from './make.ts';

const san = (...names: Uint8Array[]): Extension => ({ oid: OID.subjectAltName, critical: false, value: sequence(...names) });
const read = (extension: Extension) => readNameConstraints(extension.value, 'test');
const withNames = (names: readonly Uint8Array[], options: MakeOptions = {}) =>
  make({ name: 'end', names: [], more: names.length === 0 ? [] : [san(...names)], ...options }).certificate;

/** True when a certificate with this alternative name passes the constraint. */
function permits(base: Uint8Array, name: Uint8Array): boolean {
  return nameViolation(withNames([name]), read(nameConstraints([base])), { left: 100 }) === undefined;
}
function excludes(base: Uint8Array, name: Uint8Array): boolean {
  return nameViolation(withNames([name]), read(nameConstraints([], [base])), { left: 100 }) !== undefined;
}

const other = (value: number) => tagged(0, oid('1.2.3.4'), tagged(0, integer(value)));
const v6 = (first: number, last: number) => [first, ...Array.from({ length: 14 }, () => 0), last];

describe('what lies inside a subtree', () => {
  it.each<[string, Uint8Array, Uint8Array]>([
    ['the name itself', dns('example.com'), dns('EXAMPLE.com')],
    ['a name below', dns('example.com'), dns('a.b.example.com')],
    ['any name', dns(''), dns('a.example')],
    ['a wildcard below', dns('example.com'), dns('*.example.com')],
    ['a mailbox', email('root@example.com'), email('root@EXAMPLE.com')],
    ['a mailbox at a host', email('example.com'), email('x@example.com')],
    ['a mailbox in a domain', email('.example.com'), email('x@a.example.com')],
    ['any mailbox', email(''), email('x@y')],
    ['a URI of a host', uri('example.com'), uri('https://user:pass@Example.com:8443/path?q#f')],
    ['a URI in a domain', uri('.example.com'), uri('spiffe://td.example.com/node')],
    ['an address', ip(10, 0, 0, 0, 255, 0, 0, 0), ip(10, 200, 3, 4)],
    ['an address of the 6th version', ip(...v6(0xfd, 0), ...v6(0xff, 0)), ip(...v6(0xfd, 9))],
    ['a directory name', directory(['O', 'Example']), directory(['O', 'example'], ['CN', 'x'])],
  ])('%s', (_, base, name) => {
    expect([permits(base, name), excludes(base, name)]).toEqual([base[0] !== 0xa4, true]);
  });

  it.each<[string, Uint8Array, Uint8Array]>([
    ['a name beside', dns('example.com'), dns('badexample.com')],
    ['a name above', dns('a.example.com'), dns('example.com')],
    ['a mailbox at a host below', email('example.com'), email('x@a.example.com')],
    ['a mailbox at the host of a domain', email('.example.com'), email('x@example.com')],
    ['another mailbox', email('root@example.com'), email('Root@example.com')],
    ['a mailbox at another host', email('root@example.com'), email('root@example.org')],
    ['a URI of a host below', uri('example.com'), uri('https://a.example.com')],
    ['a URI of the host of a domain', uri('.example.com'), uri('https://example.com')],
    ['an address beside', ip(10, 0, 0, 0, 255, 0, 0, 0), ip(11, 0, 0, 0)],
    ['an address of the other version', ip(0, 0, 0, 0, 0, 0, 0, 0), ip(...v6(0, 1))],
    ['a directory name beside', directory(['O', 'Example']), directory(['O', 'Else'])],
  ])('not %s', (_, base, name) => {
    expect([permits(base, name), excludes(base, name)]).toEqual([false, false]);
  });

  it.each<[string, Uint8Array, Uint8Array]>([
    ['a URI without authority', uri('example.com'), uri('urn:uuid:1')],
    ['a URI with an address', uri('example.com'), uri('https://10.0.0.1/')],
    ['a URI with an address of the 6th version', uri('example.com'), uri('https://[::1]/')],
    ['a mailbox without host', email('example.com'), email('nobody')],
    ['a form that is not understood', other(1), other(1)],
    ['a registered identifier', tlv(contextTag(8, 'primitive'), Uint8Array.of(42)), tlv(contextTag(8, 'primitive'), Uint8Array.of(43))],
    ['a wildcard that reaches it', dns('secret.example.com'), dns('*.example.com')],
  ])('%s is neither permitted nor surely outside', (_, base, name) => {
    expect([permits(base, name), excludes(base, name)]).toEqual([false, true]);
  });

  it('leaves other kinds of names alone', () => {
    expect(permits(dns('example.com'), uri('https://else.example'))).toBe(true);
    expect(excludes(dns('example'), ip(1, 2, 3, 4))).toBe(false);
  });
});

describe('which names are judged', () => {
  const subject = sequence(setOf(sequence(oid(OID.emailAddress), text(TAG.ia5String, 'a@example.org'))));
  const base = read(nameConstraints([email('example.com')]));

  it('the subject, by directory names', () => {
    const constraints = read(nameConstraints([directory(['O', 'Example'])]));
    const good = make({
      subject: writeName([
        ['O', 'Example'],
        ['CN', 'x'],
      ]),
      names: [],
    }).certificate;
    expect(nameViolation(good, constraints, { left: 9 })).toBeUndefined();
    expect(nameViolation(withNames([]), constraints, { left: 9 })).toBe('expected a permitted name, found DirName:CN=end');
    const nameless = make({ name: '', key: keyNamed('end'), names: [{ kind: 'dns', value: 'a.example' }] }).certificate;
    expect(nameViolation(nameless, constraints, { left: 9 })).toBeUndefined();
  });

  it('an e-mail address in the subject, where no alternative name has one', () => {
    expect(nameViolation(make({ subject, names: [] }).certificate, base, { left: 9 })).toBe(
      'expected a permitted name, found email:a@example.org',
    );
    expect(nameViolation(withNames([email('b@example.com')], { subject }), base, { left: 9 })).toBeUndefined();
    const odd = sequence(setOf(sequence(oid(OID.emailAddress), integer(1))));
    expect(nameViolation(make({ subject: odd, names: [] }).certificate, base, { left: 9 })).toBeUndefined();
  });

  it('in bounded work', () => {
    const many = read(nameConstraints(Array.from({ length: 600 }, (_, index) => dns(`a${index}.example`))));
    const names = Array.from({ length: 600 }, (_, index) => dns(`a${index}.example`));
    expect(nameViolation(withNames(names), many, { left: MAX_COMPARISONS })).toContain(`at most ${MAX_COMPARISONS} comparisons`);
  });
});

describe('the form of constraints', () => {
  it.each([dns('.example.com'), dns('*.example.com'), dns('a b'), uri('https://example.com'), uri('a/b'), email('a@'), email('a b')])(
    '%#: refuses what readers disagree about',
    (base) => {
      expect(constraintViolation(read(nameConstraints([], [base])))).toMatch(/^expected a constraint as in RFC 5280, found /);
    },
  );

  it('takes all forms of RFC 5280', () => {
    const all = [
      dns(''),
      dns('a.b'),
      uri(''),
      uri('.a.b'),
      uri('a.b'),
      email(''),
      email('a@b.c'),
      email('.b.c'),
      email('b.c'),
      directory(['CN', 'x']),
      ip(10, 0, 0, 0, 255, 0, 0, 0),
    ];
    expect(constraintViolation(read(nameConstraints(all)))).toBeUndefined();
  });
});

describe('in a path', () => {
  const root = make({ name: 'root', ca: true });
  const judge = (constraints: readonly (readonly [string, Extension | undefined])[], names: readonly string[], selfIssued = false) => {
    const chain = [root];
    for (const [name, extension] of constraints) {
      chain.push(
        make({
          name,
          key: keyNamed(`nc ${chain.length}`),
          ca: true,
          issuer: chain.at(-1) as typeof root,
          more: extension === undefined ? [] : [extension],
        }),
      );
    }
    const end = make({
      name: selfIssued ? (constraints.at(-1)?.[0] as string) : 'end',
      issuer: chain.at(-1) as typeof root,
      names: [],
      more: [
        subjectAltName(
          names.map((value) => ({ kind: 'dns', value })),
          false,
        ),
      ],
    });
    const result = validatePath({
      leaf: end.certificate,
      intermediates: chain.map((entry) => entry.certificate),
      anchors: [root.certificate],
      at: NOW,
      verifySignature,
    });
    return result.ok ? 'ok' : result.code;
  };

  it('every authority narrows what is below it', () => {
    const [wide, narrow] = [nameConstraints([dns('example.com')]), nameConstraints([dns('a.example.com'), dns('else.example')])];
    expect(
      judge(
        [
          ['a', wide],
          ['b', narrow],
        ],
        ['x.a.example.com'],
      ),
    ).toBe('ok');
    expect(
      judge(
        [
          ['a', wide],
          ['b', narrow],
        ],
        ['b.example.com'],
      ),
    ).toBe('name-constraints');
    expect(
      judge(
        [
          ['a', wide],
          ['b', narrow],
        ],
        ['else.example'],
      ),
    ).toBe('name-constraints');
    expect(
      judge(
        [
          ['a', undefined],
          ['b', nameConstraints([], [dns('bad.example')])],
        ],
        ['x.bad.example'],
      ),
    ).toBe('name-constraints');
  });

  it('skips authorities that are self-issued, never the leaf', () => {
    const constraints = nameConstraints([directory(['CN', 'nothing'])]);
    expect(
      judge(
        [
          ['same', constraints],
          ['same', undefined],
        ],
        ['a.example'],
      ),
    ).toBe('name-constraints');
    expect(
      judge(
        [
          ['same', nameConstraints([], [directory(['CN', 'same'])])],
          ['same', undefined],
        ],
        ['a.example'],
      ),
    ).toBe('ok');
    expect(judge([['same', nameConstraints([], [directory(['CN', 'same'])])]], ['a.example'], true)).toBe('name-constraints');
  });
});
