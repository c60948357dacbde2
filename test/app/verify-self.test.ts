import { generateKeyPairSync, sign } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { type SelfWorld, verifySelf } from '../../src/app/verify-self.ts';
import { type Digest, digestOf, pinOf } from '../../src/core/digest.ts';
import { utf8 } from '../../src/core/encoding.ts';
import { memoryFiles } from '../fakes/memory-files.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const key = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
const digest = digestOf(utf8('the executable'));
const sums = utf8(`${'b'.repeat(64)}  joinery-1.0.0-linux-arm64\n${digest}  joinery-1.0.0-linux-x64\n`);
let files = memoryFiles();
let own: Digest = digest;

const world = (): SelfWorld => ({
  files,
  verifySignature,
  ownExecutable: () => Promise.resolve({ path: '/opt/bin/joinery', digest: own }),
});

beforeEach(async () => {
  files = memoryFiles();
  own = digest;
  await files.makeDirectory('/opt', 0o755);
  await files.makeDirectory('/opt/bin', 0o755);
  await files.create('/opt/bin/SHA256SUMS', sums, 0o644);
  await files.create('/opt/bin/SHA256SUMS.sig', new Uint8Array(sign(null, sums, privateKey)), 0o644);
});

test('an executable that the signed checksums name, under any name', async () => {
  const expected = { path: '/opt/bin/joinery', digest, name: 'joinery-1.0.0-linux-x64', signer: pinOf(key) };
  expect(await verifySelf(world(), { key })).toEqual(expected);
  expect(await verifySelf(world(), { key, sums: '/opt/bin/SHA256SUMS', signature: '/opt/bin/SHA256SUMS.sig' })).toEqual(expected);
});

test('a changed executable is refused, with what it is', async () => {
  own = digestOf(utf8('the executable!'));
  await expect(verifySelf(world(), { key })).rejects.toMatchObject({ code: 'ERR_SELF_UNKNOWN', details: { digest: own } });
});

test('checksums that were changed, or signed by somebody else, are not even read', async () => {
  await files.replace('/opt/bin/SHA256SUMS', utf8('not checksums'), 0o644);
  await expect(verifySelf(world(), { key })).rejects.toMatchObject({ code: 'ERR_SELF_SIGNATURE' });
  await files.replace('/opt/bin/SHA256SUMS', sums, 0o644);
  await files.replace('/opt/bin/SHA256SUMS.sig', new Uint8Array(sign(null, sums, generateKeyPairSync('ed25519').privateKey)), 0o644);
  await expect(verifySelf(world(), { key })).rejects.toMatchObject({ code: 'ERR_SELF_SIGNATURE' });
});

test('what is missing is named', async () => {
  await files.remove('/opt/bin/SHA256SUMS.sig');
  await expect(verifySelf(world(), { key })).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
});
