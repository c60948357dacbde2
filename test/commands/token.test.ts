import { createHash, createHmac, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompactSign } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../cli/harness.ts';

const directory = mkdtempSync(join(tmpdir(), 'joinery-token-command-'));
const realm = join(directory, 'realm');
const path = (name: string) => join(directory, name);
const write = (name: string, text: string) => {
  writeFileSync(path(name), text);
  return path(name);
};
const inRealm = (...argv: string[]) => runCli([...argv, '--realm', realm]);
const mint = (...argv: string[]) => inRealm('token', 'mint', '--cluster', 'prod', '--role', 'worker', ...argv);
const reveal = async (...argv: string[]) => (await mint('--reveal', ...argv)).stdout;
const verify = (token: string, ...argv: string[]) =>
  runCli(['token', 'verify', '--token-file', '-', '--cluster', 'prod', ...argv], { stdin: token });
const code = (result: { json(): { error: { code: string } } }) => result.json().error.code;

beforeAll(async () => {
  await inRealm(
    'init',
    '--environment',
    'lab',
    '--domain',
    'lab.example.internal',
    '--insecure-plaintext-keys',
    '--cluster',
    'prod',
    '--roles',
    'worker,cp',
  );
  await inRealm('ca', 'create', 'root');
  if ((await inRealm('token', 'keys', 'list', '--json')).json().data['keys']?.toString() === '') await inRealm('token', 'keys', 'create');
});

