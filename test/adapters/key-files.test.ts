import { spawnSync } from 'node:child_process';
import { createCipheriv, createPublicKey, generateKeyPairSync, pbkdf2Sync } from 'node:crypto';
import { chmodSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemFiles } from '../../src/adapters/files.ts';
import { openKeyVault } from '../../src/adapters/key-files.ts';
import { openPem } from '../../src/adapters/pkcs8.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { toPem } from '../../src/core/encoding.ts';
import type { Custody, KeyReference, KeyType } from '../../src/core/key-ports.ts';
import { Secret } from '../../src/core/secret.ts';
import { integer, NULL, octetString, oid, sequence } from '../../src/core/x509/der-writer.ts';
import { OID } from '../../src/core/x509/oids.ts';

const PASS = 'correct horse battery';
const refusal = (code: string) => expect.objectContaining({ code }) as Error;

function vaultIn(directory: string, passphrase = PASS, plaintext = false) {
  const asked: string[] = [];
  const vault = openKeyVault({
    directory,
    files: systemFiles,
    plaintext,
    passphrase: (custody: Custody, use) => {
      asked.push(`${custody} ${use}`);
      return Promise.resolve(new Secret(passphrase));
    },
  });
  return { vault, asked };
}

const newDirectory = () => mkdtempSync(join(tmpdir(), 'joinery-keys-'));
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('openKeyVault', () => {
  it('writes an encrypted key with its final mode, which OpenSSL reads', async () => {
    const directory = newDirectory();
    const { vault, asked } = vaultIn(directory);
    const { reference, key } = await vault.generate({ name: 'root', type: 'p256', custody: 'offline' });
    expect(reference).toEqual({
      custody: 'offline',
      type: 'p256',
      file: expect.stringMatching(/^keys\/offline\/root-[0-9a-f]{8}\.key$/) as string,
    });
    const path = join(directory, reference.file);
    expect([mode(path), mode(join(directory, 'keys')), mode(join(directory, 'keys/offline'))]).toEqual(['600', '700', '700']);
    expect(asked).toEqual(['offline create']);
    const openssl = (...args: string[]) => spawnSync('openssl', args, { encoding: 'utf8', env: { PATH: process.env['PATH'], PASS } });
    const spki = spawnSync('openssl', ['pkey', '-in', path, '-passin', 'env:PASS', '-pubout', '-outform', 'DER'], {
      env: { PATH: process.env['PATH'], PASS },
    });
    expect(new Uint8Array(spki.stdout)).toEqual(key.spki);
    const parsed = openssl('asn1parse', '-in', path).stdout;
    expect(parsed).toContain(`INTEGER           :${(600_000).toString(16).toUpperCase().padStart(6, '0')}`);
    expect(parsed).toContain('aes-256-cbc');
    expect(parsed).toContain('hmacWithSHA256');
    expect(openssl('pkey', '-in', path, '-passin', 'pass:wrong', '-noout').status).not.toBe(0);
    expect(readdirSync(join(directory, 'keys/offline'))).toHaveLength(1);
  });

  it('opens what it wrote, once a process, and signs', async () => {
    const directory = newDirectory();
    const { reference } = await vaultIn(directory).vault.generate({ name: 'k', type: 'ed25519', custody: 'online' });
    const { vault, asked } = vaultIn(directory);
    const key = await vault.open(reference);
    expect(await vault.open(reference)).toBe(key);
    expect(asked).toEqual(['online open']);
    const data = Buffer.from('data');
    const signature = await key.sign(data, 'der');
    expect(verifySignature({ algorithm: 'ed25519', spki: key.spki, data, signature, encoding: 'der' })).toBe(true);
    // The proved passphrase serves the next key.
    await vault.generate({ name: 'k', type: 'p384', custody: 'online' });
    expect(asked).toEqual(['online open']);
  });

  it('asks the passphrase of existing keys before it makes another', async () => {
    const directory = newDirectory();
    await vaultIn(directory).vault.generate({ name: 'a', type: 'p256', custody: 'offline' });
    const wrong = vaultIn(directory, 'another long passphrase');
    await expect(wrong.vault.generate({ name: 'b', type: 'p256', custody: 'offline' })).rejects.toThrow(refusal('ERR_KEY_PASSPHRASE'));
    expect(wrong.asked).toEqual(['offline open']);
    await wrong.vault.generate({ name: 'b', type: 'p256', custody: 'online' });
    expect(readdirSync(join(directory, 'keys/offline'))).toHaveLength(1);
  });

  it('refuses a short passphrase for a new key', async () => {
    const { vault } = vaultIn(newDirectory(), 'short');
    await expect(vault.generate({ name: 'a', type: 'p256', custody: 'offline' })).rejects.toThrow(refusal('ERR_KEY_PASSPHRASE_WEAK'));
  });

  it('discards a key', async () => {
    const directory = newDirectory();
    const { vault } = vaultIn(directory, PASS, true);
    const { reference } = await vault.generate({ name: 'a', type: 'p256', custody: 'offline' });
    await vault.discard(reference);
    await expect(vault.open(reference)).rejects.toThrow(refusal('ERR_KEY_NOT_FOUND'));
  });

  it('writes plain keys only where it is told to, and reads them only there', async () => {
    const directory = newDirectory();
    const plain = vaultIn(directory, PASS, true);
    const { reference } = await plain.vault.generate({ name: 'a', type: 'p256', custody: 'offline' });
    expect(plain.asked).toEqual([]);
    expect(readFileSync(join(directory, reference.file), 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect((await vaultIn(directory, PASS, true).vault.open(reference)).type).toBe('p256');
    await expect(vaultIn(directory).vault.open(reference)).rejects.toThrow(refusal('ERR_KEY_MALFORMED'));
  });

  it('refuses links, wide modes and references out of the realm', async () => {
    const directory = newDirectory();
    const { reference } = await vaultIn(directory, PASS, true).vault.generate({ name: 'a', type: 'p256', custody: 'offline' });
    const path = join(directory, reference.file);
    const open = (file = reference.file) => vaultIn(directory, PASS, true).vault.open({ ...reference, file });
    chmodSync(path, 0o640);
    await expect(open()).rejects.toMatchObject({ code: 'ERR_FILE_ACCESS', hint: expect.stringContaining('chmod 600') as string });
    chmodSync(path, 0o600);
    renameSync(path, join(directory, 'elsewhere'));
    symlinkSync(join(directory, 'elsewhere'), path);
    await expect(open()).rejects.toThrow('found a symlink');
    for (const file of ['keys/../elsewhere.key', 'elsewhere', 'keys/offline/../../x.key'])
      await expect(open(file)).rejects.toThrow(refusal('ERR_KEY_MALFORMED'));
    const { vault } = vaultIn(directory, PASS, true);
    await expect(vault.discard({ ...reference, file: 'joinery.yaml' })).rejects.toThrow(refusal('ERR_KEY_MALFORMED'));
    copyFileSync(join(directory, 'elsewhere'), join(directory, 'keys/offline/other.txt'));
  });

  it.each<KeyType>(['p384', 'rsa3072'])('keeps the type %s', async (type) => {
    const directory = newDirectory();
    const { reference } = await vaultIn(directory, PASS, true).vault.generate({ name: 'a', type, custody: 'offline' });
    expect((await vaultIn(directory, PASS, true).vault.open(reference)).type).toBe(type);
  });

  it('refuses keys of other types', async () => {
    const directory = newDirectory();
    const { vault } = vaultIn(directory, PASS, true);
    const { reference } = await vault.generate({ name: 'a', type: 'p256', custody: 'offline' });
    const pem = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(join(directory, reference.file), pem, { mode: 0o600 });
    const again: KeyReference = reference;
    await expect(vaultIn(directory, PASS, true).vault.open(again)).rejects.toThrow('found ec secp256k1');
  });
});

describe('release', () => {
  it('gives an online key that is shared by design, and no offline key', async () => {
    const { vault } = vaultIn(newDirectory());
    const [online, offline] = [
      await vault.generate({ name: 'cluster-prod', type: 'p256', custody: 'online' }),
      await vault.generate({ name: 'root', type: 'p256', custody: 'offline' }),
    ];
    const pem = await vault.release(online.reference);
    expect(String(pem)).toBe('[redacted]');
    expect(createPublicKey(pem.reveal()).export({ type: 'spki', format: 'der' })).toEqual(Buffer.from(online.key.spki));
    await expect(vault.release(offline.reference)).rejects.toEqual(refusal('ERR_KEY_MALFORMED'));
  });
});

describe('openPem', () => {
  const ask = { plaintext: false, passphrase: () => Promise.resolve(new Secret(PASS)) };
  const { privateKey } = generateKeyPairSync('ed25519');
  const HMAC = sequence(oid(OID.hmacWithSHA256), NULL);

  function encrypted(changes: { iterations?: number; prf?: Uint8Array; scheme?: string; kdf?: string; outer?: string } = {}): string {
    const { iterations = 1000, prf = HMAC, scheme = OID.aes256Cbc, kdf = OID.pbkdf2, outer = OID.pbes2 } = changes;
    const [salt, iv] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
    const cipher = createCipheriv('aes-256-cbc', pbkdf2Sync(PASS, salt, 1000, 32, 'sha256'), iv);
    const content = Buffer.concat([cipher.update(privateKey.export({ type: 'pkcs8', format: 'der' })), cipher.final()]);
    const parameters = sequence(
      sequence(oid(kdf), sequence(octetString(salt), integer(iterations), prf)),
      sequence(oid(scheme), octetString(iv)),
    );
    return toPem('ENCRYPTED PRIVATE KEY', sequence(sequence(oid(outer), parameters), octetString(content)));
  }

  it('opens the usual form', async () => {
    expect((await openPem(encrypted(), 'k', ask)).asymmetricKeyType).toBe('ed25519');
  });

  it.each([
    ['too many iterations', { iterations: 10_000_001 }],
    ['no iterations', { iterations: 0 }],
    ['another function', { prf: sequence(oid('1.2.840.113549.2.7'), NULL) }],
    ['another cipher', { scheme: '1.2.840.113549.3.7' }],
    ['scrypt', { kdf: '1.3.6.1.4.1.11591.4.11' }],
    ['another scheme', { outer: '1.2.840.113549.1.12.1.3' }],
  ])('refuses %s before it asks', async (_, changes) => {
    const never = { plaintext: false, passphrase: () => Promise.reject(new Error('asked')) };
    await expect(openPem(encrypted(changes), 'k', never)).rejects.toThrow(refusal('ERR_KEY_MALFORMED'));
  });

  it.each([
    ['nothing', ''],
    ['two blocks', encrypted() + encrypted()],
    ['another block', toPem('EC PRIVATE KEY', NULL)],
    ['no key', toPem('ENCRYPTED PRIVATE KEY', NULL)],
  ])('refuses %s', async (_, text) => {
    await expect(openPem(text, 'k', ask)).rejects.toThrow(refusal('ERR_KEY_MALFORMED'));
  });

  it('refuses a plain block that holds no key', async () => {
    await expect(openPem(toPem('PRIVATE KEY', NULL), 'k', { ...ask, plaintext: true })).rejects.toThrow(refusal('ERR_KEY_MALFORMED'));
  });
});
