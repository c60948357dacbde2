import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type CliOptions, runCli } from '../cli/harness.ts';

const directory = mkdtempSync(join(tmpdir(), 'joinery-custody-'));
const realm = join(directory, 'realm');
const path = (name: string) => join(directory, name);
const PASSPHRASE = 'correct horse battery';
const env = { JOINERY_PASSPHRASE: PASSPHRASE, JOINERY_ONLINE_PASSPHRASE: 'another horse battery' };
const run = (argv: readonly string[], options: CliOptions = {}) => runCli([...argv, '--realm', realm], { env, cwd: directory, ...options });
const joinery = (...argv: string[]) => run(argv);
const data = async (...argv: string[]) => (await joinery(...argv, '--json')).json().data;
const openssl = (...args: string[]) => {
  const { stdout, stderr } = spawnSync('openssl', args, { cwd: directory, encoding: 'utf8' });
  return stdout + stderr;
};

beforeAll(async () => {
  await joinery('init', '--environment', 'lab', '--domain', 'lab.example.internal');
  appendFileSync(join(realm, 'joinery.yaml'), 'admins:\n  - name: alice\n    may: [token.mint]\n');
  await joinery('ca', 'create', 'root');
  await joinery('ca', 'create', 'next');
  await joinery('ca', 'create', 'issuing', '--parent', 'root');
}, 60_000);

describe('revocation', () => {
  it('goes from cert revoke to a list that OpenSSL verifies', async () => {
    const { serial } = await data('ca', 'show', 'issuing');
    const revoked = await joinery('cert', 'revoke', String(serial), '--reason', 'cACompromise');
    expect(revoked.stdout).toMatch(/^issuer +root$/m);
    expect(revoked.stdout).toContain('Next: joinery ca crl root');
    expect((await joinery('ca', 'tree')).stdout).toMatch(/issuing {2}\[p256, REVOKED .*\(cACompromise\)\]/);
    expect((await joinery('ca', 'show', 'issuing')).stdout).toMatch(/^revoked +\S+Z \(cACompromise\)$/m);
    expect(await data('ca', 'show', 'issuing')).toMatchObject({ revoked: { reason: 'cACompromise' } });
    expect((await joinery('cert', 'revoke', String(serial))).stderr).toContain('warning: it was revoked before');
    const list = await joinery('ca', 'crl', 'root', '--out', path('root.crl.pem'));
    expect(list.stdout).toMatch(/^entries +1$/m);
    expect(openssl('crl', '-in', 'root.crl.pem', '-noout', '-verify', '-CAfile', join(realm, 'ca/root.crt'))).toContain('verify OK');
    expect((await joinery('ca', 'crl', 'root')).stdout).toMatch(/^-----BEGIN X509 CRL-----/);
    expect(await data('ca', 'crl', 'root', '--format', 'der', '--out', path('root.crl'), '--next-update', '1d')).toMatchObject({
      crl_number: 3,
      entries: 1,
      file: 'ca/root.crl',
    });
    expect(readFileSync(path('root.crl'))).toEqual(readFileSync(join(realm, 'ca/root.crl')));
    expect((await joinery('ca', 'crl', 'root', '--format', 'der')).stdout.length).toBeGreaterThan(100);
    expect((await joinery('ca', 'crl', 'root', '--format', 'der', '--json')).json().data).toMatchObject({ crl_number: 5 });
  }, 30_000);

  it.each([
    [['cert', 'revoke', 'abcd'], 6, 'ERR_CERTIFICATE_NOT_FOUND'],
    [['cert', 'revoke', 'abc'], 3, 'ERR_INPUT_MALFORMED'],
    [['cert', 'revoke', 'abcd', '--reason', 'tired'], 2, 'ERR_USAGE'],
    [['ca', 'crl', 'nobody'], 6, 'ERR_CA_NOT_FOUND'],
    [['ca', 'crl', 'root', '--next-update', 'soon'], 2, 'ERR_USAGE'],
  ])('%j exits %i', async (argv, exit, code) => {
    const result = await joinery(...argv, '--json');
    expect([result.exit, result.json().error.code]).toEqual([exit, code]);
  });
});

