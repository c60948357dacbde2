import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { plus } from '../../src/core/time.ts';
import { writeCrlEntry, writeTbsCertList } from '../../src/core/x509/crl-writer.ts';
import { writeSigned } from '../../src/core/x509/template.ts';
import { runCli } from '../cli/harness.ts';
import { make, NOW } from '../core/x509/make.ts';

const directory = mkdtempSync(join(tmpdir(), 'joinery-cert-command-'));
const realm = join(directory, 'realm');
const at = (name: string) => join(directory, name);
const run = (...argv: string[]) => runCli(argv, { env: { JOINERY_REALM: realm } });
const piped = (stdin: string, ...argv: string[]) => runCli(argv, { env: { JOINERY_REALM: realm }, stdin });
const text = (name: string) => readFileSync(at(name), 'utf8');

beforeAll(async () => {
  await run('init', '--environment', 'lab', '--domain', 'lab.example', '--insecure-plaintext-keys');
  await run('ca', 'create', 'root');
  await run('ca', 'create', 'issuing', '--parent', 'root');
  writeFileSync(at('pass'), 'correct horse battery\n');
  writeFileSync(at('short'), 'short\n');
  writeFileSync(at('empty'), '\n');
  await run(
    'cert',
    'request',
    '--dns',
    'web.lab.example',
    '--subject',
    'CN=evil',
    '--key-out',
    at('web.key'),
    '--key-passphrase-file',
    at('pass'),
    '--out',
    at('web.csr'),
  );
  await run(
    'cert',
    'sign',
    at('web.csr'),
    '--ca',
    'issuing',
    '--profile',
    'server',
    '--names-from-request',
    '--out',
    at('web.crt'),
    '--ttl',
    '2d',
  );
});

