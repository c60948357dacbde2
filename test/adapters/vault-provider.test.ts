import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { vaultProvider } from '../../src/adapters/vault-provider.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { parsePem } from '../../src/core/encoding.ts';
import type { SigningRequest } from '../../src/core/join/provider.ts';
import type { VaultConfig } from '../../src/core/realm/provider-config.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { generalNameText } from '../../src/core/x509/general-names.ts';
import { make } from '../core/x509/make.ts';
import { nodeKey } from '../fakes/join-realm.ts';
import { pemOf } from '../fakes/provider-ca.ts';
import { VAULT_TLS_ROOT, vaultStandIn, type VaultStandIn } from '../fakes/vault.ts';

const root = make({ name: 'vault root', ca: true });
const issuer = make({ name: 'vault issuing', ca: true, issuer: root });

let place: string;
let vault: VaultStandIn;
let request: SigningRequest;
beforeEach(async () => {
  place = mkdtempSync(join(tmpdir(), 'joinery-vault-'));
  vault = await vaultStandIn({ root, issuer, now: () => systemClock.now() });
  file('vault-ca.pem', pemOf(VAULT_TLS_ROOT));
  file('token', 's.from-the-file\n');
  file('role-id', 'the-role\n');
  file('secret-id', 'the-secret\n');
  file('jwt', 'the-jwt');
  const { csr } = await nodeKey();
  request = {
    csr_pem: csr,
    uris: ['spiffe://example.org/prod/worker/n1'],
    dns_names: [],
    ip_addresses: [],
    not_after: '2026-11-23T10:00:00Z',
    lifetime: 3600,
  };
});
afterEach(() => {
  vault.close();
  rmSync(place, { recursive: true, force: true });
});

const file = (name: string, text: string): void => writeFileSync(join(place, name), text, { mode: 0o600 });
const provider = (more: Partial<VaultConfig> = {}, timeoutMs = 5000) =>
  vaultProvider(
    { url: vault.url, ca_file: 'vault-ca.pem', role: 'joinery-node', auth: { token_file: 'token' }, ...more },
    { timeoutMs, what: 'identity_provider of cluster prod', path: (name) => resolve(place, name) },
  );

test('has the request signed under the role, with its names, and gives certificate and chain', async () => {
  const given = await provider({ namespace: 'team-a' }).issue({ ...request, dns_names: ['n1.example.org'], ip_addresses: ['192.0.2.1'] });
  expect(vault.calls).toEqual([
    {
      method: 'POST',
      path: 'pki/sign/joinery-node',
      namespace: 'team-a',
      token: 's.from-the-file',
      body: {
        csr: request.csr_pem,
        common_name: 'n1',
        exclude_cn_from_sans: true,
        uri_sans: 'spiffe://example.org/prod/worker/n1',
        alt_names: 'n1.example.org',
        ip_sans: '192.0.2.1',
        ttl: '3600s',
        format: 'pem',
      },
    },
  ]);
  const [leaf] = parsePem(given.certificatePem).map(({ der }) => parseCertificate(der));
  expect((leaf?.extensions.subjectAltName ?? []).map(generalNameText)).toEqual([
    'URI:spiffe://example.org/prod/worker/n1',
    'DNS:n1.example.org',
  ]);
  expect(parsePem(given.chainPem)).toHaveLength(2);
  await provider().renew(request);
  expect(vault.calls[1]).toMatchObject({ path: 'pki/sign/joinery-node', body: { common_name: 'n1' } });
  expect(vault.calls[1]?.body['alt_names']).toBeUndefined();
});

test('revokes by serial number, and gives the chain of the mount or of one issuer', async () => {
  await provider().revoke({ serial: '5f0c6e2d', certificate_pem: '', reason: 'keyCompromise' });
  expect(vault.calls[0]).toMatchObject({ path: 'pki/revoke', body: { serial_number: '5f:0c:6e:2d' } });
  await provider().revoke({ serial: '00f30c', certificate_pem: '', reason: 'keyCompromise' });
  expect(vault.calls.pop()?.body['serial_number']).toBe('f3:0c');
  expect(await provider().trustBundle()).toBe(pemOf(issuer) + pemOf(root));
  expect(await provider({ issuer: 'nodes-2026' }).trustBundle()).toBe(pemOf(issuer) + pemOf(root));
  await provider({ issuer: 'nodes-2026' }).issue(request);
  expect(vault.calls.map(({ path }) => path).slice(1)).toEqual([
    'pki/cert/ca_chain',
    'pki/issuer/nodes-2026/json',
    'pki/issuer/nodes-2026/sign/joinery-node',
  ]);
  // An older Vault says it in one member only.
  vault.whim = () => ({ status: 200, body: { data: { certificate: 'pem' } } });
  expect(await provider().trustBundle()).toBe('pem');
  expect(await provider().issue(request)).toEqual({ certificatePem: 'pem', chainPem: '' });
});

