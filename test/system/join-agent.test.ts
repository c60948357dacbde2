import { execFile } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AgentNode,
  agentNode,
  type AgentServer,
  agentServer,
  answerChain,
  honest,
  IDENTITY,
  issueFor,
  pemOf,
  serverLeaf,
  strangerRoot,
} from '../feature/agent-world.ts';
import { boot, makeRoot, run, runIn } from './debian-root.ts';
import { serverStart, type StartedServer, testRealm, type TestRealm } from '../feature/server-world.ts';

const repository = fileURLToPath(new URL('../..', import.meta.url));
const templates = join(repository, 'templates');
const work = mkdtempSync(join(tmpdir(), 'joinery-agent-system-'));
const root = join(work, 'root');
const servers: AgentServer[] = [];
const nodes: AgentNode[] = [];
let realm: TestRealm;
let server: StartedServer;

async function serve(...options: Parameters<typeof agentServer>): Promise<AgentServer> {
  const started = await agentServer(...options);
  servers.push(started);
  return started;
}

function nodeFor(url: string, options: Partial<Parameters<typeof agentNode>[0]> = {}): AgentNode {
  const node = agentNode({ urls: [url], ...options });
  nodes.push(node);
  return node;
}

/** Renders a package for a node of the realm. @returns its directory. */
async function render(name: string, ...more: string[]): Promise<string> {
  const out = join(work, `pkg-${name}`);
  const reason = ['--allow-url-outside-domain', 'the server of the test'];
  await realm.run(
    'package',
    'render',
    '--cluster',
    'prod',
    '--role',
    'worker',
    '--node',
    name,
    '--join-url',
    server.url,
    '--out',
    out,
    ...reason,
    ...more,
  );
  return out;
}

beforeAll(async () => {
  realm = await testRealm();
  server = await serverStart.start(realm);
  // libatomic1 is what Node.js needs, where the agent is the program.
  makeRoot(root, ['cloud-init', 'openssl', 'curl', 'ca-certificates', 'libatomic1']);
}, 600_000);
afterAll(async () => {
  await Promise.all([server.stop(), ...servers.map((each) => each.close())]);
  realm.remove();
  for (const { dir } of nodes) rmSync(dir, { recursive: true, force: true });
  rmSync(work, { recursive: true, force: true });
});

describe('a bare Debian with the package as its NoCloud seed', () => {
  it('boots, joins a real server by itself, and renews', async () => {
    const { status, errors, log } = boot(root, readFileSync(join(await render('n1'), 'user-data'), 'utf8'));
    expect({ status, errors, log }).toEqual({
      status: 0,
      errors: [],
      log: expect.stringContaining('joinery join-agent: join: audit id ') as string,
    });
    const node = join(root, 'var/lib/joinery');
    const auditId = /audit id ([A-Za-z0-9._:-]+),/.exec(log)?.[1];
    const [accepted] = await realm.audit('join.accept');
    expect(accepted).toMatchObject({ subject: 'n1', correlation_id: auditId });
    expect(existsSync(join(node, 'secrets/join-token'))).toBe(false);
    expect(log).not.toContain('PRIVATE KEY');
    const identity = join(node, 'identity/current');
    const verified = run('openssl', [
      'verify',
      '-no-CApath',
      '-CAfile',
      join(node, 'trust/node-cert-lifecycle.pem'),
      '-untrusted',
      join(identity, 'chain.crt'),
      join(identity, 'node.crt'),
    ]);
    expect(verified.status).toBe(0);
    const renewed = run('chroot', [root, '/bin/sh', '/var/lib/joinery/bin/join-agent', 'renew']);
    expect(renewed).toMatchObject({ status: 0, stderr: expect.stringContaining('renew: audit id ') as string });
    const [certificate, key] = ['node.crt', 'node.key'].map((name) => readFileSync(join(node, 'identity/current', name), 'utf8'));
    expect(new X509Certificate(certificate as string).checkPrivateKey(createPrivateKey(key as string))).toBe(true);
    expect(readlinkSync(identity)).toBe('gen-2');
    const again = run('chroot', [root, '/bin/sh', '/var/lib/joinery/bin/setup']);
    expect(again).toMatchObject({ status: 0, stderr: expect.stringContaining('joined already') as string });
  });

  it('joins without curl, with bundles that it fetches by their fingerprints', async () => {
    cpSync(join(root, 'usr/bin/curl'), join(root, 'usr/bin/curl.away'));
    rmSync(join(root, 'usr/bin/curl'));
    try {
      const { errors, log } = boot(root, readFileSync(join(await render('n2', '--trust', 'url'), 'user-data'), 'utf8'));
      expect({ errors, log }).toEqual({ errors: [], log: expect.stringContaining('joinery join-agent: join: audit id ') as string });
      expect(log.match(/fetching the bundle with SHA-256/g)).toHaveLength(2);
    } finally {
      cpSync(join(root, 'usr/bin/curl.away'), join(root, 'usr/bin/curl'));
    }
  });

  it.each([
    ['n4', 'the package brings that', '/var/lib/joinery/bin/joinery'],
    ['n5', 'the image has that', '/usr/local/bin/joinery'],
  ])('joins and renews by the program, as %s, where %s', async (name, _, place) => {
    // As an executable of one file does: it finds all that it needs, wherever it is called from.
    const launcher = join(name === 'n4' ? work : root, name === 'n4' ? 'launcher' : place);
    writeFileSync(launcher, '#!/bin/sh\nexec /mnt/node_modules/.bin/node /mnt/bin/run.js "$@"\n', { mode: 0o755 });
    const agent = name === 'n4' ? ['--agent-binary', launcher] : ['--agent-path', place];
    const pkg = await render(name, '--agent', 'binary', ...agent);
    const { errors, log } = boot(root, readFileSync(join(pkg, 'user-data'), 'utf8'), { mnt: repository });
    expect({ errors, log }).toEqual({ errors: [], log: expect.stringContaining(`spiffe://lab.example/prod/worker/${name}`) as string });
    const node = join(root, 'var/lib/joinery');
    expect(readlinkSync(join(node, 'identity/current'))).toBe('gen-1');
    expect(existsSync(join(node, 'secrets/join-token'))).toBe(false);
    const program = [place, 'node', 'renew', '--directory', '/var/lib/joinery'];
    const renewed = runIn(root, program, { mnt: repository });
    expect(renewed).toMatchObject({ status: 0, stdout: expect.stringContaining(`/prod/worker/${name}`) as string });
    const notDue = runIn(root, [...program, '--if-due'], { mnt: repository });
    expect(notDue).toMatchObject({ status: 0, stdout: expect.stringContaining('not due before') as string });
    expect(readlinkSync(join(node, 'identity/current'))).toBe('gen-2');
    expect((await realm.audit('join.accept')).map(({ subject }) => subject)).toContain(name);
  });

  it('tells the first boot that the server refused it', async () => {
    const pkg = await render('n3');
    const { token } = JSON.parse(readFileSync(join(pkg, 'package.json'), 'utf8')) as { token: { id: string } };
    await realm.run('token', 'revoke', token.id);
    const { errors, log } = boot(root, readFileSync(join(pkg, 'user-data'), 'utf8'));
    expect(errors.join(' ')).toContain('Runparts: 1 failures (runcmd)');
    expect(log).toMatch(/joinery join-agent: refused by https:.*410 ERR_TOKEN_REVOKED /);
  });
});