describe('token mint', () => {
  test('writes the token into a new file of mode 0600 and prints what it grants', async () => {
    const out = path('n1.jwt');
    const options = [
      '--node',
      'n1',
      '--allow-reentry',
      '--label',
      'rack=a7',
      '--url',
      'https://boot.example',
      '--not-before',
      '2030-01-01T00:00:00Z',
      '--ttl',
      '1h',
    ];
    expect((await mint(...options, '--out', out, '--json')).json()).toMatchObject({ ok: false, error: { code: 'ERR_TOKEN_LIFETIME' } });
    const { stdout, exit } = await mint(
      ...options.slice(0, 7),
      '--environment',
      'lab',
      '--pin',
      `sha256:${'0'.repeat(64)}`,
      '--max-uses',
      '2',
      '--out',
      out,
    );
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^node +n1 \(may re-enter\)$/m);
    expect(stdout).toMatch(/^labels +rack=a7$/m);
    expect(stdout).toMatch(/^uses +2$/m);
    expect(stdout).not.toContain(readFileSync(out, 'utf8').trim());
    expect(statSync(out).mode & 0o777).toBe(0o600);
    expect(code(await mint('--out', out, '--json'))).toBe('ERR_FILE_EXISTS');
  });

  test('prints the token only with --reveal, and then nothing else', async () => {
    expect(await reveal()).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect((await mint('--reveal', '--json')).json().data).toMatchObject({ format: 'jwt', algorithm: 'ES256', token: expect.any(String) });
    const refused = await mint();
    expect([refused.exit, refused.stdout]).toEqual([2, '']);
    expect(refused.stderr).toContain('write it to a file of mode 0600 with --out FILE');
    expect((await mint('--out', '-')).exit).toBe(2);
    expect((await mint('--out', '')).exit).toBe(2);
    expect(code(await mint('--out', path('missing/token'), '--json'))).toBe('ERR_FILE_NOT_FOUND');
    expect(code(await inRealm('token', 'mint', '--cluster', 'prod', '--role', 'king', '--reveal', '--json'))).toBe('ERR_ROLE_UNKNOWN');
  });

  test.each([
    [['--cluster', 'prodd'], 'ERR_CLUSTER_UNKNOWN'],
    [['--environment', 'other'], 'ERR_TOKEN_ENVIRONMENT'],
    [['--label', 'x'], 'ERR_USAGE'],
    [['--label', 'x=1', '--label', 'x=2'], 'ERR_USAGE'],
    [['--label', '__proto__=x'], 'ERR_USAGE'],
    [['--ttl', 'soon'], 'ERR_USAGE'],
    [['--not-before', 'soon'], 'ERR_USAGE'],
    [['--max-uses', '0'], 'ERR_USAGE'],
    [['--max-uses', 'unlimited'], 'ERR_USAGE'],
    [['--ca', 'root'], 'ERR_USAGE'],
    [['--format', 'kubeadm'], 'ERR_USAGE'],
    [['--format', 'kubeadm', '--ca', 'nobody'], 'ERR_CA_NOT_FOUND'],
    [['--format', 'kubeadm', '--ca', 'root', '--url', 'https://x'], 'ERR_USAGE'],
    [['--format', 'secure', '--ca', 'root', '--cluster', 'edge'], 'ERR_USAGE'],
    [['--format', 'omnirelay'], 'ERR_USAGE'],
    [['--bind-key', '/nowhere'], 'ERR_FILE_NOT_FOUND'],
    [['--kid', 'nobody'], 'ERR_TOKEN_KEY_NOT_FOUND'],
  ])('%j is refused with %s', async (argv, expected) => {
    expect(code(await mint('--reveal', '--json', ...argv))).toBe(expected);
  });

  test('binds a token to a key given as PEM, JWK or thumbprint', async () => {
    const { publicKey } = generateKeyPairSync('ed25519');
    const jwk = publicKey.export({ format: 'jwk' });
    const pem = write('node.pem', publicKey.export({ type: 'spki', format: 'pem' }) as string);
    const json = write('node.json', JSON.stringify({ ...jwk, kid: 'x', use: 'sig' }));
    const minted = (await mint('--reveal', '--json', '--bind-key', pem)).json().data as { claims: { cnf: { jkt: string } }; token: string };
    const { jkt } = minted.claims.cnf;
    for (const key of [pem, json, jkt]) expect((await verify(minted.token, '--realm', realm, '--bind-key', key)).exit).toBe(0);
    expect(code(await verify(minted.token, '--realm', realm, '--json', '--bind-key', 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k'))).toBe(
      'ERR_TOKEN_KEY_BOUND',
    );
    expect(code(await mint('--reveal', '--json', '--bind-key', write('two.pem', 'no key')))).toBe('ERR_KEY_MALFORMED');
  });
});

describe('token verify', () => {
  test('in the realm, and from public keys alone', async () => {
    const token = await reveal('--node', 'n1');
    const told = await verify(token, '--realm', realm, '--role', 'worker', '--node', 'n1');
    expect(told.stdout).toMatch(/^valid join token\nid +/);
    expect(told.stdout).not.toContain('not checked');
    const jwks = write('keys.json', (await inRealm('token', 'keys', 'export')).stdout);
    const offline = await verify(token, '--jwks', jwks, '--issuer', 'lab.example.internal', '--environment', 'lab');
    expect(offline.stdout).toContain('not checked here: role, node, uses, revocation');
    const [jwk] = (JSON.parse(readFileSync(jwks, 'utf8')) as { keys: object[] }).keys;
    expect((await verify(token, '--public-key', write('key.json', JSON.stringify(jwk)))).exit).toBe(0);
    const wrong = await verify(token, '--realm', realm, '--role', 'cp', '--json');
    expect([wrong.exit, code(wrong)]).toEqual([4, 'ERR_TOKEN_ROLE']);
    expect(code(await runCli(['token', 'verify', '--token-file', '-', '--jwks', jwks, '--json'], { stdin: token }))).toBe('ERR_USAGE');
    expect(code(await verify('x'.repeat(9000), '--jwks', jwks, '--json'))).toBe('ERR_TOKEN_TOO_LARGE');
    expect(code(await verify('x'.repeat(10_000_000), '--jwks', jwks, '--json'))).toBe('ERR_INPUT_TOO_LARGE');
  });

  test('with a shared secret, in a realm or without', async () => {
    const secret = write('secret', `${'s'.repeat(40)}\n`);
    const token = await reveal('--hmac-key-file', secret);
    expect((await verify(token, '--hmac-key-file', secret)).stdout).toContain('HS256');
    expect((await verify(token, '--hmac-key-file', secret, '--realm', realm)).stdout).not.toContain('uses, revocation');
    expect(code(await mint('--reveal', '--json', '--hmac-key-file', write('short', 'short')))).toBe('ERR_TOKEN_HMAC_KEY');
  });

  test('shows unknown claims as such', async () => {
    const secret = 's'.repeat(40);
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: 'x',
      aud: 'prod',
      jti: '3f0a3f5e-7a53-4c39-8c39-8c397a533f0a',
      iat: now,
      exp: now + 60,
      role: 'worker',
      'ad\u0007min': 1,
    };
    const token = await new CompactSign(Buffer.from(JSON.stringify(claims)))
      .setProtectedHeader({ alg: 'HS256', typ: 'join+jwt' })
      .sign(Buffer.from(secret));
    expect((await verify(token, '--hmac-key-file', write('own', secret))).stdout).toContain('unknown claims, not trusted: "ad\\u0007min"');
  });

  test('--signature-only takes any JWS and any JWK set', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jws = write('any.jws', await new CompactSign(Buffer.from('payload')).setProtectedHeader({ alg: 'PS256' }).sign(privateKey));
    const keys = write('rsa.json', JSON.stringify({ keys: [publicKey.export({ format: 'jwk' })] }));
    const only = (...argv: string[]) => runCli(['token', 'verify', '--signature-only', '--token-file', jws, ...argv]);
    expect((await only('--jwks', keys, '--json')).json()).toMatchObject({
      ok: true,
      data: { algorithm: 'PS256', payload_base64url: 'cGF5bG9hZA' },
    });
    expect((await only('--jwks', keys)).stdout).toBe('valid signature\nPS256, payload of 7 bytes; nothing else was checked\n');
    expect(code(await only('--jwks', keys, '--algorithms', 'RS256,ES256', '--json'))).toBe('ERR_TOKEN_ALGORITHM');
    expect(code(await only('--jwks', keys, '--algorithms', 'none', '--json'))).toBe('ERR_USAGE');
    expect(code(await only('--json'))).toBe('ERR_USAGE');
    expect((await only('--jwks', keys, '--cluster', 'prod')).exit).toBe(2);
  });
});

