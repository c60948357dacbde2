import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { runCli } from '../cli/harness.ts';

const realm = join(mkdtempSync(join(tmpdir(), 'joinery-ca-command-')), 'realm');
const env = { JOINERY_PASSPHRASE: 'correct horse battery', JOINERY_ONLINE_PASSPHRASE: 'another horse battery' };
const joinery = (...argv: string[]) => runCli([...argv, '--realm', realm], { env });

beforeAll(async () => {
  await joinery('init', '--environment', 'lab', '--domain', 'lab.example.internal', '--insecure-plaintext-keys');
  await joinery('ca', 'create', 'root', '--ttl', '2d');
  await joinery('ca', 'create', 'old', '--not-after', '9999-12-31T23:59:59Z', '--subject', 'CN=Old');
});

describe('joinery ca', () => {
  it('creates an authority and says what it is', async () => {
    const { json, exit } = await joinery('ca', 'create', 'issuing', '--parent', 'root', '--json');
    expect(exit).toBe(0);
    expect(json()).toMatchObject({
      ok: true,
      schema: 'joinery/ca-create/1',
      data: { name: 'issuing', parent: 'root', path_len: 0, file: 'ca/issuing.crt', key: { type: 'p256', custody: 'online' } },
    });
    expect(json().warnings).toEqual(expect.arrayContaining([expect.stringContaining('ends with its issuer root')]));
  });

  it('prints fields for people, and warnings on stderr', async () => {
    const { stdout, stderr } = await joinery(
      'ca',
      'create',
      'second',
      '--parent',
      'root',
      '--key-type',
      'ed25519',
      '--custody',
      'offline',
      '--path-len',
      '0',
    );
    expect(stdout).toMatch(/^name +second$/m);
    expect(stdout).toMatch(/^file +ca\/second\.crt$/m);
    expect(stderr).toContain('warning: the certificate ends with its issuer root');
  });

  it('lists, shows and draws them', async () => {
    const list = await joinery('ca', 'list');
    expect(list.stdout).toMatch(/^NAME +PARENT +KEY +CUSTODY +VALIDITY$/m);
    expect(list.stdout).toMatch(/^root +\(root\) +p256 +offline +expires in (2d|1d 23h)$/m);
    expect((await joinery('ca', 'list', '--json')).json().data['authorities']).toHaveLength(4);
    expect((await joinery('ca', 'show', 'old')).stdout).toMatch(/^subject +CN=Old$/m);
    expect((await joinery('ca', 'show', 'root', '--json')).json().data).toMatchObject({ name: 'root', parent: null, path_len: null });
    const tree = (await joinery('ca', 'tree')).stdout;
    expect(tree).toMatch(/^root {2}\[p256, expires in 1d 23h\]\n├─ issuing {2}\[.*\]\n└─ second {2}\[ed25519, .*\]$/m);
    expect((await joinery('ca', 'tree', '--json')).json().data['roots']).toMatchObject([{ name: 'old', children: [] }, { name: 'root' }]);
  });

  it('exports public material', async () => {
    expect((await joinery('ca', 'export', 'root')).stdout).toBe(readFileSync(join(realm, 'ca/root.crt'), 'utf8'));
    expect((await joinery('ca', 'export', 'issuing', '--format', 'chain', '--json')).json().data['pem']).toMatch(
      /(BEGIN CERTIFICATE[^]*){2}/,
    );
    const out = join(realm, 'root.der');
    expect((await joinery('ca', 'export', 'root', '--format', 'der', '--out', out)).stdout).toBe(`wrote ${out}\n`);
    const { fingerprint } = parseCertificate(readFileSync(out));
    expect((await joinery('ca', 'export', 'root', '--format', 'der', '--json')).json().data).toMatchObject({
      fingerprint,
      der_base64: readFileSync(out).toString('base64'),
    });
    expect((await joinery('ca', 'export', 'root', '--format', 'der', '--out', '-')).stdout.length).toBeGreaterThan(200);
    expect((await joinery('ca', 'export', 'root', '--out', out)).exit).toBe(5);
    expect((await joinery('ca', 'export', 'issuing', '--format', 'p7b')).stdout).toMatch(/^-----BEGIN PKCS7-----\n/);
  });

  it('exports a trust store that OpenSSL reads', async () => {
    const [pass, store] = [join(realm, 'store.pass'), join(realm, 'store.p12')];
    writeFileSync(pass, 'correct horse battery\n');
    const p12 = ['ca', 'export', 'issuing', '--format', 'p12'];
    expect((await joinery(...p12, '--password-file', pass, '--out', store)).exit).toBe(0);
    const read = execFileSync('openssl', ['pkcs12', '-in', store, '-nokeys', '-passin', `file:${pass}`], { encoding: 'utf8' });
    expect(read.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect((await joinery(...p12, '--password-file', pass, '--json')).json().data['p12_base64']).toMatch(/^MII/);
    expect((await joinery(...p12)).stderr).toContain('--password-file: expected the password of the trust store, found none');
    expect((await joinery('ca', 'export', 'root', '--password-file', pass)).stderr).toContain('expected --format p12 beside it, found pem');
  });

  it.each([
    [['ca', 'create', 'root'], 5, 'ERR_CA_EXISTS'],
    [['ca', 'create', 'x', '--parent', 'nobody'], 6, 'ERR_CA_NOT_FOUND'],
    [['ca', 'create', 'x', '--ttl', 'soon'], 2, 'ERR_USAGE'],
    [['ca', 'create', 'x', '--not-after', 'soon'], 2, 'ERR_USAGE'],
    [['ca', 'create', 'x', '--key-type', 'dsa'], 2, 'ERR_USAGE'],
    [['ca', 'show', 'rot'], 6, 'ERR_CA_NOT_FOUND'],
  ])('%j exits %i', async (argv, exit, code) => {
    const result = await joinery(...argv, '--json');
    expect([result.exit, result.json().error.code]).toEqual([exit, code]);
  });
});

describe('joinery ca create with name constraints', () => {
  const bounds = [
    '--permit-dns',
    'lab.example',
    '--permit-ip',
    '10.0.0.0/8',
    '--permit-uri',
    'lab.example.internal',
    '--exclude-email',
    '*',
  ];

  it('shows them, hands them down, and keeps certificates inside', async () => {
    const root = await joinery('ca', 'create', 'bounded', ...bounds, '--trust-domain', 'lab.example.internal', '--json');
    expect(root.json().data).toMatchObject({
      sans: ['URI:spiffe://lab.example.internal'],
      name_constraints: { permitted: ['DNS:lab.example', 'URI:lab.example.internal', 'IP:10.0.0.0/8'], excluded: ['email:'] },
    });
    await joinery('ca', 'create', 'bounded-issuing', '--parent', 'bounded');
    const { stdout } = await joinery('ca', 'show', 'bounded-issuing');
    expect(stdout).toMatch(/^permitted +DNS:lab\.example, URI:lab\.example\.internal, IP:10\.0\.0\.0\/8$/m);
    expect(stdout).toMatch(/^excluded +email:$/m);
    expect((await joinery('ca', 'tree')).stdout).toMatch(/└─ bounded-issuing {2}\[.*, only DNS:lab\.example, .*, no email:\]/);
    const issue = (dns: string) =>
      joinery(
        'cert',
        'issue',
        'web',
        '--ca',
        'bounded-issuing',
        '--profile',
        'server',
        '--dns',
        dns,
        '--out-dir',
        join(realm, dns),
        '--json',
      );
    expect((await issue('a.lab.example')).exit).toBe(0);
    const refused = await issue('a.else.example');
    expect(refused.exit).toBe(4);
    expect(refused.json().error?.code).toBe('ERR_CERTIFICATE_LINT');
    expect(refused.json().error?.message).toMatch(/4\.2\.1\.10\): expected a permitted name, found DNS:a\.else\.example$/);
  });

  it.each([
    [['--permit-dns', '.lab.example'], 3, 'ERR_CERTIFICATE_NAME'],
    [['--permit-ip', '10.1.0.0/8'], 3, 'ERR_CERTIFICATE_NAME'],
    [['--trust-domain', 'spiffe://a'], 3, 'ERR_CERTIFICATE_NAME'],
    [['--parent', 'bounded', '--permit-dns', 'else.example'], 4, 'ERR_CA_CONSTRAINT'],
  ])('refuses %s', async (flags, exit, code) => {
    const result = await joinery('ca', 'create', 'never', ...flags, '--json');
    expect([result.exit, result.json().error?.code]).toEqual([exit, code]);
  });
});