describe('logs in', () => {
  test.each<[string, VaultConfig['auth'], string]>([
    ['by AppRole', { approle: { role_id_file: 'role-id', secret_id_file: 'secret-id' } }, 'auth/approle/login'],
    ['as a Kubernetes service account', { kubernetes: { role: 'joinery', jwt_file: 'jwt' } }, 'auth/kubernetes/login'],
    ['by a JWT', { jwt: { role: 'joinery', jwt_file: 'jwt' } }, 'auth/jwt/login'],
    ['at another mount', { jwt: { role: 'joinery', jwt_file: 'jwt', mount: 'ci' } }, 'auth/ci/login'],
  ])('%s, once for many requests', async (_, auth, path) => {
    const using = provider({ auth });
    await Promise.all([using.issue(request), using.issue(request)]);
    await using.issue(request);
    expect(vault.calls.map((call) => call.path).filter((called) => called.startsWith('auth'))).toEqual([path]);
    expect(vault.calls.filter(({ path: called }) => called.startsWith('pki')).map(({ token }) => token)).toEqual(
      Array(3).fill('s.login-1'),
    );
  });

  test('again when the token counts no more, and when its lease is over', async () => {
    const auth = { approle: { role_id_file: 'role-id', secret_id_file: 'secret-id' } };
    const using = provider({ auth });
    await using.issue(request);
    vault.tokens.clear();
    await using.issue(request);
    expect(vault.calls.map(({ token }) => token)).toEqual([undefined, 's.login-1', 's.login-1', undefined, 's.login-2']);
    vault.close();
    vault = await vaultStandIn({ root, issuer, now: () => systemClock.now(), lease: 0.003 });
    const short = provider({ auth });
    await short.issue(request);
    await new Promise((done) => setTimeout(done, 10));
    await short.issue(request);
    expect(vault.calls.filter(({ path }) => path.startsWith('auth'))).toHaveLength(2);
  });

  test('a login that fails is tried again by the next request', async () => {
    const using = provider({ auth: { approle: { role_id_file: 'role-id', secret_id_file: 'secret-id' } } });
    file('secret-id', 'wrong');
    await expect(using.issue(request)).rejects.toMatchObject({
      code: 'ERR_PROVIDER_REFUSED',
      message: expect.stringMatching(/auth\/approle\/login.*status 400: invalid role/) as string,
    });
    file('secret-id', 'the-secret');
    await using.issue(request);
    vault.whim = ({ path }) => (path.startsWith('auth') ? { status: 200, body: { auth: null } } : undefined);
    await expect(provider({ auth: { jwt: { role: 'joinery', jwt_file: 'jwt' } } }).issue(request)).rejects.toMatchObject({
      code: 'ERR_PROVIDER_CERTIFICATE',
    });
  });

  test('a lease that never ends is kept', async () => {
    vault.whim = ({ path }) =>
      path.startsWith('auth') ? { status: 200, body: { auth: { client_token: 's.from-the-file', lease_duration: 0 } } } : undefined;
    const using = provider({ auth: { jwt: { role: 'joinery', jwt_file: 'jwt' } } });
    await using.issue(request);
    await using.issue(request);
    expect(vault.calls).toHaveLength(3);
  });
});

describe('fails with a code, and says nothing of its secrets', () => {
  test.each<[string, { status: number; body: object | string; headers?: Record<string, string> } | 'silence', string, RegExp]>([
    ['sealed', { status: 503, body: { errors: ['Vault is sealed'] } }, 'ERR_PROVIDER_UNAVAILABLE', /status 503: Vault is sealed/],
    ['a standby', { status: 473, body: '' }, 'ERR_PROVIDER_UNAVAILABLE', /status 473/],
    ['limited', { status: 429, body: {} }, 'ERR_PROVIDER_UNAVAILABLE', /status 429/],
    ['a redirect', { status: 307, body: '', headers: { location: 'https://other' } }, 'ERR_PROVIDER_UNAVAILABLE', /redirect/],
    ['silence', 'silence', 'ERR_PROVIDER_UNAVAILABLE', /answer in time/],
    ['too much', { status: 200, body: 'x'.repeat(1_100_000) }, 'ERR_PROVIDER_UNAVAILABLE', /more than 1048576 bytes/],
    [
      'a role that does not let it',
      { status: 400, body: { errors: ['URI Subject Alternative Names\nnot allowed', 7] } },
      'ERR_PROVIDER_REFUSED',
      /: URI Subject Alternative Names not allowed$/,
    ],
    ['a token without the policy', { status: 403, body: { errors: ['permission denied'] } }, 'ERR_PROVIDER_REFUSED', /permission denied/],
    ['no such role', { status: 404, body: '<html>' }, 'ERR_PROVIDER_REFUSED', /status 404$/],
    ['no JSON', { status: 200, body: '<html>' }, 'ERR_PROVIDER_CERTIFICATE', /expected JSON/],
    ['no certificate', { status: 200, body: { data: {} } }, 'ERR_PROVIDER_CERTIFICATE', /expected data.certificate/],
  ])('%s', async (_, answer, code, message) => {
    vault.whim = () => answer;
    const error = await provider({}, answer === 'silence' ? 300 : 5000)
      .issue(request)
      .catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code, family: 'network', message: expect.stringMatching(message) as string });
    expect((error as Error).message).not.toContain('s.from');
  });

  test('a login and what follows it are within one time', async () => {
    const slow = { approle: { role_id_file: 'role-id', secret_id_file: 'secret-id' } };
    vault.whim = ({ path }) => (path.startsWith('auth') ? undefined : 'silence');
    const started = performance.now();
    await expect(provider({ auth: slow }, 1000).issue(request)).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE' });
    expect(performance.now() - started).toBeLessThan(1900);
  });

  test('nobody there, a server under other anchors, and files that are missing', async () => {
    await expect(provider({ url: 'https://localhost:1' }).issue(request)).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE' });
    file('vault-ca.pem', pemOf(make({ name: 'other', ca: true })));
    await expect(provider().issue(request)).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE' });
    expect(vault.calls).toEqual([]);
    await expect(provider({ ca_file: 'none' }).issue(request)).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE' });
    await expect(provider({ auth: { token_file: 'none' } }).issue(request)).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE' });
  });
});