describe('the other dialects', () => {
  const pem = () => readFileSync(join(realm, 'ca/root.crt'), 'utf8');

  test('secure pins the certificate, k3s the file, kubeadm gives the pin of the key', async () => {
    const der = Buffer.from(pem().replace(/-----[A-Z ]+-----|\s/g, ''), 'base64');
    const secure = await reveal('--format', 'secure', '--ca', 'root', '--ttl', 'never', '--max-uses', 'unlimited');
    expect(secure).toMatch(new RegExp(`^[0-9a-f]{64}:${createHash('sha256').update(der).digest('hex')}\n$`));
    const k3s = await reveal('--format', 'k3s', '--ca-file', write('ca.pem', pem()), '--user', 'server');
    expect(k3s).toMatch(new RegExp(`^K10${createHash('sha256').update(pem()).digest('hex')}::server:[0-9a-f]{32}\n$`));
    expect((await reveal('--format', 'k3s', '--ca', 'root')).slice(0, 67)).toBe(k3s.slice(0, 67));
    const kubeadm = (await mint('--format', 'kubeadm', '--ca', 'root', '--reveal', '--json', '--node', 'n1')).json().data;
    expect(kubeadm).toMatchObject({
      token: expect.stringMatching(/^[a-z0-9]{6}\.[a-z0-9]{16}$/),
      pin: expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    });
    for (const token of [secure, k3s, String(kubeadm['token'])]) {
      expect((await verify(token, '--realm', realm)).stdout).toContain('valid join token');
      expect(code(await verify(token, '--realm', realm, '--role', 'cp', '--json'))).toBe('ERR_TOKEN_ROLE');
    }
    const written = await mint(
      '--format',
      'kubeadm',
      '--ca',
      'root',
      '--out',
      path('kubeadm'),
      '--bind-key',
      'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k',
    );
    expect(written.stdout).toMatch(/^CA key pin +sha256:/m);
  });

  test('omnirelay is signed with the shared key, and warns about a short one', async () => {
    const key = write('relay-key', 'short');
    const minted = await mint(
      '--format',
      'omnirelay',
      '--hmac-key-file',
      key,
      '--issuer',
      'omnirelay-cli',
      '--environment',
      'lab',
      '--reveal',
    );
    expect(minted.stderr).toContain('the key has 5 bytes');
    const [payload, mac] = minted.stdout.trim().split('.') as [string, string];
    expect(createHmac('sha256', 'short').update(Buffer.from(payload, 'base64')).digest('base64')).toBe(mac);
    expect((await verify(minted.stdout, '--hmac-key-file', key)).stdout).toContain('not checked here: role, uses, revocation');
    expect((await verify(minted.stdout, '--hmac-key-file', key, '--realm', realm)).stdout).not.toContain('uses, revocation');
    expect(code(await verify(minted.stdout, '--hmac-key-file', key, '--issuer', 'other', '--json'))).toBe('ERR_TOKEN_ISSUER');
    expect(code(await verify(minted.stdout, '--realm', realm, '--json'))).toBe('ERR_TOKEN_KEY_UNKNOWN');
  });

  test('explain needs neither key nor realm, and does not print the token', async () => {
    const token = await reveal('--format', 'secure', '--ca', 'root');
    const told = await runCli(['token', 'explain', '--token-file', '-'], { stdin: token });
    expect(told.stdout).toMatch(/^token +a cluster token in GastroLog’s form$/m);
    expect(told.stdout).toContain('still to check (nothing is verified here)');
    expect(told.stdout).not.toContain(token.slice(0, 64));
    expect((await runCli(['token', 'explain', '--token-file', '-', '--json'], { stdin: await reveal() })).json().data).toMatchObject({
      format: 'jwt',
      pins: [],
    });
  });
});

