import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { execProvider } from '../../src/adapters/exec-provider.ts';
import type { ProviderRequest } from '../../src/core/join/provider.ts';

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'joinery-provider-'));
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

function program(name: string, body: string): string {
  const path = join(place, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

const REQUEST: ProviderRequest = {
  schema: 'joinery/provider-request/1',
  operation: 'issue',
  csr_pem: 'csr',
  uris: ['spiffe://example.org/n1'],
  dns_names: [],
  ip_addresses: [],
  not_after: '2026-11-22T10:00:00Z',
  lifetime: 60,
};

const ask = (...exec: string[]) => execProvider({ ca: 'ext', exec, timeout: 2 }).issue(REQUEST);

test('gives the request on standard input, word for word, and takes the certificate from standard output', async () => {
  const path = program('echo', `[ "$1" = sign ] && sed 's/.*/{"certificate_pem": "got &"}/; s/"got {.*"uris":\\["\\([^"]*\\)".*}"/"\\1"/'`);
  expect(await ask(path, 'sign')).toBe('spiffe://example.org/n1');
});

test.each([
  ['a program that fails', 'exit 1', 'ERR_PROVIDER_UNAVAILABLE'],
  ['a program that hangs', 'exec sleep 30', 'ERR_PROVIDER_UNAVAILABLE'],
  ['an answer that is no JSON', 'echo hello', 'ERR_PROVIDER_CERTIFICATE'],
  ['an answer of another form', 'echo "{}"', 'ERR_PROVIDER_CERTIFICATE'],
])('refuses %s', async (what, body, code) => {
  await expect(ask(program(what.replaceAll(' ', '-'), body))).rejects.toMatchObject({ code });
});

test('a program that is not there is a provider that is down', async () => {
  const provider = execProvider({ ca: 'ext', exec: [join(place, 'none')] });
  await expect(provider.issue(REQUEST)).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE', family: 'network' });
});
