import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/core/encoding.ts';
import { addressOf, parseAddress, parseAlternativeName, parseHost } from '../../../src/core/x509/alternative-names.ts';
import type { AlternativeName } from '../../../src/core/x509/extension-writer.ts';
import { ipText } from '../../../src/core/x509/general-names.ts';
import { parseName } from '../../../src/core/x509/names.ts';
import { defaultSubject, equalAlternativeNames, PROFILES, profileNames } from '../../../src/core/x509/profiles.ts';
import { nodeIdViolation, parseSpiffeId } from '../../../src/core/x509/spiffe-id.ts';

const refusedName = expect.objectContaining({ code: 'ERR_CERTIFICATE_NAME' }) as Error;
const outside = expect.objectContaining({ code: 'ERR_CERTIFICATE_PROFILE' }) as Error;
const dns = (value: string): AlternativeName => ({ kind: 'dns', value });
const uri = (value: string): AlternativeName => ({ kind: 'uri', value });
const ip = (text: string): AlternativeName => ({ kind: 'ip', bytes: parseAddress(text, 'test') });

describe('names from text', () => {
  it.each([
    ['0.0.0.0', '00000000'],
    ['255.1.20.199', 'ff0114c7'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['2001:DB8::a:0', '20010db80000000000000000000a0000'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['::ffff:10.0.0.1', '00000000000000000000ffff0a000001'],
    ['1:2:3:4:5:6:10.0.0.1', '0001000200030004000500060a000001'],
  ])('reads the address %s', (text, hex) => expect(toHex(addressOf(text) as Uint8Array)).toBe(hex));

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '256.1.1.1',
    '1.2.3.x',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '1.2.3.4::',
    '::1%eth0',
    '::12345',
    '::g',
    '10.0.0.0/8',
  ])('refuses the address %j', (text) => {
    expect(addressOf(text)).toBeUndefined();
    expect(() => parseAddress(text, '--ip')).toThrow(refusedName);
  });

  it('reads back every address that it writes', () => {
    const bytes = fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }));
    const same = fc.property(bytes, (address) => {
      expect(toHex(addressOf(ipText(address)) as Uint8Array)).toBe(toHex(address));
    });
    fc.assert(same, { numRuns: 300 });
  });

  it('tells addresses from DNS names, and writes names in lower case', () => {
    expect(parseHost('10.0.0.1', '--host')).toEqual(ip('10.0.0.1'));
    expect(parseHost('Web.Lab.Example', '--host')).toEqual(dns('web.lab.example'));
    expect(parseAlternativeName('dns', '*.lab.example', '--dns')).toEqual(dns('*.lab.example'));
    expect(parseAlternativeName('ip', '::1', '--ip')).toEqual(ip('::1'));
    expect(parseAlternativeName('email', 'ops@lab.example', '--email')).toEqual({ kind: 'email', value: 'ops@lab.example' });
    expect(parseAlternativeName('uri', 'https://lab.example/a?b', '--uri')).toEqual(uri('https://lab.example/a?b'));
    expect(parseAlternativeName('uri', 'spiffe://lab.example/n/1', '--uri')).toEqual(uri('spiffe://lab.example/n/1'));
  });

  it.each([
    ['dns', ''],
    ['dns', 'a..b'],
    ['dns', '-a.b'],
    ['dns', 'a.*.b'],
    ['dns', 'a_b.c'],
    ['dns', '1.2.3.4'],
    ['dns', 'a.b.'],
    ['dns', 'ä.example'],
    ['email', 'ops'],
    ['email', 'ops@'],
    ['email', 'a b@c.d'],
    ['email', 'a@-c.d'],
    ['email', `${'a'.repeat(251)}@c.d`],
    ['uri', 'no scheme'],
    ['uri', 'HTTP://a'],
    ['uri', `https://${'a'.repeat(2048)}`],
    ['uri', 'spiffe://lab.example/a/../b'],
  ] as const)('refuses the %s name %j', (kind, text) => expect(() => parseAlternativeName(kind, text, 'test')).toThrow(refusedName));
});

