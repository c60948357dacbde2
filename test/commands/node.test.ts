import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runCli } from '../cli/harness.ts';
import { type LiveServer, liveServer } from '../feature/live-server.ts';
import { type TestRealm, testRealm } from '../feature/server-world.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

let realm: TestRealm;
let server: LiveServer;
let anchors: string;

beforeAll(async () => {
  realm = await testRealm();
  writeFileSync(join(realm.directory, 'relay.key'), 'a key that is shared with OmniRelay');
  realm.configure((config) => {
    const server = config['server'] as Record<string, unknown>;
    config['server'] = { ...server, tokens: true, omnirelay: { key_file: 'relay.key' } };
  });
  server = await liveServer(realm);
  anchors = join(realm.directory, 'ca/web-root.crt');
});
afterAll(async () => {
  await server.stop();
  realm.remove();
});

const at = (name: string): string => join(realm.directory, name);
const cli = (argv: readonly string[], options: { stdin?: string; env?: Record<string, string> } = {}) =>
  runCli(argv, { cwd: realm.directory, env: { JOINERY_REALM: realm.directory, HOME: realm.directory, ...options.env }, ...options });
const json = async (argv: readonly string[], options: { stdin?: string; env?: Record<string, string> } = {}) => {
  const result = await cli([...argv, '--json'], options);
  return { exit: result.exit, ...result.json() };
};

/** A joined node. */
async function joined(name: string): Promise<string> {
  writeFileSync(at(`${name}.token`), await realm.mint('--node', name, '--url', server.url));
  const directory = at(name);
  const result = await json(['node', 'join', '--directory', directory, '--token-file', at(`${name}.token`)]);
  expect(result).toMatchObject({ ok: true, exit: 0 });
  return directory;
}

