import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../cli/harness.ts';

const work = mkdtempSync(join(tmpdir(), 'joinery-package-command-'));
const realm = join(work, 'realm');
const url = 'https://boot.control.example.internal:9443';
const joinery = (...argv: string[]) => runCli(argv, { cwd: work, env: {} });
const inRealm = (...argv: string[]) => runCli(argv, { cwd: work, env: { JOINERY_REALM: realm } });
const render = (out: string, ...more: string[]) =>
  inRealm('package', 'render', '--cluster', 'prod', '--role', 'worker', '--join-url', url, '--out', out, ...more);

let digest: string;

beforeAll(async () => {
  const names = ['--environment', 'lab', '--domain', 'control.example.internal', '--cluster', 'prod', '--roles', 'worker'];
  await inRealm('init', ...names, '--insecure-plaintext-keys');
  for (const [purpose, ca] of [
    ['control-plane-https', 'web-root'],
    ['node-cert-lifecycle', 'node-root'],
  ] as const) {
    await inRealm('ca', 'create', ca);
    await inRealm('trust', 'publish', '--purpose', purpose, '--ca', ca);
    await inRealm('trust', 'activate', '--purpose', purpose, '--version', '1');
  }
  const first = await render(join(work, 'pkg'), '--node', 'n1', '--ttl', '1h', '--json');
  digest = first.json().data['trust_digest'] as string;
});
afterAll(() => rmSync(work, { recursive: true }));

describe('joinery package', () => {
  it('renders, and says what to tell the receiver', async () => {
    const { stdout, stderr, exit } = await render(join(work, 'second'));
    expect(exit).toBe(0);
    expect(stdout).toMatch(new RegExp(`^trust digest +${digest}$`, 'm'));
    expect(stdout).toContain('any (the token is bound to none)');
    expect(stdout + stderr).not.toContain('eyJ');
  });

  it('gives the manifest as data, and warns', async () => {
    const result = await render(join(work, 'third'), '--join-url', 'https://10.0.0.1', '--allow-url-outside-domain', 'no DNS', '--json');
    expect(result.json()).toMatchObject({
      schema: 'joinery/package-render/1',
      data: { manifest: { schema: 'joinery/package/1', url_override: { reason: 'no DNS' } } },
    });
    expect(result.json().warnings).toEqual(expect.arrayContaining([expect.stringContaining('10.0.0.1')]));
  });

  it('refuses a bad life, an existing place and a bad prefix with their exit status', async () => {
    expect((await render(join(work, 'x'), '--ttl', 'soon')).exit).toBe(2);
    expect((await render(join(work, 'x'), '--ttl', '25h')).exit).toBe(4);
    expect((await render(join(work, 'pkg'))).exit).toBe(5);
    expect((await render(join(work, 'x'), '--env-prefix', 'lower')).exit).toBe(3);
  });

  it('verifies in the realm and alone', async () => {
    const known = await inRealm('package', 'verify', join(work, 'pkg'));
    expect(known.exit).toBe(0);
    expect(known.stdout).toMatch(/^realm-token +ok/m);
    const alone = await joinery('package', 'verify', join(work, 'pkg'), '--trust-digest', digest, '--json');
    expect(alone.json()).toMatchObject({ ok: true, data: { ok: true } });
    expect(JSON.stringify(alone.json().data)).not.toContain('realm-token');
    expect((await inRealm('package', 'verify', join(work, 'pkg'), '--alone')).stdout).toMatch(/^first-trust +look/m);
  });

  it('ends with 4 and still shows every check when one fails', async () => {
    const out = join(work, 'damaged');
    await render(out);
    const sums = join(out, 'SHA256SUMS');
    writeFileSync(
      sums,
      readFileSync(sums, 'utf8').replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
    );
    const text = await inRealm('package', 'verify', out);
    expect(text.exit).toBe(4);
    expect(text.stdout).toMatch(/^sums +FAILED/m);
    expect(text.stdout).toContain('refused: 1 of 20 checks failed');
    const data = await inRealm('package', 'verify', out, '--json');
    expect({ exit: data.exit, ok: data.json().data['ok'] }).toEqual({ exit: 4, ok: false });
  });

  it('needs a realm that is named, a digest that is one, and a package', async () => {
    mkdirSync(join(work, 'empty'));
    expect((await joinery('package', 'verify', join(work, 'pkg'), '--realm', join(work, 'empty'))).exit).toBe(6);
    expect((await joinery('package', 'verify', join(work, 'pkg'), '--trust-digest', 'abc')).exit).toBe(3);
    expect((await joinery('package', 'verify', join(work, 'nothing'))).exit).toBe(6);
  });

  it('inspects without showing the token', async () => {
    const { stdout, exit } = await joinery('package', 'inspect', join(work, 'pkg'));
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^0600 +root:root +\d+ +\/var\/lib\/joinery\/secrets\/join-token$/m);
    expect(stdout).not.toContain('eyJ');
    const data = await joinery('package', 'inspect', join(work, 'pkg', 'user-data'), '--json');
    expect(data.json().data).toMatchObject({
      onboarding: { cluster: 'prod', node: 'n1' },
      token: { max_uses: 1, node: 'n1', allow_reentry: false },
    });
  });
});