test('a token is listed, reissued, revoked and collected', async () => {
  const { id, token } = (await mint('--reveal', '--json', '--node', 'n5')).json().data as { id: string; token: string };
  const again = (await inRealm('token', 'reissue', id, '--reveal', '--json', '--ttl', '5m')).json().data as {
    id: string;
    token: string;
    replaces: string;
  };
  expect(again.replaces).toBe(id);
  expect((await inRealm('token', 'reissue', again.id, '--out', path('again.jwt'))).stdout).toMatch(/^node +n5$/m);
  expect(code(await verify(token, '--realm', realm, '--json'))).toBe('ERR_TOKEN_REVOKED');
  const list = await inRealm('token', 'list');
  expect(list.stdout).toMatch(new RegExp(`^${id} +jwt +revoked +prod +worker +n5 +0/1 +`, 'm'));
  expect(list.stdout).toMatch(/ never$/m);
  const usable = (await inRealm('token', 'list', '--status', 'usable', '--json')).json().data['tokens'] as { id: string; status: string }[];
  expect(usable.some((entry) => entry.id === id)).toBe(false);
  expect(new Set(usable.map((entry) => entry.status))).toEqual(new Set(['usable']));
  expect((await inRealm('token', 'revoke', id)).stdout).toBe(`${id} was revoked before\n`);
  const unknown = await inRealm(
    'token',
    'revoke',
    '3f0a3f5e-7a53-4c39-8c39-8c397a533f0a',
    '--exp',
    '2030-01-01T00:00:00Z',
    '--reason',
    'leaked',
  );
  expect(unknown.stderr).toContain('the realm did not mint this token');
  expect((await inRealm('token', 'revoke', 'zzzzzz', '--format', 'kubeadm', '--issuer', 'x')).exit).toBe(0);
  expect((await inRealm('token', 'revoke', 'slip', '--json')).json().error.code).toBe('ERR_TOKEN_NOT_FOUND');
  expect((await inRealm('token', 'revoke', '--all-for', 'n5', '--reason', 'gone')).stdout).toMatch(
    /^revoked every token of n5 issued before /,
  );
  expect((await inRealm('token', 'revoke')).exit).toBe(2);
  expect((await inRealm('token', 'gc')).stdout).toMatch(/^removed 0 records, kept \d+\n$/);
});