describe('joinery cert request and sign', () => {
  it('make an encrypted key of mode 0600, and a certificate that OpenSSL accepts', () => {
    expect(statSync(at('web.key')).mode & 0o777).toBe(0o600);
    expect(text('web.key')).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    const argv = ['verify', '-x509_strict', '-CAfile', join(realm, 'ca/root.crt'), '-untrusted', at('web.crt'), at('web.crt')];
    const env = { ...process.env, SSL_CERT_DIR: at('none'), SSL_CERT_FILE: '/dev/null' };
    expect(execFileSync('openssl', argv, { encoding: 'utf8', env })).toContain('OK');
  });

  it('show what was asked for beside what is given', async () => {
    const dry = await run('cert', 'sign', at('web.csr'), '--ca', 'issuing', '--profile', 'peer', '--dns', 'other.lab.example', '--dry-run');
    expect(dry.stdout).toMatch(/^ITEM +ASKED FOR +GETS +RULE$/m);
    expect(dry.stdout).toMatch(/^subject +CN=evil +CN=other\.lab\.example,O=lab/m);
    expect(dry.stdout).toMatch(/^subjectAltName +DNS:web\.lab\.example +\(not granted\) +not named by the operator$/m);
    expect(
      (await run('cert', 'sign', at('web.csr'), '--ca', 'issuing', '--profile', 'peer', '--dns', 'a', '--dry-run', '--json')).json().data,
    ).toMatchObject({ signed: false });
    const named = await run(
      'cert',
      'sign',
      at('web.csr'),
      '--ca',
      'issuing',
      '--profile',
      'peer',
      '--ip',
      '::1',
      '--out',
      at('peer.crt'),
      '--ttl',
      '20y',
    );
    expect(named.stdout).toMatch(/^names +IP:::1$/m);
    expect(named.stderr).toContain('never outlives');
  });

  it('work through pipes', async () => {
    const request = await run('cert', 'request', '--uri', 'spiffe://lab.example/n1', '--key-out', at('n1.key'));
    expect(request.stdout).toMatch(/^-----BEGIN CERTIFICATE REQUEST/);
    const signed = await piped(request.stdout, 'cert', 'sign', '-', '--ca', 'issuing', '--profile', 'node', '--names-from-request');
    expect(signed.stdout.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(signed.stderr).toContain('URI:spiffe://lab.example/n1');
    expect((await piped(signed.stdout, 'cert', 'lint', '-')).stdout).toBe('no rule is broken\n');
    const quiet = await piped(
      request.stdout,
      'cert',
      'sign',
      '-',
      '--ca',
      'issuing',
      '--profile',
      'node',
      '--names-from-request',
      '--json',
    );
    expect(quiet.json().data).toMatchObject({ signed: true, profile: 'node', sans: ['URI:spiffe://lab.example/n1'] });
    const again = await run('cert', 'request', '--key', at('web.key'), '--key-passphrase-file', at('pass'), '--json');
    expect(again.json().data).not.toHaveProperty('key_file');
  });
});

describe('joinery cert issue and renew', () => {
  it('make one, and one in its place', async () => {
    const one = await run('cert', 'issue', 'db', '--ca', 'issuing', '--profile', 'cluster', '--ttl', '1y', '--out-dir', at('one'));
    expect(one.stdout).toMatch(/^names +DNS:localhost, IP:127\.0\.0\.1, IP:::1$/m);
    const renewed = await run(
      'cert',
      'renew',
      join(at('one'), 'db.crt'),
      '--key-out',
      at('db2.key'),
      '--out',
      at('db2.crt'),
      '--key-passphrase-file',
      at('pass'),
    );
    expect(renewed.stdout).toMatch(/^replaces +[0-9a-f]{32}$/m);
    const byCsr = await run(
      'cert',
      'renew',
      at('db2.crt'),
      '--csr',
      at('web.csr'),
      '--out',
      at('db3.crt'),
      '--not-after',
      '9999-12-31T23:59:59Z',
      '--json',
    );
    expect(byCsr.json()).toMatchObject({
      data: { profile: 'cluster', key_file: null },
      warnings: expect.arrayContaining([expect.stringContaining('issuing')]) as string[],
    });
  });

  it('make a series, and a list with what is missing', async () => {
    const series = await run(
      'cert',
      'issue',
      'n{n}',
      '--count',
      '3',
      '--ca',
      'issuing',
      '--profile',
      'node',
      '--uri',
      'spiffe://lab.example/n{n}',
      '--out-dir',
      at('series'),
    );
    expect(series.stdout).toBe(`issued 3 certificates in ${at('series')}\n`);
    writeFileSync(at('hosts.jsonl'), '{"name":"a","dns":["a.lab.example"]}\n{"name":"b","dns":["b.lab.example"]}\n');
    const list = ['--from', at('hosts.jsonl'), '--ca', 'issuing', '--profile', 'server', '--out-dir', at('list')];
    expect((await run('cert', 'issue', ...list, '--ttl', '20y', '--key-passphrase-file', at('pass'))).stderr).toContain('never outlives');
    expect((await run('cert', 'issue', ...list, '--resume')).stdout).toContain('left out 2 that were there');
    expect((await run('cert', 'issue', ...list, '--json')).json().error.code).toBe('ERR_FILE_EXISTS');
    const csv = await piped(
      'name,dns\nc,c.lab.example\n',
      'cert',
      'issue',
      '--from',
      '-',
      '--ca',
      'issuing',
      '--profile',
      'server',
      '--out-dir',
      at('csv'),
      '--json',
    );
    expect(csv.json().data).toMatchObject({ issued: [{ name: 'c', profile: 'server' }], skipped: [], missing: [], failure: null });
  });
});

describe('joinery cert inspect, lint, fingerprint and export', () => {
  it('say what files hold', async () => {
    expect((await run('cert', 'inspect', at('web.crt'))).stdout).toMatch(/^key purposes +serverAuth$/m);
    expect((await run('cert', 'inspect', at('web.csr'))).stdout).toMatch(/^kind +request$/m);
    expect((await run('cert', 'inspect', at('web.key'), '--json')).json().data).toEqual({
      documents: [{ kind: 'private-key', encrypted: true }],
    });
    await run(
      'cert',
      'export',
      at('web.crt'),
      '--key',
      at('web.key'),
      '--key-passphrase-file',
      at('pass'),
      '--password-file',
      at('pass'),
      '--chain',
      join(realm, 'ca/root.crt'),
      '--out',
      at('web.p12'),
    );
    expect((await run('cert', 'inspect', at('web.p12'))).stdout).toMatch(
      /^bags +certificate, certificate, certificate, private key \(encrypted\)$/m,
    );
    const trust = await run('cert', 'export', join(realm, 'ca/root.crt'), '--trust', '--password-file', at('pass'), '--out', at('t.p12'));
    expect(trust.stdout).toBe(`wrote ${at('t.p12')}: no private key, 1 certificates\n`);
    execFileSync('openssl', ['pkey', '-in', at('n1.key'), '-pubout', '-out', at('n1.pub')]);
    expect((await run('cert', 'inspect', at('n1.pub'))).stdout).toMatch(/^pin +sha256:/m);
    await run('ca', 'crl', 'issuing', '--out', at('issuing.crl'));
    expect((await run('cert', 'inspect', at('issuing.crl'))).stdout).toMatch(/^kind +revocation-list$/m);
    execFileSync('openssl', [
      'pkcs12',
      '-export',
      '-inkey',
      at('n1.key'),
      '-nocerts',
      '-out',
      at('n.p12'),
      '-passout',
      'pass:x',
      '-nomac',
      '-keypbe',
      'NONE',
    ]);
    expect((await run('cert', 'inspect', at('n.p12'))).stdout).toMatch(/^bags +private key \(not encrypted\)$/m);
  });

  it('find broken rules', async () => {
    execFileSync(
      'openssl',
      ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', at('o.key'), '-out', at('o.crt'), '-subj', '/CN=o', '-days', '2'],
      { stdio: 'ignore' },
    );
    const found = await run('cert', 'lint', at('o.crt'), '--issuer', at('web.crt'));
    expect([found.exit, found.stdout.startsWith('RULE')]).toEqual([4, true]);
    const own = await run('cert', 'lint', at('web.crt'), '--issuer', join(realm, 'ca/issuing.crt'), '--json');
    expect([own.exit, own.json().data['violations']]).toEqual([0, []]);
  });

  it('name certificates by their hashes', async () => {
    const root = await run('cert', 'fingerprint', join(realm, 'ca/root.crt'), '--json');
    expect(root.json().data['k3s']).toMatch(/^[0-9a-f]{64}$/);
    const chain = await run('cert', 'fingerprint', at('web.crt'));
    expect(chain.stdout).toMatch(/^pin \(kubeadm\) +sha256:[0-9a-f]{64}$/m);
    expect(chain.stderr).toContain('no K3s hash');
  });
});

describe('joinery cert refuses', () => {
  it.each([
    [['request', '--dns', 'a'], 2, 'ERR_USAGE'],
    [['request', '--dns', 'a..b', '--key-out', at('x.key')], 3, 'ERR_CERTIFICATE_NAME'],
    [['request', '--key-out', at('x.key'), '--key-passphrase-file', at('short')], 4, 'ERR_KEY_PASSPHRASE_WEAK'],
    [['request', '--key-out', at('x.key'), '--key-passphrase-file', at('empty')], 2, 'ERR_USAGE'],
    [['request', '--key', at('web.key')], 2, 'ERR_USAGE'],
    [['sign', at('web.crt'), '--ca', 'issuing', '--profile', 'server'], 3, 'ERR_CSR_MALFORMED'],
    [['sign', at('web.csr'), '--ca', 'issuing', '--profile', 'node', '--names-from-request'], 4, 'ERR_CERTIFICATE_PROFILE'],
    [['sign', at('web.csr'), '--ca', 'issuing', '--profile', 'server', '--dns', 'a', '--out', at('web.crt')], 5, 'ERR_FILE_EXISTS'],
    [
      ['sign', at('web.csr'), '--ca', 'issuing', '--profile', 'server', '--dns', 'a', '--strict', '--ttl', '20y'],
      4,
      'ERR_CERTIFICATE_OUTLIVES',
    ],
    [['issue', '--ca', 'issuing', '--profile', 'server'], 2, 'ERR_USAGE'],
    [['issue', 'n', '--count', '2', '--ca', 'issuing', '--profile', 'server'], 2, 'ERR_USAGE'],
    [['issue', 'n', '--from', at('hosts.jsonl'), '--ca', 'issuing', '--profile', 'server'], 2, 'ERR_USAGE'],
    [
      ['issue', 'n', '--ca', 'issuing', '--profile', 'node', '--uri', 'spiffe://lab.example/joinery/admin/x', '--out-dir', at('y')],
      4,
      'ERR_CERTIFICATE_PROFILE',
    ],
    [
      ['issue', 'n', '--ca', 'issuing', '--profile', 'server', '--dns', 'n', '--strict', '--ttl', '20y', '--out-dir', at('y')],
      4,
      'ERR_CERTIFICATE_OUTLIVES',
    ],
    [['inspect', at('pass')], 3, 'ERR_INPUT_MALFORMED'],
    [['lint', at('web.csr')], 3, 'ERR_CERTIFICATE_MALFORMED'],
    [['export', at('web.crt'), '--password-file', at('pass'), '--out', at('z.p12')], 2, 'ERR_USAGE'],
    [['export', at('web.crt'), '--key', at('n1.key'), '--password-file', at('pass'), '--out', at('z.p12')], 4, 'ERR_CERTIFICATE_KEY'],
    [['renew', at('web.crt'), '--out', at('z.crt')], 2, 'ERR_USAGE'],
    [['renew', join(realm, 'ca/root.crt'), '--key-out', at('z.key'), '--out', at('z.crt')], 6, 'ERR_CERTIFICATE_NOT_FOUND'],
  ])('%j', async (argv, exit, code) => {
    const result = await run('cert', ...argv, '--json');
    expect([result.exit, result.json().error.code]).toEqual([exit, code]);
  });
});

describe('joinery cert inspect of a revocation list', () => {
  it('shows its entries, the first of many', async () => {
    const list = (count: number): Uint8Array => {
      const serials = Array.from({ length: count }, (_, index) => (0x1000 + index).toString(16));
      const entries = serials.map((serialNumber) => writeCrlEntry({ serialNumber, at: NOW, reason: 'keyCompromise' }));
      const { certificate: issuer, key } = make({ name: 'x', ca: true });
      const nextUpdate = plus(NOW, 60);
      const tbs = writeTbsCertList({ issuer, signer: 'p256', number: 300, thisUpdate: NOW, nextUpdate, entries });
      return writeSigned(tbs, 'p256', key.sign(tbs, 'der') as Uint8Array);
    };
    writeFileSync(at('few.crl'), list(1));
    writeFileSync(at('many.crl'), list(25));
    const few = (await run('cert', 'inspect', at('few.crl'))).stdout;
    expect(few).toMatch(/^crl number +300$/m);
    expect(few).toMatch(/^ {2}revoked 1000 2026-11-22T10:00:00Z keyCompromise$/m);
    expect((await run('cert', 'inspect', at('many.crl'))).stdout).toMatch(/^ {2}and 5 more: --json shows all$/m);
    const [document] = (await run('cert', 'inspect', at('many.crl'), '--json')).json().data['documents'] as [{ entries: unknown[] }];
    expect(document.entries).toHaveLength(25);
    expect(document.entries[0]).toEqual({ serial: '1000', at: '2026-11-22T10:00:00Z', reason: 'keyCompromise' });
  });
});