describe('joinery package render with its flags', () => {
  it('puts the token beside, says where it goes, and where copies of one inside remain', async () => {
    const later = await render(join(work, 'later'), '--token-delivery', 'file-later', '--agent', 'none');
    expect(later.stdout).toContain('join-token to /var/lib/joinery/secrets/join-token on the node (0600)');
    expect(later.stdout).not.toContain('token copies');
    const credential = await render(join(work, 'credential'), '--token-delivery', 'systemd-credential', '--format', 'nocloud-iso');
    expect(credential.stdout).toContain('io.systemd.credential:joinery.token=');
    expect((await render(join(work, 'copies'))).stdout).toMatch(/^token copies +this package; .*metadata service/m);
    expect((await render(join(work, 'none'), '--token-delivery', 'none')).stdout).not.toMatch(/^token /m);
  });

  it('takes places, owner, mode, service, peers, parts and platforms', async () => {
    writeFileSync(join(work, 'base.cfg'), '#cloud-config\npackages: [chrony]\n');
    const out = join(work, 'flags');
    const many = [
      '--api-url',
      'https://api.control.example.internal',
      '--seed-peer',
      'n9:9443',
      '--owner',
      'agent:agent',
      '--file-mode',
      '0640',
    ];
    const places = [
      '--https-trust-path',
      '/etc/a.pem',
      '--node-cert-trust-path',
      '/etc/b.pem',
      '--service-name',
      'gpu',
      '--system-trust-store',
    ];
    const more = ['--format', 'multipart', '--part', join(work, 'base.cfg'), '--target', 'gcp', '--uses', '2', '--allow-multi-use', 'lab'];
    const { exit, stderr } = await render(out, ...many, ...places, ...more);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: expect.stringContaining('agent:agent will own') as string });
    const { stdout } = await joinery('package', 'inspect', out);
    expect(stdout).toMatch(/^format +multipart$/m);
    expect(stdout).toMatch(/^0640 +agent:agent +\d+ +\/etc\/a.pem$/m);
    expect(stdout).toContain('  base.cfg (text/cloud-config, 33 bytes)');
    expect(stdout).toContain('2 uses');
    expect((await inRealm('package', 'verify', out)).exit).toBe(0);
    expect((await render(join(work, 'root'), '--owner', 'root:root', '--file-mode', '0644')).exit).toBe(0);
  });

  it('takes an executable, and refuses half of its two flags', async () => {
    writeFileSync(join(work, 'joinery-bin'), 'ELF');
    const binary = ['--format', 'tar', '--agent', 'binary', '--agent-binary', join(work, 'joinery-bin')];
    expect((await render(join(work, 'binary'), ...binary)).exit).toBe(0);
    expect((await joinery('package', 'inspect', join(work, 'binary', 'node.tar'))).stdout).toContain('/var/lib/joinery/bin/joinery');
    expect((await render(join(work, 'x'), '--agent', 'binary')).exit).toBe(2);
    expect((await render(join(work, 'x'), '--agent-binary', join(work, 'joinery-bin'))).exit).toBe(2);
    expect((await render(join(work, 'x'), ...binary, '--agent-path', '/usr/bin/joinery')).stderr).toContain(
      'expected one of --agent-binary',
    );
    expect((await render(join(work, 'image'), '--agent', 'binary', '--agent-path', '/opt/joinery')).exit).toBe(0);
    const image = await joinery('package', 'inspect', join(work, 'image'));
    expect(image.stdout).toMatch(/^agent +binary \/opt\/joinery$/m);
    expect(image.stdout).not.toContain('/bin/joinery');
    // The realm's own limit still holds.
    expect((await render(join(work, 'x'), '--ttl', '25h', '--allow-long-lived', 'sea', '--json')).json().error.code).toBe(
      'ERR_TOKEN_LIFETIME',
    );
  });
});