describe('the line of --print-join-command', () => {
  const lineOf = async (...argv: string[]): Promise<string[]> => {
    const { data } = await json(['token', 'mint', '--cluster', 'prod', '--role', 'worker', '--print-join-command', ...argv]);
    const words = (data['join_command'] as string).split(' ');
    expect(words.slice(0, 3)).toEqual(['joinery', 'node', 'join']);
    return words.slice(1);
  };

  test('makes a node join, with the token in a file that is gone afterwards', async () => {
    const line = await lineOf('--url', server.url, '--out', at('by-file.jwt'));
    expect(line).toEqual(['node', 'join', '--token-file', at('by-file.jwt')]);
    const result = await cli([...line, '--directory', at('by-file')]);
    expect([result.exit, result.stderr]).toEqual([0, '']);
    expect(result.stdout).toMatch(/^joined\nidentity +spiffe:\/\/lab\.example\/prod\/worker\//);
    expect(existsSync(at('by-file.jwt'))).toBe(false);
    expect(statSync(at('by-file/identity/current/node.key')).mode & 0o777).toBe(0o600);
    const again = await cli([...line, '--directory', at('by-file')]);
    expect([again.exit, again.stdout.split('\n')[0]]).toEqual([0, 'joined before, nothing to do']);
  });

  test('names what a token of another dialect does not say, and takes the token from stdin', async () => {
    realm.configure((config) => {
      const [prod, ...others] = config['clusters'] as Record<string, unknown>[];
      config['clusters'] = [{ ...prod, join_urls: [server.url] }, ...others];
    });
    const minted = await cli([
      'token',
      'mint',
      '--cluster',
      'prod',
      '--role',
      'worker',
      '--format',
      'kubeadm',
      '--ca',
      'web-root',
      '--node',
      'k',
      '--reveal',
      '--print-join-command',
    ]);
    const [token, line = ''] = minted.stdout.trimEnd().split('\n');
    expect(line).not.toContain(token);
    expect(line).toMatch(
      /^joinery node join --url \S+ --trust-digest \S+ --trust-digest \S+ --cluster prod --role worker --node k --token-file -$/,
    );
    const result = await json([...line.split(' ').slice(1), '--directory', at('by-stdin')], { stdin: `${token}\n` });
    expect(result.data).toMatchObject({ state: 'joined', node: 'k', cluster: 'prod' });
  });

  test('says where to join also for a token that cannot', async () => {
    const mint = ['token', 'mint', '--cluster', 'edge', '--role', 'worker', '--format', 'kubeadm', '--ca', 'web-root', '--reveal'];
    const { data } = await json([...mint, '--url', 'https://b.lab.example', '--print-join-command']);
    expect(data['join_command']).toMatch(/^joinery node join --url https:\/\/b\.lab\.example --trust-digest /);
    expect((await json([...mint, '--url', 'https://b.lab.example'])).error).toMatchObject({
      code: 'ERR_USAGE',
      hint: expect.stringContaining('--print-join-command') as string,
    });
  });

  test('quotes what a shell would take apart', async () => {
    const minted = await cli(['token', 'mint', '--cluster', 'prod', '--role', 'worker', '--out', at("it's here"), '--print-join-command']);
    expect(minted.stdout).toContain(`--token-file '${at("it'\\''s here")}'`);
  });

  test('is refused before anything is minted where it cannot be right', async () => {
    const tokens = async () => ((await json(['token', 'list'])).data['tokens'] as unknown[]).length;
    const before = await tokens();
    const mint = ['token', 'mint', '--role', 'worker', '--out', at('never'), '--print-join-command'];
    expect((await json([...mint, '--cluster', 'edge'])).error.code).toBe('ERR_NODE_NO_URL');
    expect((await json([...mint, '--cluster', 'prod', '--cluster', 'edge'])).error.code).toBe('ERR_USAGE');
    expect((await json([...mint, '--cluster', 'prod', '--count', '2'])).error.code).toBe('ERR_USAGE');
    expect((await json([...mint, '--cluster', 'prod', '--key-env', 'X', '--issuer', 'lab.example'])).error.code).toBe('ERR_USAGE');
    expect(await tokens()).toBe(before);
    expect(existsSync(at('never'))).toBe(false);
  });
});

describe('a node', () => {
  test('renews, is judged, and asks its server', async () => {
    const directory = await joined('n1');
    expect((await json(['node', 'renew', '--directory', directory, '--if-due'])).data).toMatchObject({ state: 'not-due', node: 'n1' });
    expect((await cli(['node', 'renew', '--directory', directory, '--if-due'])).stdout).toMatch(/^not due before /);
    expect((await cli(['node', 'renew', '--directory', directory, '--url', server.url])).stdout).toMatch(/^renewed\n/);
    const status = await cli(['node', 'status', '--directory', directory]);
    expect([status.exit, status.stdout.trimEnd().split('\n').at(-1)]).toEqual([0, 'the node is in order']);
    expect((await json(['node', 'status', '--directory', directory])).data).toMatchObject({ in_order: true, identity: { node: 'n1' } });
    expect((await cli(['remote', 'peers', '--identity', directory])).stdout).toMatch(/n1 +worker +until /);
    expect((await json(['remote', 'peers', '--identity', directory])).data['cluster']).toBe('prod');
    expect((await cli(['remote', 'trust', '--identity', directory])).stdout.split('\n').length).toBe(4);
    const one = await json(['remote', 'trust', '--identity', directory, '--purpose', 'node-cert-lifecycle']);
    expect(one.data['purposes']).toMatchObject([{ purpose: 'node-cert-lifecycle', chain: { schema: 'joinery/trust-chain/1' } }]);
    const ca = await json(['remote', 'status', '--identity', directory]);
    expect(ca.data['url']).toBe(server.url);
    const [{ spki_pin: pin }] = ca.data['anchors'] as [{ spki_pin: string }];
    expect((await cli(['remote', 'status', '--url', server.url, '--pin', pin])).exit).toBe(0);
    expect((await cli(['remote', 'status', '--url', server.url, '--anchors', anchors])).stdout).toContain(pin);
  });

  test('that has not joined says what is missing, by exit status too', async () => {
    const empty = at('empty');
    const status = await cli(['node', 'status', '--directory', empty]);
    expect([status.exit, status.stdout.trimEnd().split('\n').at(-1)]).toEqual([4, 'not in order: 3 of 7 checks failed']);
    expect(await json(['node', 'renew', '--directory', empty])).toMatchObject({ exit: 6, error: { code: 'ERR_NODE_NOT_JOINED' } });
    expect(await json(['node', 'join', '--directory', empty])).toMatchObject({ exit: 2, error: { code: 'ERR_USAGE' } });
    expect(await json(['remote', 'peers', '--identity', empty])).toMatchObject({ exit: 2 });
    expect(await json(['remote', 'peers', '--identity', empty, '--anchors', anchors])).toMatchObject({
      exit: 6,
      error: { code: 'ERR_NODE_NO_URL' },
    });
    const anchored = ['remote', 'peers', '--url', server.url, '--anchors', anchors];
    expect(await json(anchored)).toMatchObject({ exit: 4, error: { code: 'ERR_JOIN_UNAUTHENTICATED' } });
    expect(await json([...anchored, '--identity', empty])).toMatchObject({ exit: 6 });
  });

  test('renews with the exit status that the reference says', async () => {
    const directory = await joined('n-exit');
    const renew = (...more: string[]) => json(['node', 'renew', '--directory', directory, ...more]);
    expect(await renew('--if-due')).toMatchObject({ exit: 0, data: { state: 'not-due' } });
    expect(await renew()).toMatchObject({ exit: 0, data: { state: 'renewed' } });
    const away = ['--url', 'https://127.0.0.1:1', '--timeout', '1s'];
    expect(await renew(...away)).toMatchObject({ exit: 7, error: { code: 'ERR_SERVER_UNREACHABLE' } });
    expect(await renew('--timeout', 'soon')).toMatchObject({ exit: 2 });
    const bundle = join(directory, 'identity/current/node.crt');
    writeFileSync(bundle, 'none');
    expect(await renew('--if-due')).toMatchObject({ exit: 3, error: { code: 'ERR_NODE_DIRECTORY' } });
  });

  test('takes its token from systemd, and refuses what is no token', async () => {
    writeFileSync(at('joinery.token'), await realm.mint('--url', server.url));
    const env = { CREDENTIALS_DIRECTORY: realm.directory };
    const result = await json(['node', 'join', '--directory', at('by-credential'), '--label', 'a=b'], { env });
    expect(result.error).toMatchObject({ code: 'ERR_TOKEN_LABELS' });
    expect((await json(['node', 'join', '--directory', at('by-credential')], { env })).data).toMatchObject({ state: 'joined' });
    expect(existsSync(at('joinery.token'))).toBe(true);
    const stdin = 'two words';
    expect((await json(['node', 'join', '--directory', at('no'), '--token-file', '-'], { stdin })).error.code).toBe('ERR_TOKEN_MALFORMED');
  });

  test.each([
    [['--pin', 'sha256:x'], 'ERR_USAGE'],
    [['--trust-digest', 'x=y'], 'ERR_USAGE'],
    [['--trust-digest', 'control-plane-https=y'], 'ERR_INPUT_MALFORMED'],
    [['--timeout', 'soon'], 'ERR_USAGE'],
    [['--url', 'http://x.example'], 'ERR_USAGE'],
  ])('with %j is told what is wrong', async (flags, code) => {
    writeFileSync(at('flags.token'), await realm.mint());
    const argv = ['node', 'join', '--directory', at('flags'), '--token-file', at('flags.token')];
    const { error, exit } = await json([...argv, ...(code === 'ERR_USAGE' ? [] : ['--url', server.url]), ...flags]);
    expect([error.code === 'ERR_PACKAGE_MALFORMED' ? 'ERR_USAGE' : error.code, exit === 3 || exit === 2]).toEqual([code, true]);
  });
});

describe('an administrator', () => {
  test('mints and revokes tokens, and revokes nodes, through the server', async () => {
    await realm.run('admin', 'issue', 'root', '--ca', 'node-issuing', '--out-dir', at('admins'));
    const as = ['--cert', at('admins/root.crt'), '--key', at('admins/root.key'), '--url', server.url, '--anchors', anchors];
    const mint = ['remote', 'token', 'mint', '--cluster', 'prod', '--role', 'worker', ...as];
    const full = ['--node', 'n9', '--allow-reentry', '--ttl', '5m', '--max-uses', '2', '--label', 'rack=a7', '--out', at('remote.jwt')];
    const minted = await json([...mint, ...full]);
    expect(minted).toMatchObject({ ok: true, data: { cluster: 'prod', role: 'worker', file: at('remote.jwt') } });
    expect(statSync(at('remote.jwt')).mode & 0o777).toBe(0o600);
    const revoke = ['remote', 'token', 'revoke', minted.data['id'] as string, ...as];
    expect((await cli(revoke)).stdout).toMatch(/^revoked /);
    expect((await cli(revoke)).stdout).toMatch(/was revoked before/);
    expect((await json([...mint, '--reveal'])).data['token']).toMatch(/^ey/);

    const directory = await joined('n7');
    const { serial } = JSON.parse(readFileSync(join(directory, 'identity/current/meta.json'), 'utf8')) as { serial: string };
    const node = ['remote', 'revoke', '--node', 'n7', '--cluster', 'prod', '--reason', 'keyCompromise', ...as];
    expect((await json(node)).data).toEqual({ serials: [serial], already: false });
    expect((await cli(['remote', 'revoke', '--serial', serial, ...as])).stdout).toMatch(/^revoked before: /);
    expect(await json(['node', 'renew', '--directory', directory])).toMatchObject({ exit: 4, error: { code: 'ERR_CERTIFICATE_REVOKED' } });
    expect(await json(['remote', 'revoke', ...as])).toMatchObject({ exit: 2 });
    const unknown = ['--fingerprint', 'ab'.repeat(32)];
    expect((await json(['remote', 'revoke', ...unknown, ...as])).ok).toBe(false);
    expect((await json(['remote', 'revoke', '--spiffe-id', 'spiffe://lab.example/prod/worker/none', ...as])).ok).toBe(false);
  });

  test('with the certificate of another may not', async () => {
    await realm.run('admin', 'issue', 'looker', '--ca', 'node-issuing', '--out-dir', at('admins'));
    const as = ['--cert', at('admins/looker.crt'), '--key', at('admins/looker.key'), '--url', server.url, '--anchors', anchors];
    expect(await json(['remote', 'revoke', '--node', 'n1', '--cluster', 'prod', ...as])).toMatchObject({ exit: 4 });
  });
});

describe('OmniRelay’s own command', () => {
  const token = async (): Promise<string> => {
    const argv = ['mesh', 'bootstrap', 'issue-token', '--signing-key-file', at('relay.key'), '--cluster', 'prod', '--role', 'worker'];
    return (await cli([...argv, '--issuer', 'omnirelay-bootstrap', '--reveal'])).stdout;
  };
  const ask = ['mesh', 'bootstrap', 'join', '--token-file', '-', '--timeout', '00:03:00'];

  test('writes the bundle into a file of its own, or prints it', async () => {
    const flags = ['--url', server.url, '--anchors', anchors];
    const made = await cli([...ask, ...flags, '--output', at('bundle.json')], { stdin: await token() });
    expect([made.exit, made.stderr]).toEqual([0, '']);
    expect(statSync(at('bundle.json')).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(at('bundle.json'), 'utf8'))).toMatchObject({ clusterId: 'prod', role: 'worker' });
    const printed = await cli([...ask, ...flags], { stdin: await token() });
    expect(JSON.parse(printed.stdout)).toMatchObject({ clusterId: 'prod' });
  });

  test('sends a token once, and tells what the service says', async () => {
    const flags = ['--url', server.url, '--anchors', anchors, '--output', at('never.json')];
    const used = await token();
    await cli([...ask, '--url', server.url, '--anchors', anchors], { stdin: used });
    const again = await json([...ask, ...flags], { stdin: used });
    expect(again).toMatchObject({ exit: 4, error: { code: 'ERR_REPLY_REFUSED' } });
    expect(again.error.message).toContain('Token was already consumed.');
    expect(existsSync(at('never.json'))).toBe(false);
  });
});
