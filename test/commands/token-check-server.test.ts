import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf } from '../../src/core/digest.ts';
import { runCli } from '../cli/harness.ts';
import { signedJwt } from '../core/token/texts.ts';
import { identity, LOCALHOST, type RunningServer, tlsServer } from '../fakes/tls-server.ts';

const notAfter = '2040-01-01T00:00:00Z';
const root = identity({ name: 'genuine root', ca: true, notAfter });
const leaf = identity({ names: LOCALHOST, notAfter, issuer: root });
const impostor = identity({ names: LOCALHOST, notAfter, issuer: identity({ name: 'genuine root', ca: true, notAfter }) });
const { fingerprint, pin } = root.certificate;
const KUBEADM = 'abcdef.0123456789abcdef';
let genuine: RunningServer;
let attacked: RunningServer;
beforeAll(async () => {
  genuine = await tlsServer(leaf, [root]);
  attacked = await tlsServer(impostor, [root]);
});
afterAll(() => {
  genuine.close();
  attacked.close();
});

const ask = (token: string, server: RunningServer, ...argv: string[]) =>
  runCli(['token', 'check-server', '--token-file', '-', '--connect', `localhost:${server.port}`, ...argv], { stdin: `${token}\n` });

test('every dialect that pins a server finds it, and the token is not sent', async () => {
  const tokens = [
    await signedJwt({ pins: [pin] }),
    `${'cd'.repeat(32)}:${fingerprint}`,
    `K10${digestOf(root.certificate.der)}::node:0123456789abcdef0123456789abcdef`,
  ];
  for (const token of tokens) {
    const told = await ask(token, genuine);
    expect([told.exit, told.stderr]).toEqual([0, '']);
    expect(told.stdout).toMatch(/^pinned server\n/);
    expect(told.stdout).toContain(fingerprint);
    const refused = await ask(token, attacked, '--json');
    expect([refused.exit, refused.json().error.code]).toEqual([4, 'ERR_PIN_PATH']);
  }
  const beside = await ask(KUBEADM, genuine, '--pin', pin, '--server-name', '127.0.0.1', '--json');
  expect(beside.json().data).toMatchObject({ name: '127.0.0.1', pinned: true, path: [{}, { fingerprint }] });
  expect(genuine.received() + attacked.received()).toBe(0);
});

test.each([
  [[], 4, 'ERR_PIN_NONE'],
  [['--pin', 'sha256:00'], 2, 'ERR_USAGE'],
  [['--pin', `sha256:${'0'.repeat(64)}`], 4, 'ERR_PIN_NOT_SHOWN'],
  [['--pin', pin, '--server-name', 'elsewhere.example'], 4, 'ERR_PIN_PATH'],
])('a kubeadm token with %j: exit %d, %s', async (argv, exit, code) => {
  const result = await ask(KUBEADM, genuine, '--json', ...argv);
  expect([result.exit, result.json().error.code]).toEqual([exit, code]);
});

test('a pin beside a token that has its own is refused', async () => {
  const result = await ask(`${'cd'.repeat(32)}:${fingerprint}`, genuine, '--pin', pin, '--json');
  expect(result.json().error.code).toBe('ERR_USAGE');
});

test.each(['nowhere', 'host:0', 'host:65536', 'user@host:1', '[::1]', '[not an address]:1', ''])(
  '--connect %s is refused',
  async (connect) => {
    const argv = ['token', 'check-server', '--token-file', '-', '--connect', connect, '--pin', pin, '--json'];
    expect((await runCli(argv, { stdin: KUBEADM })).json().error.code).toBe('ERR_USAGE');
  },
);

test('a server that is not there is a failure of the network', async () => {
  const gone = await tlsServer(leaf, [root]);
  gone.close();
  const result = await runCli(
    ['token', 'check-server', '--token-file', '-', '--connect', `[::ffff:127.0.0.1]:${gone.port}`, '--pin', pin, '--json'],
    { stdin: KUBEADM },
  );
  expect([result.exit, result.json().error.code]).toEqual([7, 'ERR_SERVER_UNREACHABLE']);
});