describe('SPIFFE IDs', () => {
  it.each([
    'spiffe://',
    'spiffe://A.example/n',
    'spiffe://a.example/',
    'spiffe://a.example/n/',
    'spiffe://a.example//n',
    'spiffe://a.example/./n',
    'spiffe://a.example/..',
    'spiffe://a.example/n?x',
    'spiffe://a.example/n#x',
    'spiffe://u@a.example/n',
    'spiffe://a.example:8443/n',
    'spiffe://a.example/n%20',
    'SPIFFE://a.example/n',
    `spiffe://a.example/${'n'.repeat(2048)}`,
  ])('refuses %j', (text) => expect(() => parseSpiffeId(text, 'test')).toThrow(refusedName));

  it('are of nodes in the own trust domain, with a path that is not reserved', () => {
    const violation = (text: string) => nodeIdViolation(parseSpiffeId(text, 'test'), 'a.example');
    expect(violation('spiffe://a.example/node/n1')).toBeUndefined();
    expect(violation('spiffe://b.example/node/n1')).toMatch('trust domain a.example');
    expect(violation('spiffe://a.example')).toMatch('a path');
    expect(violation('spiffe://a.example/joinery/admin/x')).toMatch('reserved');
    expect(violation('spiffe://a.example/Joinery/admin/x')).toMatch('reserved');
  });
});

describe('profiles', () => {
  const names = (profile: keyof typeof PROFILES, ...given: AlternativeName[]) => profileNames(PROFILES[profile], given, 'lab.example');

  it('give what is always in them, and each name once', () => {
    expect(names('cluster')).toEqual([dns('localhost'), ip('127.0.0.1'), ip('::1')]);
    expect(names('cluster', dns('localhost'), dns('db'), ip('::1'))).toEqual([dns('localhost'), ip('127.0.0.1'), ip('::1'), dns('db')]);
    expect(names('server', dns('a.b'), ip('10.0.0.1'), dns('a.b'))).toEqual([dns('a.b'), ip('10.0.0.1')]);
    expect(names('node', uri('spiffe://lab.example/n1'), dns('n1.lab.example'))).toHaveLength(2);
    expect(names('client', { kind: 'email', value: 'a@b.c' }, uri('urn:x'))).toHaveLength(2);
  });

  it.each([
    ['server', []],
    ['server', [uri('https://a')]],
    ['peer', [{ kind: 'email', value: 'a@b.c' }]],
    ['client', [ip('10.0.0.1')]],
    ['client', [uri('spiffe://lab.example/n1')]],
    ['cluster', [uri('https://a')]],
    ['node', []],
    ['node', [dns('n1')]],
    ['node', [uri('https://a')]],
    ['node', [uri('spiffe://lab.example/n1'), uri('spiffe://lab.example/n2')]],
    ['node', [uri('spiffe://lab.example/n1'), uri('https://a')]],
    ['node', [uri('spiffe://other.example/n1')]],
    ['node', [uri('spiffe://lab.example/joinery/admin/x')]],
    ['server', Array.from({ length: 101 }, (_, index) => dns(`n${index}.a`))],
  ] as const)('%s refuses %j', (profile, given) => expect(() => names(profile, ...given)).toThrow(outside));

  it('name every reason at once', () => {
    const given = [uri('https://a'), { kind: 'email', value: 'a@b.c' } as const];
    expect(() => names('node', ...given)).toThrow(/kind uri, dns, ip, found email:a@b\.c; expected a SPIFFE ID/);
  });

  it('tell names apart by kind and value', () => {
    expect(equalAlternativeNames(dns('a'), uri('a'))).toBe(false);
    expect(equalAlternativeNames(ip('::1'), dns('::1'))).toBe(false);
    expect(equalAlternativeNames(ip('::1'), ip('::2'))).toBe(false);
  });

  it('make a subject that people can read', () => {
    const subject = (...given: AlternativeName[]) => parseName(defaultSubject(given, 'lab'), 'subject').text;
    expect(subject(dns('a.b'), dns('c'))).toBe('CN=a.b,O=lab');
    expect(subject(ip('::1'))).toBe('CN=::1,O=lab');
    expect(subject(uri('spiffe://lab.example/node/n1'))).toBe('CN=n1,O=lab');
    expect(subject(dns(`${'a'.repeat(60)}.lab.example`))).toBe('O=lab');
    expect(subject()).toBe('O=lab');
  });
});
