import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
