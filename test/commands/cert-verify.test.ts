import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../cli/harness.ts';

/** Certificates made by OpenSSL: what others make must be judged as well as what joinery makes. */
const directory = mkdtempSync(join(tmpdir(), 'joinery-cert-verify-'));
const file = (name: string) => join(directory, name);

const CONFIG = `
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[sub]
basicConstraints = critical, CA:true, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
nameConstraints = critical, permitted;DNS:example.internal, permitted;IP:10.0.0.0/255.0.0.0
[leaf]
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:a.example.internal, IP:10.1.2.3, URI:spiffe://td/node, email:ops@example.internal
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
certificatePolicies = 1.2.3.4
[outside]
subjectAltName = DNS:a.example.org
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[default]
default_ca = own
[own]
database = ${file('index')}
default_md = sha256
crlnumber = ${file('number')}
default_crl_days = 30
crl_extensions = list
[list]
authorityKeyIdentifier = keyid
`;

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8', cwd: directory });
  if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
}

function issue(name: string, section: string, issuer: string): void {
  openssl(
    'req',
    '-new',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-subj',
    `/CN=${name}`,
    '-config',
    'conf',
    '-out',
    `${name}.csr`,
  );
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    `${issuer}.pem`,
    '-CAkey',
    `${issuer}.key`,
    '-days',
    '300',
    '-extfile',
    'conf',
    '-extensions',
    section,
    '-out',
    `${name}.pem`,
  );
}

beforeAll(() => {
  writeFileSync(file('conf'), CONFIG);
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    'root.key',
    '-subj',
    '/CN=root',
    '-days',
    '400',
    '-config',
    'conf',
    '-extensions',
    'ca',
    '-out',
    'root.pem',
  );
  issue('sub', 'sub', 'root');
  issue('leaf', 'leaf', 'sub');
  issue('outside', 'outside', 'sub');
  writeFileSync(file('index'), '');
  writeFileSync(file('number'), '01');
  for (const name of ['root', 'sub'])
    openssl('ca', '-gencrl', '-config', 'conf', '-name', 'own', '-cert', `${name}.pem`, '-keyfile', `${name}.key`, '-out', `${name}.crl`);
  openssl(
    'ca',
    '-config',
    'conf',
    '-name',
    'own',
    '-cert',
    'sub.pem',
    '-keyfile',
    'sub.key',
    '-revoke',
    'leaf.pem',
    '-crl_reason',
    'keyCompromise',
  );
  openssl('ca', '-gencrl', '-config', 'conf', '-name', 'own', '-cert', 'sub.pem', '-keyfile', 'sub.key', '-out', 'revoked.crl');
});

const verify = (leaf: string, ...argv: string[]) =>
  runCli(['cert', 'verify', file(`${leaf}.pem`), '--anchor', file('root.pem'), '--intermediate', file('sub.pem'), ...argv]);

describe('joinery cert verify', () => {
  it('takes what OpenSSL makes', async () => {
    const { stdout, exit } = await verify(
      'leaf',
      '--purpose',
      'server',
      '--host',
      'a.example.internal',
      '--host',
      '10.1.2.3',
      '--ip',
      '10.1.2.3',
      '--uri',
      'spiffe://td/node',
      '--email',
      'ops@example.internal',
    );
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^valid at .*\nCN=leaf {2}until .*\n {2}CN=sub {2}until .*\n {4}CN=root {2}until .*\n$/);
  });

  it('gives JSON', async () => {
    const { json } = await verify('leaf', '--policy', '1.2.3.4', '--json');
    // The authorities of the path assert no policy, so none can be required.
    expect(json().error).toMatchObject({ code: 'ERR_CERTIFICATE_UNTRUSTED', details: { fault: 'policy' } });
    const good = (await verify('leaf', '--json')).json();
    expect(good).toMatchObject({
      schema: 'joinery/cert-verify/1',
      data: { valid: true, profile: 'strict', path: [{ subject: 'CN=leaf' }, { subject: 'CN=sub' }, { subject: 'CN=root' }] },
    });
  });

  it.each([
    ['another host', ['--host', 'b.example.internal'], 'identity'],
    ['another purpose', ['--purpose', 'client'], 'purpose'],
    ['a time before', ['--at', '2020-01-01T00:00:00Z'], 'validity'],
    ['too many authorities', ['--max-intermediates', '0'], 'path-length'],
  ])('refuses %s', async (_, argv, fault) => {
    const { json, exit } = await verify('leaf', ...argv, '--json');
    expect([exit, json().error.details['fault']]).toEqual([4, fault]);
  });

  it.each(['2027-01-01T00:00:00Z', '2027-01-01 00:00:00.999z', '2027-01-01T02:30:00+02:30', '2026-12-31T23:00:00.000001-01:00'])(
    'judges at the second of %s',
    async (at) => {
      expect((await verify('leaf', '--at', at, '--json')).json().data?.['at']).toBe('2027-01-01T00:00:00Z');
    },
  );

  it.each(['2027-01-01', '2027-13-01T00:00:00Z', '2027-01-01T00:00:00+24:00', '2027-01-01T00:00:00+00:60', '1970-01-01T00:00:00+01:00'])(
    'knows no moment %s',
    async (at) => {
      const { exit, stderr } = await verify('leaf', '--at', at);
      expect([exit, stderr]).toEqual([2, expect.stringContaining('--at: expected a time')]);
    },
  );

  it('keeps name constraints', async () => {
    expect((await verify('outside', '--json')).json().error.details['fault']).toBe('name-constraints');
  });

  it('consults revocation lists', async () => {
    const [root, sub, revoked] = ['root.crl', 'sub.crl', 'revoked.crl'].map((name) => ['--crl', file(name)]) as [
      string[],
      string[],
      string[],
    ];
    expect((await verify('leaf', ...root, ...sub)).exit).toBe(0);
    expect((await verify('leaf', ...root, '--json')).json().error.details['fault']).toBe('revocation-unknown');
    expect((await verify('leaf', ...root, '--crl-if-available')).exit).toBe(0);
    const refused = (await verify('leaf', ...root, ...revoked, '--json')).json().error;
    expect(refused).toMatchObject({ details: { fault: 'revoked' }, message: expect.stringContaining('(keyCompromise)') as string });
  });

  it('uses the roots of the realm without --anchor', async () => {
    const realm = file('realm');
    await runCli(['init', '--realm', realm, '--environment', 'lab', '--domain', 'lab.example.internal', '--insecure-plaintext-keys']);
    await runCli(['ca', 'create', 'root', '--realm', realm]);
    await runCli(['ca', 'create', 'issuing', '--parent', 'root', '--realm', realm]);
    expect((await runCli(['cert', 'verify', join(realm, 'ca/issuing.crt'), '--realm', realm])).exit).toBe(0);
    expect((await runCli(['cert', 'verify', file('leaf.pem'), '--realm', realm])).exit).toBe(4);
  });

  it('reads stdin, and says what it cannot read', async () => {
    const { json, exit } = await runCli(['cert', 'verify', '-', '--anchor', file('root.pem'), '--json'], { stdin: 'hello' });
    expect([exit, json().error.message]).toEqual([3, 'stdin: expected CERTIFICATE blocks or DER, found no PEM block']);
    expect((await runCli(['cert', 'verify', file('nothing.pem'), '--anchor', file('root.pem')])).exit).toBe(6);
  });
});