describe('the join agent on a node whose system store trusts a hostile authority', () => {
  beforeAll(() => {
    writeFileSync(join(root, 'usr/local/share/ca-certificates/hostile.crt'), pemOf(strangerRoot));
    expect(run('chroot', [root, 'update-ca-certificates']).status).toBe(0);
  });

  it.each([
    ['curl', {}],
    ['python3', { PATH: '/without-curl' }],
  ])('sends it nothing (%s)', async (tool, env) => {
    mkdirSync(join(root, 'without-curl'), { recursive: true });
    run('chroot', [
      root,
      '/bin/sh',
      '-c',
      'for tool in /bin/* /usr/bin/*; do [ "${tool##*/}" = curl ] || ln -sf "$tool" /without-curl/; done',
    ]);
    const hostile = await serve((_asked, response) => void response.end(), { leaf: serverLeaf(strangerRoot), send: [strangerRoot] });
    const node = nodeFor(hostile.url, { root });
    if (tool === 'curl') {
      // The trap: on Debian --cacert alone is no pin.
      const pinned = join(node.dir.slice(root.length), 'trust/control-plane-https.pem');
      await promisify(execFile)('/usr/sbin/chroot', [
        root,
        'curl',
        '--silent',
        '--max-time',
        '20',
        '--cacert',
        pinned,
        `${hostile.url}/naive`,
      ]);
      expect(hostile.asked.splice(0)).toHaveLength(1);
    }
    const before = node.snapshot();
    const { status, stderr } = await node.run(['join', '--deadline', '0'], { env });
    expect({ status, stderr }).toEqual({ status: 76, stderr: expect.stringContaining(tool) as string });
    expect(hostile.asked).toEqual([]);
    expect(node.snapshot()).toEqual(before);
  });

  it('installs no certificate that only the system store vouches for', async () => {
    const forged = await serve(({ body }, response) =>
      answerChain(response, pemOf(issueFor(body['csr'] as string, { issuer: strangerRoot }))),
    );
    const node = nodeFor(forged.url, { root });
    const { status } = await node.run(['join', '--deadline', '0']);
    expect(status).toBe(80);
    expect(Object.keys(node.snapshot()).filter((path) => path.startsWith('identity'))).toEqual([]);
  });
});