test('token keys are created, rotated, listed and exported', async () => {
  const created = (await inRealm('token', 'keys', 'create', '--algorithm', 'EdDSA', '--custody', 'online', '--json')).json().data as {
    kid: string;
  };
  expect(created).toMatchObject({ algorithm: 'EdDSA', custody: 'online', state: 'standby' });
  expect((await mint('--kid', created.kid, '--reveal', '--json')).json().data).toMatchObject({ algorithm: 'EdDSA' });
  expect((await inRealm('token', 'keys', 'rotate', '--kid', created.kid)).stdout).toMatch(/ active /);
  expect((await inRealm('token', 'keys', 'rotate', '--algorithm', 'ES384', '--custody', 'offline', '--json')).json().data).toMatchObject({
    algorithm: 'ES384',
    state: 'active',
  });
  const list = (await inRealm('token', 'keys', 'list', '--json')).json().data['keys'] as { state: string; verifies_until?: string }[];
  expect(list.map((key) => [key.state, key.verifies_until === undefined])).toEqual([
    ['retiring', false],
    ['retiring', false],
    ['active', true],
  ]);
  expect((await inRealm('token', 'keys', 'list')).stdout).toMatch(/^KID +ALGORITHM/);
  const out = path('exported.json');
  expect((await inRealm('token', 'keys', 'export', '--out', out)).stdout).toBe(`wrote ${out}\n`);
  expect((JSON.parse(readFileSync(out, 'utf8')) as { keys: object[] }).keys).toHaveLength(3);
});

