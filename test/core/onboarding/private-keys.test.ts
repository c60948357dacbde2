import { generateKeyPairSync, type KeyObject, randomBytes, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../src/core/encoding.ts';
import { MAX_USER_DATA_BYTES } from '../../../src/core/onboarding/formats/cloud-config.ts';
import { findPrivateKey } from '../../../src/core/onboarding/private-keys.ts';
import { gunzip, gzip } from '../../../src/adapters/gzip.ts';
import { make } from '../x509/make.ts';

const find = (bytes: Uint8Array) => findPrivateKey(bytes, gunzip);
const ec = (namedCurve: string): KeyObject => generateKeyPairSync('ec', { namedCurve }).privateKey;
const p256 = ec('P-256');
const ed25519 = generateKeyPairSync('ed25519').privateKey;
const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
const der = (key: KeyObject, type: 'pkcs8' | 'sec1' | 'pkcs1' = 'pkcs8'): Buffer => key.export({ type, format: 'der' } as never) as Buffer;
const pem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }) as string;
const encrypted = p256.export({ type: 'pkcs8', format: 'der', cipher: 'aes-256-cbc', passphrase: 'x' });

const FORMS: readonly (readonly [string, Buffer])[] = [
  ['PKCS #8, P-256', der(p256)],
  ['PKCS #8, P-521', der(ec('P-521'))],
  ['PKCS #8, Ed25519', der(ed25519)],
  ['PKCS #8, RSA', der(rsa)],
  ['PKCS #8, encrypted', encrypted],
  ['RFC 5915', der(p256, 'sec1')],
  ['PKCS #1', der(rsa, 'pkcs1')],
  ['PEM', Buffer.from(pem(p256))],
  ['PEM with CRLF', Buffer.from(pem(p256).replaceAll('\n', '\r\n'))],
  ['a JWK', Buffer.from(JSON.stringify(p256.export({ format: 'jwk' })))],
  ['an age identity', Buffer.from(`AGE-SECRET-KEY-1${'Q'.repeat(58)}`)],
];

describe('private keys', () => {
  it.each(FORMS)('finds %s', (_, bytes) => {
    expect(find(bytes)).toMatch(/private|age identity/);
  });

  it.each(FORMS)('finds %s in base64, behind any word and over many lines', (_, bytes) => {
    const base64 = bytes.toString('base64');
    for (const before of ['', 'a', 'ab', 'abc ']) {
      const lines = base64.replaceAll(/.{64}/g, '$&\n   ');
      expect(find(utf8(`#!/bin/sh\necho ${before}${base64} | base64 -d\n`))).toMatch(/in base64$/);
      expect(find(utf8(`content: |\n   ${before}${lines}\n`))).toMatch(/in base64$/);
    }
    expect(find(utf8(JSON.stringify({ content: base64.replaceAll(/.{64}/g, '$&\r\n') })))).toMatch(/in base64$/);
  });

  it.each(FORMS)('finds %s in gzip inside base64', (_, bytes) => {
    const write = (packed: Uint8Array) =>
      utf8(`#cloud-config\nwrite_files:\n- encoding: gz+b64\n  content: ${Buffer.from(packed).toString('base64')}\n`);
    // What does not get smaller stands in gzip as it is.
    expect(find(write(gzip(bytes)))).toMatch(/in base64$/);
    expect(find(write(gzip(utf8(`x: ${bytes.toString('base64')}`))))).toMatch(/in base64, in gzip, in base64$/);
  });

  it('takes gzip that cannot be looked into for what it could be, and leaves what is public in it', () => {
    const write = (packed: Uint8Array) => utf8(`content: ${Buffer.from(packed).toString('base64')}\n`);
    const cut = gzip(randomBytes(300)).subarray(0, 200);
    const bomb = gzip(new Uint8Array(8 * 1024 * 1024 + 1));
    for (const packed of [cut, bomb]) expect(find(write(packed))).toBe('gzip that cannot be looked into, in base64');
    expect(
      find(write(gzip(utf8(`nothing to see here, and nothing to hide in ${'Q'.repeat(80)} either, as far as it goes`)))),
    ).toBeUndefined();
  });

  it('leaves what is public', () => {
    const { certificate } = make({ name: 'node-root', ca: true });
    const publicPem = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' }) as string;
    expect(new X509Certificate(certificate.der).ca).toBe(true);
    for (const bytes of [certificate.der, utf8(publicPem), utf8(Buffer.from(certificate.der).toString('base64')), Uint8Array.of(0xff, 0)])
      expect(find(bytes)).toBeUndefined();
    expect(find(utf8('{"kty":"OKP","crv":"Ed25519","x":"AAAAAAAAAAAAAAAAAAAA"}'))).toBeUndefined();
  });

  it('looks into programs for text only', () => {
    const program = new Uint8Array(MAX_USER_DATA_BYTES + 1);
    program.set(der(p256));
    expect(find(program)).toBeUndefined();
    program.set(utf8(pem(p256)));
    expect(find(program)).toBe('a PEM block of a private key');
  });
});
