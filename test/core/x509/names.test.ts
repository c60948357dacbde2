import { describe, expect, it } from 'vitest';
import { concat, fromHex, utf8 } from '../../../src/core/encoding.ts';
import { contextTag, DerReader, TAG } from '../../../src/core/x509/der.ts';
import { integer, oid, sequence, setOf, tagged, text, tlv } from '../../../src/core/x509/der-writer.ts';
import { type GeneralName, generalNameText, ipText, readGeneralName } from '../../../src/core/x509/general-names.ts';
import { parseNameText, writeName } from '../../../src/core/x509/name-text.ts';
import { equalNames, type Name, nameKey, readName, startsWithName } from '../../../src/core/x509/names.ts';
import { dns, directory, email, ip, nameOf, uri } from './make.ts';

const read = (der: Uint8Array): Name => readName(new DerReader(der, 'test').any('name'), 'name');
const malformed = expect.objectContaining({ code: 'ERR_DER_MALFORMED' }) as Error;
const latin = (value: string) => Uint8Array.from(Buffer.from(value, 'latin1'));
const utf16be = (value: string) => Uint8Array.from(Buffer.from(value, 'utf16le').swap16());

describe('readName', () => {
  it('reads the string types of X.520', () => {
    const values: [number, Uint8Array, string][] = [
      [TAG.utf8String, utf8('Zoë'), 'CN=Zoë'],
      [TAG.printableString, latin('abc'), 'CN=abc'],
      [TAG.ia5String, latin('a@b'), 'CN=a@b'],
      [TAG.numericString, latin('12'), 'CN=12'],
      [TAG.visibleString, latin('v'), 'CN=v'],
      [TAG.teletexString, latin('Zo\xeb'), 'CN=Zoë'],
      [TAG.bmpString, utf16be('Ω'), 'CN=Ω'],
      [TAG.universalString, fromHex('0001f600'), 'CN=😀'],
      [TAG.integer, Uint8Array.of(5), 'CN=#020105'],
    ];
    for (const [tag, value, expected] of values) expect(read(nameOf(tag, value)).text).toBe(expected);
    expect(read(sequence()).text).toBe('');
  });

  it.each([
    ['UTF-8 that is none', nameOf(TAG.utf8String, Uint8Array.of(0xff))],
    ['a printable string beyond ASCII', nameOf(TAG.printableString, Uint8Array.of(0xe9))],
    ['half a UTF-16 unit', nameOf(TAG.bmpString, Uint8Array.of(1))],
    ['a part of a UCS-4 character', nameOf(TAG.universalString, Uint8Array.of(0, 0, 0, 0x41, 1))],
    ['a character above U+10FFFF', nameOf(TAG.universalString, fromHex('00110000'))],
    ['an empty relative name', sequence(setOf())],
    ['a set in another order', sequence(tlv(TAG.set, sequence(oid('2.5.4.3'), integer(2)), sequence(oid('2.5.4.3'), integer(1))))],
    ['an attribute with more in it', sequence(setOf(sequence(oid('2.5.4.3'), integer(1), integer(2))))],
  ])('refuses %s', (_, der) => {
    expect(() => read(der)).toThrow(malformed);
  });

  it('writes text as RFC 4514', () => {
    const name = read(
      sequence(
        setOf(sequence(oid('2.5.4.6'), text(TAG.printableString, 'DE'))),
        setOf(
          sequence(oid('2.5.4.10'), text(TAG.utf8String, ' #a,b+c"d\\e<f>;g ')),
          sequence(oid('2.5.4.11'), text(TAG.utf8String, '#x\n\u202e')),
        ),
        setOf(sequence(oid('1.2.3.4'), text(TAG.utf8String, 'x'))),
      ),
    );
    expect(name.text).toBe('1.2.3.4=#0c0178,OU=\\#x\\0a\\e2\\80\\ae+O=\\ #a\\,b\\+c\\"d\\\\e\\<f\\>\\;g\\ ,C=DE');
  });
});

describe('comparison', () => {
  it('ignores string type, case, repeated spaces and compatibility forms (RFC 5280 section 7.1)', () => {
    const a = read(nameOf(TAG.utf8String, utf8('  Example   Root \u212b')));
    const b = read(nameOf(TAG.bmpString, utf16be('example root \u00e5')));
    expect(equalNames(a, b)).toBe(true);
    expect(nameKey(a)).toBe(nameKey(b));
  });

  it('tells names apart', () => {
    const base = read(writeName([['O', 'x']]));
    const below = read(
      writeName([
        ['O', 'x'],
        ['CN', 'y'],
      ]),
    );
    expect(equalNames(base, below)).toBe(false);
    expect(equalNames(base, read(writeName([['O', 'z']])))).toBe(false);
    expect(startsWithName(below, base)).toBe(true);
    expect(startsWithName(base, below)).toBe(false);
    const joined = read(nameOf(TAG.utf8String, utf8('x","2.5.4.10=y')));
    const two = read(
      sequence(setOf(sequence(oid('2.5.4.3'), text(TAG.utf8String, 'x')), sequence(oid('2.5.4.10'), text(TAG.utf8String, 'y')))),
    );
    expect(nameKey(joined)).not.toBe(nameKey(two));
    expect(equalNames(read(nameOf(TAG.integer, Uint8Array.of(5))), read(nameOf(TAG.utf8String, utf8('#020105'))))).toBe(false);
  });
});