describe('many tokens, and tokens without a realm', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const publicPem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
  const stateless = (argv: string[], env: Record<string, string> = {}) =>
    runCli(['token', 'mint', '--cluster', 'prod', '--role', 'worker', '--issuer', 'ci', ...argv], { env, cwd: directory });

  test('a pipeline mints from a key file or a variable, with no realm in sight', async () => {
    const keys = ['--public-key', write('ci.pub', publicPem), '--issuer', 'ci'];
    const fromFile = await stateless(['--key-file', write('ci.pem', pem), '--reveal']);
    expect((await verify(fromFile.stdout, ...keys)).exit).toBe(0);
    const env = { CI_KEY: pem, EMPTY: '' };
    const minted = (await stateless(['--key-env', 'CI_KEY', '--reveal', '--json'], env)).json().data;
    expect(minted).toMatchObject({ algorithm: 'EdDSA', claims: { iss: 'ci', aud: 'prod' } });
    expect((await verify(String(minted['token']), ...keys)).exit).toBe(0);
    expect(code(await stateless(['--key-env', 'EMPTY', '--reveal', '--json'], env))).toBe('ERR_KEY_NOT_FOUND');
    expect(code(await stateless(['--key-env', 'NONE', '--reveal', '--json'], env))).toBe('ERR_KEY_NOT_FOUND');
    const noIssuer = ['token', 'mint', '--cluster', 'prod', '--role', 'worker', '--key-file', path('ci.pem'), '--reveal', '--json'];
    expect(code(await runCli(noIssuer))).toBe('ERR_USAGE');
    expect(code(await stateless(['--key-file', path('ci.pub'), '--reveal', '--json']))).toBe('ERR_KEY_MALFORMED');
    expect(code(await stateless(['--key-file', path('ci.pem'), '--format', 'kubeadm', '--reveal', '--json']))).toBe('ERR_USAGE');
  });

  test('a shared secret signs without a realm when the issuer is named, and flags that would do nothing are refused', async () => {
    const secret = write('ci-secret', 's'.repeat(40));
    const minted = await stateless(['--hmac-key-file', secret, '--reveal']);
    expect([minted.exit, minted.stderr]).toEqual([0, '']);
    expect((await verify(minted.stdout, '--hmac-key-file', secret, '--issuer', 'ci')).stdout).toMatch(/^issuer +ci$/m);
    const many = await stateless(['--hmac-key-file', secret, '--count', '3', '--reveal']);
    expect(many.stdout.trimEnd().split('\n')).toHaveLength(3);
    for (const argv of [
      ['--hmac-key-file', secret, '--realm', realm],
      ['--hmac-key-file', secret, '--ca', 'root'],
      ['--key-file', write('ci.pem', pem), '--user', 'server'],
      ['--key-file', path('ci.pem'), '--keychain'],
      ['--count', '2', '--realm', realm],
      [],
    ]) {
      expect(code(await stateless([...argv, '--reveal', '--json']))).toBe('ERR_USAGE');
    }
    expect(code(await stateless(['--hmac-key-file', write('weak-secret', 's'.repeat(31)), '--reveal', '--json']))).toBe(
      'ERR_TOKEN_HMAC_KEY',
    );
  });

  test('the keychain holds signing keys by issuer; without one the error says so', async () => {
    process.env['DBUS_SESSION_BUS_ADDRESS'] = 'unix:path=/nonexistent';
    expect(code(await stateless(['--keychain', '--reveal', '--json']))).toBe('ERR_KEYCHAIN_UNAVAILABLE');
    const keys = (...argv: string[]) => runCli(['token', 'keys', 'keychain', '--issuer', 'ci', '--json', ...argv]);
    expect(code(await keys('--key-file', write('ci.pem', pem)))).toBe('ERR_KEYCHAIN_UNAVAILABLE');
    expect(code(await keys('--forget'))).toBe('ERR_KEYCHAIN_UNAVAILABLE');
    expect(code(await keys())).toBe('ERR_USAGE');
    expect(code(await keys('--key-file', write('ci.pub', publicPem)))).toBe('ERR_KEY_MALFORMED');
  });

  test('a file of many tokens appears whole or not at all', async () => {
    const before = readdirSync(directory);
    const out = path('never.jsonl');
    const long = Array.from({ length: 300 }, (_, index) => `{"node":"n${index}"}`).join('\n');
    const nodes = write('long.jsonl', long);
    const labels = Array.from({ length: 30 }, (_, index) => ['--label', `l${index}=${'x'.repeat(250)}`]).flat();
    expect(code(await stateless(['--key-file', write('ci.pem', pem), '--from', nodes, ...labels, '--out', out, '--json']))).toBe(
      'ERR_TOKEN_TOO_LARGE',
    );
    expect(new Set(readdirSync(directory))).toEqual(new Set([...before, 'long.jsonl']));
    expect((await stateless(['--key-file', path('ci.pem'), '--from', nodes, '--out', out])).stdout).toBe(
      `minted 300 tokens\nwrote ${out}\n`,
    );
    expect([statSync(out).mode & 0o777, readFileSync(out, 'utf8').trimEnd().split('\n').length]).toEqual([0o600, 300]);
    expect(code(await stateless(['--key-file', path('ci.pem'), '--from', nodes, '--out', out, '--json']))).toBe('ERR_FILE_EXISTS');
  });

  test('--count and --from write JSON lines', async () => {
    const lines = (await mint('--count', '3', '--reveal')).stdout.trimEnd().split('\n');
    expect(lines.map((line) => Object.keys(JSON.parse(line) as object))).toEqual(Array.from({ length: 3 }, () => ['id', 'token']));
    const nodes = write('nodes.csv', 'node\nn1\nn2\n');
    const out = path('tokens.jsonl');
    expect((await mint('--from', nodes, '--out', out)).stdout).toBe(`minted 2 tokens\nwrote ${out}\n`);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const written = readFileSync(out, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { node: string; token: string });
    expect(written.map((entry) => entry.node)).toEqual(['n1', 'n2']);
    expect((await verify(written[1]?.token ?? '', '--realm', realm, '--node', 'n2')).exit).toBe(0);
    const json = (await mint('--from', nodes, '--reveal', '--json')).json().data;
    expect(json).toMatchObject({ minted: 2, tokens: [{ node: 'n1' }, { node: 'n2' }] });
    expect((await stateless(['--key-file', path('ci.pem'), '--count', '2', '--reveal'])).stdout.trimEnd().split('\n')).toHaveLength(2);
    expect((await mint('--count', '2', '--hmac-key-file', write('many', 's'.repeat(40)), '--reveal')).exit).toBe(0);
    expect(code(await mint('--count', '2', '--kid', 'nobody', '--reveal', '--json'))).toBe('ERR_TOKEN_KEY_NOT_FOUND');
  });
});

