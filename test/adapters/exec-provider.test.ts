import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { execProvider } from '../../src/adapters/exec-provider.ts';
import type { SigningRequest } from '../../src/core/join/provider.ts';

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

const REQUEST: SigningRequest = {
  csr_pem: 'csr',
  uris: ['spiffe://example.org/n1'],
  dns_names: [],
  ip_addresses: [],
  not_after: '2026-11-22T10:00:00Z',
  lifetime: 60,
};

const within = (timeoutMs: number, ...command: string[]) => execProvider({ command, timeoutMs, what: 'identity_provider of cluster prod' });
const provider = (...command: string[]) => within(10_000, ...command);

test('gives the request on standard input, word for word, and takes the certificate from standard output', async () => {
  const echo = program(
    'echo',
    `[ "$1" = sign ] && sed 's/.*"op":"\\([a-z]*\\)".*"uris":\\["\\([^"]*\\)".*/{"certificate_pem":"\\1 \\2","chain_pem":"c"}/'`,
  );
  expect(await provider(echo, 'sign').issue(REQUEST)).toEqual({ certificatePem: 'issue spiffe://example.org/n1', chainPem: 'c' });
  expect((await provider(echo, 'sign').renew(REQUEST)).certificatePem).toBe('renew spiffe://example.org/n1');
});

test('revokes, or says that it cannot, and gives its trust bundle', async () => {
  const able = program(
    'able',
    `case $(cat) in
      *'"op":"revoke"'*'"serial":"5f"'*) echo '{"revoked":"yes"}' ;;
      *'"op":"revoke"'*) echo '{"error":"cannot_revoke"}' ;;
      *'"op":"trust_bundle"'*) echo '{"bundle_pem":"pem"}' ;;
      *) echo '{"error":"denied","message":"not this one"}' ;;
    esac`,
  );
  const revocation = { serial: '5f', certificate_pem: 'pem', reason: 'keyCompromise' as const };
  await provider(able).revoke(revocation);
  await expect(provider(able).revoke({ ...revocation, serial: '60' })).rejects.toMatchObject({ code: 'ERR_PROVIDER_CANNOT_REVOKE' });
  expect(await provider(able).trustBundle()).toBe('pem');
  await expect(provider(able).issue(REQUEST)).rejects.toMatchObject({
    code: 'ERR_PROVIDER_REFUSED',
    message: 'identity_provider of cluster prod: expected an answer, found denied: not this one',
  });
});

test.each([
  ['a program that fails', 'exit 1', 'ERR_PROVIDER_UNAVAILABLE'],
  ['a program that hangs', 'exec sleep 30', 'ERR_PROVIDER_UNAVAILABLE'],
  ['one that says that it is down', `echo '{"error":"unavailable"}'`, 'ERR_PROVIDER_UNAVAILABLE'],
  ['an answer that is no JSON', 'echo hello', 'ERR_PROVIDER_CERTIFICATE'],
  ['an answer of another form', 'echo "{}"', 'ERR_PROVIDER_CERTIFICATE'],
  ['an answer that is no object', 'echo 1', 'ERR_PROVIDER_CERTIFICATE'],
  ['an error of another name', `echo '{"error":"no"}'`, 'ERR_PROVIDER_CERTIFICATE'],
])('refuses %s', async (what, body, code) => {
  const timeoutMs = body.includes('sleep') ? 500 : 10_000;
  await expect(within(timeoutMs, program(what.replaceAll(' ', '-'), body)).issue(REQUEST)).rejects.toMatchObject({ code });
});

test('a program that is not there is a provider that is down', async () => {
  await expect(provider(join(place, 'none')).issue(REQUEST)).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE', family: 'network' });
});