describe('ca cross-sign and ca import', () => {
  it('cross-signs, and exports the chain through it', async () => {
    const result = await joinery('ca', 'cross-sign', 'next', '--by', 'root', '--ttl', '20y');
    expect(result.stdout).toMatch(/^file +ca\/next\+root\.crt$/m);
    expect(result.stderr).toContain('warning: the certificate ends at');
    expect(await data('ca', 'cross-sign', 'next', '--by', 'root', '--renew')).toMatchObject({
      name: 'next',
      by: 'root',
      issuer: 'CN=root,O=lab',
    });
    expect((await joinery('ca', 'export', 'next', '--via', 'root', '--format', 'chain')).stdout.match(/BEGIN/g)).toHaveLength(2);
    expect((await joinery('ca', 'cross-sign', 'next', '--by', 'root', '--json')).json().error.code).toBe('ERR_CA_EXISTS');
  }, 30_000);

  it('imports an authority with an encrypted key, asking for its passphrase by flag', async () => {
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-keyout',
      'ext.key',
      '-passout',
      'pass:outside',
      '-out',
      'ext.crt',
      '-subj',
      '/CN=Ext',
      '-days',
      '30',
    );
    writeFileSync(path('ext.pass'), 'outside\n');
    const asked = await joinery('ca', 'import', 'ext', '--cert', path('ext.crt'), '--key', path('ext.key'), '--json');
    expect(asked.json().error).toMatchObject({ code: 'ERR_USAGE_NO_TERMINAL', hint: 'name a file with --key-passphrase-file' });
    const result = await joinery(
      'ca',
      'import',
      'ext',
      '--cert',
      path('ext.crt'),
      '--key',
      path('ext.key'),
      '--key-passphrase-file',
      path('ext.pass'),
    );
    expect(result.stdout).toMatch(/^subject +CN=Ext$/m);
    expect(result.stderr).toContain('warning: key-usage');
    openssl('req', '-x509', '-newkey', 'ed25519', '-nodes', '-keyout', 'bare.key', '-out', 'bare.crt', '-subj', '/CN=Bare', '-days', '3');
    const alone = await run(['ca', 'import', 'bare', '--cert', '-', '--json'], { stdin: readFileSync(path('bare.crt'), 'utf8') });
    expect(alone.json().data).toMatchObject({ name: 'bare', key: null });
  }, 30_000);
});

describe('ca key', () => {
  it('splits the passphrase into files and combines it without a realm, never printing it unasked', async () => {
    const split = await joinery('ca', 'key', 'split', 'root', '--shares', '3', '--threshold', '2', '--out', path('shares'));
    const files = split.stdout.trim().split('\n');
    expect(files).toHaveLength(3);
    expect(split.stdout + split.stderr).not.toContain(PASSPHRASE);
    const [first, , third] = files as [string, string, string];
    const written = await runCli(['ca', 'key', 'combine', first, third, '--out', path('back')]);
    expect([written.exit, written.stdout]).toEqual([0, `wrote ${path('back')}\n`]);
    expect([readFileSync(path('back'), 'utf8'), statSync(path('back')).mode & 0o777]).toEqual([`${PASSPHRASE}\n`, 0o600]);
    expect((await runCli(['ca', 'key', 'combine', third, first, '--reveal'])).stdout).toBe(`${PASSPHRASE}\n`);
    expect((await runCli(['ca', 'key', 'combine', third, first, '--json'])).json().error.code).toBe('ERR_USAGE');
    expect((await runCli(['ca', 'key', 'combine', first, '--reveal', '--json'])).json().error.code).toBe('ERR_SHARE_MISMATCH');
  }, 30_000);

  it('rewraps: the old passphrase opens nothing afterwards, the new one everything', async () => {
    writeFileSync(path('new'), 'brand new horse battery\n');
    const result = await joinery('ca', 'key', 'rewrap', '--custody', 'offline', '--new-passphrase-file', path('new'));
    expect(result.stdout).toMatch(/^\d+ offline keys are encrypted under the new passphrase$/m);
    expect((await joinery('ca', 'crl', 'next', '--json')).json().error.code).toBe('ERR_KEY_PASSPHRASE');
    expect((await joinery('ca', 'crl', 'next', '--passphrase-file', path('new'))).exit).toBe(0);
    expect((await joinery('ca', 'key', 'rewrap', '--custody', 'offline', '--json')).json().error.code).toBe('ERR_KEY_PASSPHRASE');
    const asked = await joinery('ca', 'key', 'rewrap', '--custody', 'offline', '--passphrase-file', path('new'), '--json');
    expect(asked.json().error).toMatchObject({ code: 'ERR_USAGE_NO_TERMINAL', hint: 'name a file with --new-passphrase-file' });
  }, 60_000);
});