describe('joinery package for many nodes', () => {
  it('renders a list, verifies it with and without the realm, and shows a bar on a terminal', async () => {
    writeFileSync(join(work, 'nodes.csv'), 'node,rack\nn1,7\nn2,7\n');
    const out = join(work, 'rack');
    const text = await render(
      out,
      '--from',
      join(work, 'nodes.csv'),
      '--allow-url-outside-domain',
      'lab',
      '--join-url',
      'https://10.0.0.1',
    );
    expect(text.exit).toBe(0);
    expect(text.stderr).toContain('10.0.0.1');
    expect(text.stdout).toMatch(/^packages +2 in /m);
    expect(text.stdout).toMatch(/^tokens +one for each node, until /m);
    expect((await inRealm('package', 'verify', out)).stdout).toContain('the package holds');
    expect((await joinery('package', 'verify', out, '--trust-digest', digest, '--json')).json().data['ok']).toBe(true);
    expect((await joinery('package', 'inspect', out, '--json')).json().data).toMatchObject({
      batch: { nodes: 2 },
      nodes: ['n1', 'n2'],
      first: `${out}/nodes/n1.user-data`,
    });
    writeFileSync(join(work, 'six.csv'), `node\n${[1, 2, 3, 4, 5, 6].map((each) => `m${each}\n`).join('')}`);
    await render(join(work, 'six'), '--from', join(work, 'six.csv'), '--token-delivery', 'none');
    const six = await joinery('package', 'inspect', join(work, 'six'));
    expect(six.stdout).toMatch(/^packages +6: m1, m2, m3, m4, m5, \.\.\.$/m);
    expect(six.stdout).toMatch(/^tokens +none$/m);
    const bare = await render(
      join(work, 'bare'),
      '--from',
      join(work, 'nodes.csv'),
      '--format',
      'tar',
      '--token-delivery',
      'none',
      '--json',
    );
    expect(bare.json().data).toMatchObject({ token_copies: [], manifest: { schema: 'joinery/package-batch/1', nodes: 2 } });
    const without = await render(join(work, 'bare2'), '--from', join(work, 'nodes.csv'), '--token-delivery', 'none');
    expect(without.stdout).toMatch(/^tokens +none$/m);
    expect((await render(join(work, 'x'), '--from', join(work, 'nodes.csv'), '--node', 'n1')).exit).toBe(2);
  });
});

describe('joinery package diff', () => {
  it('says what is another, as text and data', async () => {
    const [a, b] = [join(work, 'pkg'), join(work, 'diff-b')];
    await render(b, '--node', 'n2');
    const { stdout, exit } = await joinery('package', 'diff', a, b);
    expect(exit).toBe(0);
    expect(stdout).toContain('- onboarding.node  "n1"\n+ onboarding.node  "n2"');
    expect(stdout).not.toContain('eyJ');
    expect((await joinery('package', 'diff', a, a)).stdout).toBe('the packages say the same\n');
    expect((await joinery('package', 'diff', a, b, '--json')).json().data).toMatchObject({ same: false });
  });
});

describe('joinery package unseal', () => {
  it('opens what was sealed to an age identity, or to a key', async () => {
    const identity = await generateX25519Identity();
    writeFileSync(join(work, 'identity.txt'), `# created by a test\n${identity}\n`);
    const sealed = await render(join(work, 'sealed'), '--sealed-to', await identityToRecipient(identity));
    expect(sealed.stdout).toContain('joinery package unseal');
    const opened = await joinery(
      'package',
      'unseal',
      join(work, 'sealed/package.tar.age'),
      '--key',
      join(work, 'identity.txt'),
      '--out',
      join(work, 'opened'),
    );
    expect({ exit: opened.exit, stdout: opened.stdout }).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('wrote 8 files') as string,
    });
    expect((await joinery('package', 'verify', join(work, 'opened'), '--trust-digest', digest)).exit).toBe(0);
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    writeFileSync(join(work, 'p256.pem'), publicKey.export({ type: 'spki', format: 'pem' }));
    writeFileSync(join(work, 'p256.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await render(join(work, 'sealed-jwe'), '--sealed-to', join(work, 'p256.pem'), '--json');
    const jwe = join(work, 'sealed-jwe/package.tar.jwe');
    expect((await joinery('package', 'unseal', jwe, '--key', join(work, 'p256.key'), '--out', join(work, 'opened-jwe'))).exit).toBe(0);
    const wrong = await joinery(
      'package',
      'unseal',
      join(work, 'sealed/package.tar.age'),
      '--key',
      join(work, 'p256.key'),
      '--out',
      join(work, 'x'),
    );
    expect({ exit: wrong.exit, stderr: wrong.stderr }).toMatchObject({
      exit: 3,
      stderr: expect.stringContaining('ERR_PACKAGE_SEAL') as string,
    });
  });
});