describe('the join agent and the shells of nodes', () => {
  it.each([['dash'], ['busybox', 'sh'], ['bash', '--posix']])('joins and renews under %s', async (...shell) => {
    const started = await serve(honest);
    const node = nodeFor(started.url);
    const joined = await node.run(['join'], { shell });
    expect(joined).toMatchObject({ status: 0, stderr: expect.stringContaining(`as ${IDENTITY}, until`) as string });
    expect((await node.run(['renew'], { shell })).status).toBe(0);
    appendFileSync(join(node.dir, 'trust/control-plane-https.pem'), '\n');
    expect((await node.run(['renew'], { shell })).status).toBe(65);
  });

  it('joins with nothing but busybox, openssl and python3', async () => {
    const bin = join(work, 'busybox-bin');
    mkdirSync(bin);
    run('busybox', ['--install', '-s', bin]);
    for (const applet of ['wget', 'ssl_client']) rmSync(join(bin, applet), { force: true });
    for (const tool of ['openssl', 'python3']) cpSync(join('/usr/bin', tool), join(bin, tool));
    const started = await serve(honest);
    const node = nodeFor(started.url);
    const { status, stderr } = await node.run(['join'], { shell: [join(bin, 'sh')], env: { PATH: bin } });
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining(`as ${IDENTITY}, until`) as string });
    expect((await node.run(['renew', '--if-due'], { shell: [join(bin, 'sh')], env: { PATH: bin } })).status).toBe(0);
  });

  it('is shellcheck clean, with all that runs beside it', () => {
    const scripts = ['join-agent.sh', 'trust-check.sh', 'service/enable-agent.sh', 'service/renew-hourly.sh'].map((name) =>
      join(templates, name),
    );
    const { status, stdout } = run('shellcheck', ['-s', 'sh', ...scripts]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });
});

describe('the services of a node without systemd', () => {
  const placed = (path: string) => existsSync(join(root, path));
  /** enable-agent, as the package of a node has it, where the join itself is not asked for. */
  async function enable(prepare: string) {
    const { log } = boot(
      root,
      readFileSync(join(await render(`s${String(nodes.push())}${prepare.length}`, '--token-delivery', 'none'), 'user-data'), 'utf8'),
    );
    expect(log).toContain('secrets/join-token: expected a join token, found none');
    return run('chroot', [root, '/bin/sh', '-c', `${prepare}; exec sh /var/lib/joinery/bin/enable-agent`]);
  }

  it('are those of OpenRC, with the hourly scripts of Alpine', async () => {
    const stub = (name: string) => `printf '#!/bin/sh\\necho ${name} "$@"\\n' >/sbin/${name}; chmod 755 /sbin/${name}`;
    const { status, stdout } = await enable(
      ['openrc-run', 'rc-update', 'rc-service'].map(stub).concat('mkdir -p /etc/periodic/hourly /etc/init.d').join(';'),
    );
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'rc-update add joinery-join default\nrc-service joinery-join start\n' });
    expect(placed('etc/periodic/hourly/joinery-join-renew')).toBe(true);
    expect(run('sh', ['-n', join(root, 'etc/init.d/joinery-join')]).status).toBe(0);
    expect(readFileSync(join(root, 'etc/init.d/joinery-join'), 'utf8')).toContain(
      '--exec /var/lib/joinery/bin/join-agent -- node join --directory /var/lib/joinery',
    );
    run('chroot', [root, 'sh', '-c', 'rm -rf /sbin/openrc-run /sbin/rc-update /sbin/rc-service /etc/periodic']);
  });

  it('are those of cron, after a join at once', async () => {
    const { status, stderr } = await enable('mkdir -p /etc/cron.hourly');
    expect({ status, stderr }).toEqual({ status: 66, stderr: expect.stringContaining('expected a join token') as string });
    expect(placed('etc/cron.hourly/joinery-join-renew')).toBe(true);
    expect(run('sh', ['-n', join(root, 'etc/cron.hourly/joinery-join-renew')]).status).toBe(0);
  });
});

describe('the units of a package', () => {
  const units = join(work, 'units');
  const names = ['joinery-join.service', 'joinery-join-renew.service', 'joinery-join-renew.timer'];
  beforeAll(() => {
    mkdirSync(join(units, 'node/bin'), { recursive: true });
    writeFileSync(join(units, 'node/bin/join-agent'), '#!/bin/sh\n', { mode: 0o755 });
    for (const [template, name] of [
      ['join.service', 'joinery-join.service'],
      ['renew.service', 'joinery-join-renew.service'],
      ['renew.timer', 'joinery-join-renew.timer'],
    ] as const) {
      const text = readFileSync(join(templates, 'service', template), 'utf8');
      const values: Record<string, string> = {
        NODE_DIR: join(units, 'node'),
        SERVICE: 'joinery-join',
        AGENT: join(units, 'node/bin/join-agent'),
      };
      writeFileSync(
        join(units, name),
        text.replaceAll(/@([A-Z_]+)@/g, (_, key: string) => values[key] as string),
      );
    }
  });

  it('are accepted by systemd without a word', () => {
    // It returns 0 on unknown keys, and says so on stderr.
    const { status, stderr } = run('systemd-analyze', ['verify', '--man=no', ...names.map((name) => join(units, name))]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it.each(['joinery-join.service', 'joinery-join-renew.service'])('%s is hardened', (name) => {
    const { status, stdout } = run('systemd-analyze', ['security', '--offline=true', '--no-pager', '--threshold=25', join(units, name)]);
    expect({ status, verdict: /Overall exposure level.*/.exec(stdout)?.[0] }).toEqual({
      status: 0,
      verdict: expect.stringContaining('OK') as string,
    });
  });
});