describe('admin issue', () => {
  it('writes a key and a certificate for an administrator of the configuration', async () => {
    mkdirSync(path('admins'));
    const passphrases = ['--passphrase-file', path('new')];
    const result = await joinery('admin', 'issue', 'alice', '--ca', 'next', '--ttl', '8h', '--out-dir', path('admins'), ...passphrases);
    expect(result.stdout).toMatch(/^id +spiffe:\/\/lab\.example\.internal\/joinery\/admin\/alice$/m);
    expect(statSync(path('admins/alice.key')).mode & 0o777).toBe(0o600);
    expect(openssl('verify', '-purpose', 'sslclient', '-CAfile', join(realm, 'ca/next.crt'), path('admins/alice.crt'))).toContain('OK');
    const encrypted = await joinery(
      'admin',
      'issue',
      'alice',
      '--ca',
      'next',
      '--out-dir',
      path('shares'),
      '--key-passphrase-file',
      path('new'),
      ...passphrases,
    );
    expect([encrypted.exit, readFileSync(path('shares/alice.key'), 'utf8').includes('ENCRYPTED')]).toEqual([0, true]);
    expect((await joinery('admin', 'issue', 'bob', '--ca', 'next', '--json')).json().error.code).toBe('ERR_ADMIN_UNKNOWN');
    expect(existsSync(path('bob.key'))).toBe(false);
  }, 30_000);
});

describe('keychain', () => {
  it('is named as the reason where there is none, and belongs to a realm that is there', async () => {
    const { DBUS_SESSION_BUS_ADDRESS: before } = process.env;
    process.env['DBUS_SESSION_BUS_ADDRESS'] = 'unix:path=/nonexistent';
    try {
      for (const argv of [
        ['realm', 'keychain', 'store', '--custody', 'online'],
        ['realm', 'keychain', 'forget', '--custody', 'online'],
      ]) {
        const result = await joinery(...argv, '--json');
        expect([result.exit, result.json().error.code]).toEqual([7, 'ERR_KEYCHAIN_UNAVAILABLE']);
      }
      const asked = await run(['ca', 'crl', 'next', '--keychain', '--json'], { env: {} });
      expect(asked.json().error.code).toBe('ERR_KEYCHAIN_UNAVAILABLE');
    } finally {
      if (before === undefined) delete process.env['DBUS_SESSION_BUS_ADDRESS'];
      else process.env['DBUS_SESSION_BUS_ADDRESS'] = before;
    }
    const init = await runCli(['init', '--environment', 'x', '--domain', 'x.example', '--realm', path('other'), '--keychain', '--json'], {
      env,
    });
    expect([init.json().error.code, existsSync(path('other'))]).toEqual(['ERR_USAGE', false]);
  }, 30_000);
});
