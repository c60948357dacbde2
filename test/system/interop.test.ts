/**
 * Who takes the certificates of each profile and key type: OpenSSL, GnuTLS, Node's TLS, NSS and Java. The packages openssl, gnutls-bin,
 * libnss3-tools and default-jre-headless must be installed: .ci/run does it. The table is printed.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, connect, type TLSSocket } from 'node:tls';
import { afterAll, expect, it } from 'vitest';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { createCa } from '../../src/app/create-ca.ts';
import { type IssuedHost, issueCertificates } from '../../src/app/issue-certificates.ts';
import type { KeyType } from '../../src/core/key-ports.ts';
import type { ProfileName } from '../../src/core/x509/profiles.ts';
import type { Host } from '../../src/core/x509/hosts.ts';
import { caRealm } from '../app/ca-realm.ts';

const KEYS: readonly KeyType[] = ['p256', 'p384', 'ed25519', 'rsa3072'];
const PROFILES: readonly ProfileName[] = ['server', 'client', 'peer', 'node', 'cluster'];
const rows: string[][] = [['KEY', 'PROFILE', 'OPENSSL', 'GNUTLS', 'NODE', 'NSS', 'JAVA']];
/** NSS 3.87 has no Ed25519 in certificates. */
const KNOWN_GAPS: ReadonlySet<string> = new Set(['ed25519/NSS']);

function runs(what: string, command: string, argv: readonly string[], good: RegExp, env: NodeJS.ProcessEnv = process.env): boolean {
  const result = spawnSync(command, argv, { encoding: 'utf8', env });
  if (result.error !== undefined) throw new Error(`${command} does not run: install the package of ${what}`, { cause: result.error });
  return result.status === 0 && good.test(`${result.stdout}${result.stderr}`);
}

const isServer = (profile: ProfileName): boolean => profile !== 'client';

/** A handshake in which the leaf plays every part that its profile gives it; a certificate of profile server plays the other. */
function nodeTls(root: string, leaf: IssuedHost, server: IssuedHost, profile: ProfileName, servername: string): Promise<boolean> {
  const read = (host: IssuedHost) => ({ cert: readFileSync(host.certificateFile), key: readFileSync(host.keyFile) });
  const ca = readFileSync(root);
  const mutual = profile !== 'server';
  const asServer = { ...read(isServer(profile) ? leaf : server), ca, requestCert: mutual, rejectUnauthorized: mutual };
  return new Promise((resolve) => {
    // Only who has judged the client's certificate says hello.
    const listener = createServer({ ...asServer, minVersion: 'TLSv1.3' }, (socket: TLSSocket) => {
      socket.end('hello');
    });
    listener.listen(0, '127.0.0.1', () => {
      const { port } = listener.address() as { port: number };
      const done = (ok: boolean) => {
        listener.close();
        resolve(ok);
      };
      const client = connect({ port, host: '127.0.0.1', servername, ca, ...(mutual && read(leaf)) });
      client.on('data', () => done(client.authorized));
      client.on('error', () => done(false));
    });
  });
}

async function judge(keyType: KeyType, profile: ProfileName): Promise<string[]> {
  const realm = { ...caRealm(), clock: systemClock };
  const { directory } = realm;
  await createCa(realm, { name: 'root', keyType });
  await createCa(realm, { name: 'issuing', parent: 'root', keyType });
  const dns =
    profile === 'client' || profile === 'node' || profile === 'cluster' ? [] : [{ kind: 'dns', value: 'host.lab.example' } as const];
  const email = profile === 'client' ? [{ kind: 'email', value: 'ops@lab.example' } as const] : [];
  const uri =
    profile === 'node'
      ? [{ kind: 'uri', value: `spiffe://${realm.config.trust_domain}/n1` } as const, { kind: 'dns', value: 'host.lab.example' } as const]
      : [];
  const issue = async (as: ProfileName, hosts: readonly Host[]) =>
    (await issueCertificates(realm, portableKeys, { ca: 'issuing', profile: as, hosts, keyType, directory, strict: false }))
      .issued[0] as IssuedHost;
  const host = await issue(profile, [{ name: 'leaf', names: [...uri, ...dns, ...email] }]);
  const server = isServer(profile) ? host : await issue('server', [{ name: 'other', names: [{ kind: 'dns', value: 'host.lab.example' }] }]);
  const [root, issuing] = [`${directory}/ca/root.crt`, `${directory}/ca/issuing.crt`];
  writeFileSync(`${directory}/all.pem`, readFileSync(host.certificateFile, 'utf8') + readFileSync(root, 'utf8'));
  const purpose = isServer(profile) ? 'sslserver' : 'sslclient';
  const clean = { ...process.env, SSL_CERT_DIR: `${directory}/none`, SSL_CERT_FILE: '/dev/null' };
  const openssl = ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', root, '-untrusted', issuing, host.certificateFile];
  const nss = `sql:${directory}/nss`;
  mkdirSync(`${directory}/nss`);
  const certutil = (...argv: string[]) => runs('NSS (libnss3-tools)', 'certutil', [...argv, '-d', nss], /(?:)/);
  certutil('-N', '--empty-password');
  certutil('-A', '-n', 'root', '-t', 'CT,C,C', '-i', root);
  certutil('-A', '-n', 'issuing', '-t', ',,', '-i', issuing);
  certutil('-A', '-n', 'leaf', '-t', ',,', '-i', host.certificateFile);
  const valid = runs(
    'NSS (libnss3-tools)',
    'certutil',
    ['-V', '-n', 'leaf', '-u', isServer(profile) ? 'V' : 'C', '-e', '-d', nss],
    /certificate is valid/,
  );
  const store = [
    '-importcert',
    '-noprompt',
    '-trustcacerts',
    '-alias',
    'root',
    '-file',
    root,
    '-keystore',
    `${directory}/java.p12`,
    '-storetype',
    'PKCS12',
    '-storepass',
    'changeit',
  ];
  runs('Java (default-jre-headless)', 'keytool', store, /(?:)/);
  const chain = [
    '-importcert',
    '-alias',
    'leaf',
    '-file',
    `${directory}/all.pem`,
    '-keystore',
    `${directory}/java.p12`,
    '-storepass',
    'changeit',
    '-noprompt',
  ];
  const java = runs('Java (default-jre-headless)', 'keytool', chain, /added to keystore/);
  const name = profile === 'cluster' ? 'localhost' : 'host.lab.example';
  const answers = [
    runs('openssl', 'openssl', openssl, /: OK/, clean),
    runs(
      'GnuTLS (gnutls-bin)',
      'certtool',
      ['--verify', '--load-ca-certificate', root, '--infile', `${directory}/all.pem`],
      /Verified\. The certificate is trusted/,
    ),
    await nodeTls(root, host, server, profile, name),
    valid,
    java,
  ];
  return answers.map((ok) => (ok ? 'yes' : 'NO'));
}

it.each(KEYS.flatMap((key) => PROFILES.map((profile) => [key, profile] as const)))('%s %s', async (key, profile) => {
  const answers = await judge(key, profile);
  rows.push([key, profile, ...answers]);
  const refused = answers.flatMap((answer, index) => (answer === 'yes' ? [] : [`${key}/${(rows[0] as string[])[index + 2]}`]));
  expect(refused.filter((gap) => !KNOWN_GAPS.has(gap))).toEqual([]);
});

afterAll(() => {
  process.stdout.write(`\n${rows.map((row) => row.map((cell) => cell.padEnd(9)).join('')).join('\n')}\n`);
});
