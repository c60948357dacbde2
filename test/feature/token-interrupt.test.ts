import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { joineryCommand } from '../fakes/joinery-command.ts';

const [joinery, ...first] = joineryCommand();
const MINT = 'token mint --key-file ci.pem --issuer lab.example --cluster prod --role worker --count 5000000 --out tokens.jsonl'.split(' ');
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'joinery-interrupt-'));
  const { privateKey } = generateKeyPairSync('ed25519');
  writeFileSync(join(directory, 'ci.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s in the middle of many tokens leaves none of them in a file', async (signal) => {
  const child = spawn(joinery, [...first, ...MINT], { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
  const [ended, said] = [once(child, 'exit'), text(child.stderr)];
  await vi.waitFor(() => expect(readdirSync(directory)).toHaveLength(2), { timeout: 20_000 });
  child.kill(signal);
  expect((await ended)[0]).toBe(130);
  expect(await said).toBe('error: interrupted: no file was made, and nobody holds what was minted [ERR_INTERRUPTED]\n');
  expect(readdirSync(directory)).toEqual(['ci.pem']);
});