describe('parseNameText', () => {
  it('reads what readName writes', () => {
    for (const written of [
      'CN=web-root',
      'CN=a\\,b\\+c,O=Example,C=DE',
      'CN=x+OU=y,DC=example,DC=com',
      'emailAddress=a@b.example,CN=Zoë \\"q\\"',
    ]) {
      const again = read(parseNameText(written, '--subject')).text;
      expect(read(parseNameText(again, '--subject')).text).toBe(again);
    }
    expect(read(parseNameText(' cn = Root , O=Ex\\C3\\ABmple', '--subject')).text).toBe('CN=Root,O=Exëmple');
  });

  it('uses the string types of RFC 5280', () => {
    const der = parseNameText('CN=a,C=DE,DC=x', '--subject');
    expect(
      read(der)
        .rdns.flat()
        .map((attribute) => attribute.der[0]),
    ).toEqual([TAG.ia5String, TAG.printableString, TAG.utf8String]);
  });

  it.each([
    '',
    'web-root',
    'XX=a',
    'CN=',
    `CN=${'a'.repeat(65)}`,
    'C=de',
    'C=DEU',
    'CN=a"b',
    'CN=#0c01',
    'CN=a,,O=b',
    'serialNumber=a_b',
    'DC=é',
    'CN=\\00',
    'CN=\\ff',
  ])('refuses %j', (written) => {
    expect(() => parseNameText(written, '--subject')).toThrow(
      expect.objectContaining({ code: 'ERR_INPUT_MALFORMED', message: expect.stringMatching(/^--subject: /) as string }) as Error,
    );
  });

  it('bounds attributes without a bound of their own', () => {
    expect(() => parseNameText(`UID=${'a'.repeat(256)}`, '--subject')).toThrow('1 to 255');
  });
});

describe('GeneralName', () => {
  const general = (der: Uint8Array): GeneralName => readGeneralName(new DerReader(der, 'test'), 'test');

  it('reads every kind and shows it', () => {
    const other = tagged(0, oid('1.3.6.1.4.1.311.20.2.3'), tagged(0, text(TAG.utf8String, 'upn')));
    const shown = [
      [dns('a.example'), 'DNS:a.example'],
      [email('a@b'), 'email:a@b'],
      [uri('spiffe://a/b'), 'URI:spiffe://a/b'],
      [ip(10, 0, 0, 1), 'IP:10.0.0.1'],
      [ip(10, 0, 0, 0, 255, 0, 0, 0), 'IP:10.0.0.0/8'],
      [ip(10, 0, 0, 1, 255, 255, 255, 255), 'IP:10.0.0.1/32'],
      [ip(10, 0, 0, 0, 255, 0, 255, 0), 'IP:10.0.0.0/255.0.255.0'],
      [directory(['CN', 'x']), 'DirName:CN=x'],
      [other, 'otherName:1.3.6.1.4.1.311.20.2.3'],
      [tlv(contextTag(8, 'primitive'), oid('1.2.3').subarray(2)), 'RID:1.2.3'],
      [tagged(3, integer(1)), 'x400'],
      [tagged(5, integer(1)), 'edi'],
    ] as const;
    for (const [der, text] of shown) expect(generalNameText(general(der))).toBe(text);
  });

  it.each([
    ['an unknown tag', tlv(0x89)],
    ['a name beyond ASCII', dns('é')],
    ['two names in a directoryName', tagged(4, writeName([]), writeName([]))],
    ['an otherName with more', tagged(0, oid('1.2.3'), tagged(0), integer(1))],
  ])('refuses %s', (_, der) => {
    expect(() => general(der)).toThrow(malformed);
  });

  it('shows IPv6 as RFC 5952', () => {
    const v6 = (text: string) => ipText(fromHex(text.replaceAll(' ', '')));
    expect(v6('20010db8 00000000 00000000 00000001')).toBe('2001:db8::1');
    expect(v6('00000000 00000000 00000000 00000001')).toBe('::1');
    expect(v6('00000000 00000000 00000000 00000000')).toBe('::');
    expect(v6('fe800000 00000000 00010000 00000000')).toBe('fe80::1:0:0:0');
    expect(v6('20010db8 00010001 00010001 00010000')).toBe('2001:db8:1:1:1:1:1:0');
    expect(v6('20010000 00000001 00000000 00000000')).toBe('2001:0:0:1::');
    expect(ipText(concat(fromHex('20010db8000000000000000000000000'), new Uint8Array(4).fill(255), new Uint8Array(12)))).toBe(
      '2001:db8::/32',
    );
  });
});
