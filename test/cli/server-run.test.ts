/** A running server in this process: its certificate from files, reloads that fail, readiness, cuts, jobs, and what moves `server start`. */
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { jsonLogger } from '../../src/adapters/logger.ts';
import { createBootstrapServer } from '../../src/bootstrap-server.ts';
import type { Context } from '../../src/cli/context.ts';
import { withIo } from '../../src/cli/io.ts';
import { serve } from '../../src/cli/server-command.ts';
import { PROBE_FILE } from '../../src/cli/server-disk.ts';
import { startJobs } from '../../src/cli/server-jobs.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { parsePem } from '../../src/core/encoding.ts';
import { Secret } from '../../src/core/secret.ts';
import { liveServer, type LiveServer } from '../feature/live-server.ts';
import { clientOf, newNode, type TestRealm, testRealm } from '../feature/server-world.ts';

let realm: TestRealm;
beforeAll(async () => {
  realm = await testRealm();
});
afterAll(() => realm.remove());

const running: LiveServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
  realm.configure((config) => delete (config['server'] as { certificate?: object }).certificate);
});
async function live(): Promise<LiveServer> {
  const server = await liveServer(realm);
  running.push(server);
  return server;
}

async function shown(server: LiveServer): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: server.port, ca: realm.webRoot, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { serialNumber } = socket.getPeerX509Certificate() as { serialNumber: string };
  socket.destroy();
  return serialNumber.toLowerCase();
}

const logged = (server: LiveServer, msg: string) => server.log().filter((line) => line['msg'] === msg);
const setServer = (members: object) => realm.configure((config) => Object.assign(config['server'] as object, members));

describe('the certificate', () => {
  const issue = async (name: string): Promise<string> => {
    const out = join(realm.directory, name);
    await realm.run('cert', 'issue', 'tls', '--ca', 'web-issuing', '--profile', 'server', '--ip', '127.0.0.1', '--out-dir', out);
    return parseCertificate(parsePem(readFileSync(join(out, 'tls.crt'), 'utf8'))[0]?.der as Uint8Array).serialNumber;
  };

  it('comes from files, with the root that they lack, and is read again when they change', async () => {
    const [first, second] = [await issue('first'), await issue('second')];
    for (const end of ['crt', 'key'])
      writeFileSync(join(realm.directory, `tls.${end}`), readFileSync(join(realm.directory, `first/tls.${end}`)), { mode: 0o600 });
    setServer({ certificate: { chain_file: 'tls.crt', key_file: 'tls.key' } });
    const server = await live();
    expect(await shown(server)).toBe(first);
    const client = clientOf(realm, server);
    expect((await client.status()).ca.anchors).toHaveLength(2);
    await client.close();
    for (const end of ['crt', 'key']) renameSync(join(realm.directory, `second/tls.${end}`), join(realm.directory, `tls.${end}`));
    await expect.poll(() => logged(server, 'certificate changed').length, { timeout: 8000 }).toBe(1);
    expect(await shown(server)).toBe(second);
    // Half of a pair: what held before stays.
    writeFileSync(join(realm.directory, 'tls.key'), readFileSync(join(realm.directory, 'first/tls.key')));
    await expect.poll(() => logged(server, 'certificate failed').length, { timeout: 8000 }).toBeGreaterThan(0);
    expect(logged(server, 'certificate failed')[0]).toMatchObject({ code: 'ERR_SERVER_CERTIFICATE' });
    expect(await shown(server)).toBe(second);
  });

  it.each([
    ['one file of two', { chain_file: 'tls.crt' }, 'ERR_SERVER_CERTIFICATE'],
    ['a file that is not there', { chain_file: 'none.crt', key_file: 'tls.key' }, 'ERR_FILE_NOT_FOUND'],
    ['a file without certificates', { chain_file: 'joinery.yaml', key_file: 'tls.key' }, 'ERR_SERVER_CERTIFICATE'],
    ['a key that is none', { chain_file: 'tls.crt', key_file: 'joinery.yaml' }, 'ERR_SERVER_CERTIFICATE'],
  ])('is not %s', async (_what, certificate, code) => {
    setServer({ certificate });
    await expect(liveServer(realm)).rejects.toMatchObject({ code });
  });
});