describe('pipelines', () => {
  const ci = (argv: string[], env: Record<string, string> = {}) =>
    runCli(['token', 'mint', '--realm', realm, '--cluster', 'prod', '--role', 'worker', '--ci', ...argv], { env });

  test('github gets a mask first, and then its output', async () => {
    const output = write('github-output', 'before=1\n');
    const told = await ci(['github'], { GITHUB_OUTPUT: output });
    const token = readFileSync(output, 'utf8').match(/^before=1\njoin_token=(.+)\n$/)?.[1] ?? '';
    expect(told.stdout.split('\n')[0]).toBe(`::add-mask::${token}`);
    expect(told.stdout).toContain('set the output join_token');
    expect((await verify(token, '--realm', realm)).exit).toBe(0);
    const json = await ci(['github', '--json'], { GITHUB_OUTPUT: output });
    expect(json.json().data).toMatchObject({ output: 'join_token' });
    expect(json.stdout).not.toContain('add-mask');
    expect(json.stderr).toMatch(/^::add-mask::/);
    expect(code(await ci(['github', '--json']))).toBe('ERR_USAGE');
    expect(code(await ci(['github', '--out', path('ignored'), '--json'], { GITHUB_OUTPUT: output }))).toBe('ERR_USAGE');
    const lost = path('no-such-directory/output');
    expect((await ci(['github', '--json'], { GITHUB_OUTPUT: lost })).json().error).toMatchObject({
      code: 'ERR_FILE_NOT_FOUND',
      message: `${lost}: expected it to exist, found nothing`,
    });
  });

  test('gitlab gets a dotenv report', async () => {
    const out = path('token.env');
    expect((await ci(['gitlab', '--out', out])).stdout).toContain(`wrote JOIN_TOKEN to ${out}`);
    expect(readFileSync(out, 'utf8')).toMatch(/^JOIN_TOKEN=\S+\n$/);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    expect(code(await ci(['gitlab', '--json']))).toBe('ERR_USAGE');
    expect(code(await ci(['gitlab', '--out', out, '--json']))).toBe('ERR_FILE_EXISTS');
  });
});

describe('mesh bootstrap issue-token', () => {
  const key = write('mesh-key', 'k'.repeat(40));
  const issue = (argv: string[] = [], options: { tty?: boolean } = {}) =>
    runCli(['mesh', 'bootstrap', 'issue-token', '--signing-key-file', key, '--cluster', 'prod', '--role', 'dispatcher', ...argv], options);

  test('prints a token that OmniRelay’s key opens to a pipe, and not to a terminal', async () => {
    const issued = await issue(['--lifetime', '02:00:00', '--max-uses', '0', '--issuer', 'omnirelay-bootstrap']);
    expect([issued.exit, issued.stderr]).toEqual([0, '']);
    expect((await verify(issued.stdout, '--hmac-key-file', key)).stdout).toMatch(/^uses +unlimited$/m);
    expect((await issue(['--lifetime', '1.00:00:00', '--json'])).json().data).toMatchObject({
      cluster_id: 'prod',
      issuer: 'omnirelay-cli',
      max_uses: 1,
    });
    expect((await issue([], { tty: true })).exit).toBe(2);
    expect((await issue(['--out', path('mesh-token')], { tty: true })).stdout).toMatch(/^issuer +omnirelay-cli$/m);
    expect((await issue(['--lifetime', 'long'])).exit).toBe(2);
    expect((await issue(['--signing-key-file', write('weak', 'weak')])).exit).toBe(2);
  });

  test('warns about a short key', async () => {
    const issued = await runCli([
      'mesh',
      'bootstrap',
      'issue-token',
      '--signing-key-file',
      write('weak', 'weak'),
      '--cluster',
      'c',
      '--role',
      'r',
    ]);
    expect(issued.stderr).toContain('the key has 4 bytes');
  });
});
