/** Private keys that OpenSSL wrote, in each of its forms, taken into the vault. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemFiles } from '../../src/adapters/files.ts';
import { openKeyVault } from '../../src/adapters/key-files.ts';
import { Secret } from '../../src/core/secret.ts';

const refusal = (code: string, text = '') => expect.objectContaining({ code, message: expect.stringContaining(text) as string }) as Error;

function openssl(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

function newVault() {
  const directory = mkdtempSync(join(tmpdir(), 'joinery-foreign-'));
  const passphrase = () => Promise.resolve(new Secret('correct horse battery'));
  return { directory, vault: openKeyVault({ directory, files: systemFiles, plaintext: false, passphrase }) };
}

const EC = ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
const SEC1 = ['ecparam', '-name', 'secp384r1', '-genkey', '-noout'];

describe('adopt', () => {
  const unasked = () => Promise.reject(new Error('not encrypted'));
  const outside = () => Promise.resolve(new Secret('outside'));

  it.each([
    ['PKCS #8', EC, unasked, 'p256'],
    ['encrypted PKCS #8', [...EC, '-aes-256-cbc', '-pass', 'pass:outside'], outside, 'p256'],
    ['SEC 1', SEC1, unasked, 'p384'],
    ['Ed25519', ['genpkey', '-algorithm', 'ED25519'], unasked, 'ed25519'],
  ] as const)('takes %s and keeps it encrypted', async (_, args, passphrase, type) => {
    const { directory, vault } = newVault();
    const { key, keep } = await vault.adopt(openssl(...args), { what: 'k.pem', passphrase });
    expect(key.type).toBe(type);
    expect(readdirSync(directory)).toEqual([]);
    const reference = await keep({ name: 'ext', custody: 'offline' });
    expect(reference).toMatchObject({ custody: 'offline', type });
    expect(readFileSync(join(directory, reference.file), 'utf8')).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    expect((await vault.open(reference)).spki).toEqual(key.spki);
    await vault.prove('offline');
  });

  it('takes the older encryption with a Proc-Type header', async () => {
    const { status, stdout } = spawnSync('openssl', ['ec', '-aes256', '-passout', 'pass:outside'], {
      input: openssl(...SEC1),
      encoding: 'utf8',
    });
    expect([status, stdout]).toEqual([0, expect.stringContaining('Proc-Type: 4,ENCRYPTED')]);
    expect((await newVault().vault.adopt(stdout, { what: 'k.pem', passphrase: outside })).key.type).toBe('p384');
  });

  it('refuses other text, a wrong passphrase, and a type that it does not use', async () => {
    const { vault } = newVault();
    await expect(vault.adopt('hello', { what: 'k.pem', passphrase: outside })).rejects.toThrow(refusal('ERR_KEY_MALFORMED', 'k.pem'));
    const encrypted = openssl(...EC, '-aes-256-cbc', '-pass', 'pass:another');
    await expect(vault.adopt(encrypted, { what: 'k.pem', passphrase: outside })).rejects.toThrow(refusal('ERR_KEY_PASSPHRASE', 'k.pem'));
    const p521 = openssl('ecparam', '-name', 'secp521r1', '-genkey', '-noout');
    await expect(vault.adopt(p521, { what: 'k.pem', passphrase: unasked })).rejects.toThrow(refusal('ERR_KEY_MALFORMED'));
    await expect(vault.prove('online')).rejects.toThrow(refusal('ERR_KEY_NOT_FOUND', 'keys/online'));
  });
});