describe('a running server', () => {
  it('cuts who stands under a revoked authority, and is not ready without one', async () => {
    await realm.run('ca', 'create', 'second-issuing', '--parent', 'node-root');
    realm.configure(
      (config) => (((config['clusters'] as Record<string, unknown>[])[0] as Record<string, unknown>)['issuing_ca'] = 'second-issuing'),
    );
    const server = await live();
    const client = clientOf(realm, server);
    const node = await newNode();
    const reply = await client.join({ token: await realm.mint(), csr: node.csr });
    await client.close();
    const session = connectHttp2(server.url, { ca: realm.webRoot, key: node.key.reveal(), cert: reply.certificate_pem + reply.chain_pem });
    session.on('error', () => undefined);
    await once(session, 'connect');
    const closed = once(session, 'close');
    const pem = readFileSync(join(realm.directory, 'ca/second-issuing.crt'), 'utf8');
    await realm.run('cert', 'revoke', parseCertificate(parsePem(pem)[0]?.der as Uint8Array).serialNumber);
    await closed;
    const ready = async () => (await fetch(`${server.adminUrl}/readyz`)).text();
    await expect.poll(ready).toBe('cluster prod: ERR_SERVER_ISSUER\n');
    realm.configure((config) => delete ((config['clusters'] as Record<string, unknown>[])[0] as Record<string, unknown>)['issuing_ca']);
    await server.reload();
    expect(await ready()).toBe('ready\n');
    expect(logged(server, 'configuration reload ok').length).toBeGreaterThan(0);
  });

  it('is not ready where the disk of the realm takes no writes', async () => {
    mkdirSync(join(realm.directory, PROBE_FILE, 'in-the-way'), { recursive: true });
    const server = await live();
    const answer = await fetch(`${server.adminUrl}/readyz`);
    expect([answer.status, await answer.text()]).toEqual([503, 'disk: ERR_FILE_ACCESS\n']);
    rmSync(join(realm.directory, PROBE_FILE), { recursive: true });
  });

  it('keeps its configuration when another cannot be read', async () => {
    const server = await live();
    const before = server.realm().config;
    const text = readFileSync(join(realm.directory, 'joinery.yaml'), 'utf8');
    writeFileSync(join(realm.directory, 'joinery.yaml'), '{"schema":');
    await server.reload();
    expect(logged(server, 'configuration reload failed')[0]).toMatchObject({ code: 'ERR_CONFIG_MALFORMED' });
    expect(server.realm().config).toBe(before);
    writeFileSync(join(realm.directory, 'joinery.yaml'), text);
    await server.reload();
  });

  it('opens no second one on its ports, and leaves nothing open', async () => {
    const server = await live();
    const { port } = new URL(server.adminUrl);
    const quiet = jsonLogger({ stream: { write: () => undefined } });
    const other = await createBootstrapServer({
      realm: realm.directory,
      server: { admin_listen: `127.0.0.1:${port}`, listen: '127.0.0.1:0' },
      logger: quiet,
    });
    await expect(other.listen()).rejects.toMatchObject({ code: 'ERR_SERVER_LISTEN' });
    await other.close();
  });
});

it('runs jobs one at a time, once more when poked meanwhile, and reports failures', async () => {
  const failures: string[] = [];
  let [runs, release] = [0, () => undefined as void];
  const jobs = startJobs(
    [
      {
        name: 'slow',
        everyMs: 3_600_000,
        run: () => {
          runs += 1;
          return new Promise<void>((resolve) => (release = resolve));
        },
      },
      { name: 'coded', everyMs: 10, run: () => Promise.reject(new JoineryError('ERR_STORE_BUSY', 'expected x, found y')) },
      { name: 'bug', everyMs: 3_600_000, run: () => Promise.reject(new Error('a bug')) },
      // eslint-disable-next-line typescript/prefer-promise-reject-errors -- what a foreign library may do
      { name: 'text', everyMs: 3_600_000, run: () => Promise.reject('no error at all') },
    ],
    (name, code, message) => void failures.push(`${name} ${code} ${message}`),
  );
  for (const name of ['slow', 'slow', 'slow', 'bug', 'text', 'none']) jobs.poke(name);
  await expect.poll(() => failures.length).toBeGreaterThan(3);
  expect(runs).toBe(1);
  release();
  await expect.poll(() => runs).toBe(2);
  const stopped = jobs.stop();
  jobs.poke('slow');
  release();
  await stopped;
  expect(runs).toBe(2);
  expect(failures).toEqual(
    expect.arrayContaining(['coded ERR_STORE_BUSY expected x, found y', 'bug ERR_INTERNAL a bug', 'text ERR_INTERNAL no error at all']),
  );
});

describe('server start', () => {
  const io = (env: Record<string, string | undefined> = {}) => ({
    stdin: process.stdin,
    stdout: { stream: process.stdout },
    stderr: { stream: { write: () => true } as unknown as NodeJS.WriteStream },
    env,
    cwd: () => realm.directory,
    setExitStatus: () => undefined,
  });
  const context = {
    passphrases: Object.assign(() => Promise.resolve(new Secret('never asked for: plain keys')), { given: () => false }),
    world: { files: {} },
  } as unknown as Context;
  const options = { context, directory: realm?.directory ?? '', server: {}, logLevel: 'error', passphraseFile: undefined } as const;

  it('serves until a signal, reloads at SIGHUP, and ends', async () => {
    const served = await withIo(io({ CREDENTIALS_DIRECTORY: realm.directory }), () =>
      serve({
        ...options,
        directory: realm.directory,
        started: async ({ listen, admin }) => {
          expect([listen, admin].map((url) => new URL(url).hostname)).toEqual(['127.0.0.1', '127.0.0.1']);
          process.emit('SIGHUP', 'SIGHUP');
          // One after the other in one turn: later the server may be gone, and the second signal would meet the next test.
          setTimeout(() => process.emit('SIGTERM', 'SIGTERM') && process.emit('SIGINT', 'SIGINT'), 50);
          return Promise.resolve();
        },
      }),
    );
    expect(served.signal).toBe('SIGTERM');
    expect(process.listenerCount('SIGHUP')).toBe(0);
  });

  it('ends in order when it is told to while it begins', async () => {
    const work = withIo(io(), () => serve({ ...options, directory: realm.directory, started: () => Promise.resolve() }));
    process.emit('SIGHUP', 'SIGHUP');
    process.emit('SIGINT', 'SIGINT');
    expect((await work).signal).toBe('SIGINT');
  });

  it('closes what it opened when it cannot go on', async () => {
    const failing = () => Promise.reject(new JoineryError('ERR_FILE_ACCESS', 'the output: expected x, found y'));
    const work = withIo(io(), () => serve({ ...options, directory: realm.directory, started: failing }));
    await expect(work).rejects.toMatchObject({ code: 'ERR_FILE_ACCESS' });
  });
});
