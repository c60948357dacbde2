/** Outside of the executable; test/binary shows them inside. */
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { runCli } from '../cli/harness.ts';

const key = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'der' }).toString('base64');

test.each([
  ['self verify', ['self', 'verify', '--key', key]],
  ['self licenses', ['self', 'licenses']],
])('%s says that joinery runs on an installed Node.js', async (_name, argv) => {
  const result = await runCli([...argv, '--json']);
  expect([result.exit, result.json().error.code]).toEqual([2, 'ERR_SELF_NO_EXECUTABLE']);
});

test('a key that is none is refused first', async () => {
  const result = await runCli(['self', 'verify', '--key', '-'], { stdin: 'no key' });
  expect([result.exit, result.stderr]).toEqual([3, expect.stringContaining('stdin: expected one PEM block PUBLIC KEY, found none')]);
});
