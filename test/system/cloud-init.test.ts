import { chmodSync, cpSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderPackage, type RenderPackageResult } from '../../src/app/render-package.ts';
import { packageRealm, packageWorld } from '../fakes/package-realm.ts';
import { boot, makeRoot, run } from './debian-root.ts';

const script = fileURLToPath(new URL('../../templates/trust-check.sh', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'joinery-cloud-init-'));
const root = join(work, 'root');
let rendered: RenderPackageResult;

function packageOf(tool: string, debianPackage: string): void {
  if (run('/bin/sh', ['-c', `command -v ${tool}`]).status === 0) return;
  throw new Error(`expected ${tool}, found none: apt-get install ${debianPackage}`);
}

interface Body {
  write_files: { path: string; content: string }[];
}

/** Boots the root with this user-data, on no network. */
const bootWith = (userData: string) => boot(root, userData, { offline: true });
const sha256sum = (path: string) => run('sha256sum', [path]).stdout.split(' ')[0];
const userDataFile = () => join(rendered.out, 'user-data');

beforeAll(async () => {
  packageOf('cloud-init', 'cloud-init');
  packageOf('mmdebstrap', 'mmdebstrap');
  packageOf('shellcheck', 'shellcheck');
  packageOf('busybox', 'busybox');
  const world = await packageWorld();
  const joinUrls = ['https://boot.control.example.internal:9443', 'https://control.example.internal/$(id)&x;y'];
  rendered = await renderPackage(await packageRealm(), { cluster: 'prod', role: 'worker', joinUrls, out: join(work, 'pkg') }, world);
  makeRoot(root, ['cloud-init', 'openssl']);
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe('the rendered package and the tools of others', () => {
  it('satisfies the schema of cloud-init', () => {
    // Plain, not --annotate, which returns 0 on errors in some versions; Debian's own interpreter.
    const { status, stdout, stderr } = run('/usr/bin/python3', ['/usr/bin/cloud-init', 'schema', '--config-file', userDataFile()]);
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: expect.stringContaining('Valid') as string });
    expect(stdout + stderr).not.toMatch(/deprecat/i);
  });

  it('satisfies sha256sum -c', () => {
    const { status, stdout } = run('/bin/sh', ['-c', `cd '${rendered.out}' && sha256sum --strict -c SHA256SUMS`]);
    expect(status).toBe(0);
    expect(stdout.match(/: OK$/gm)).toHaveLength(7);
  });

  it('boots: every file has its bytes, owner and mode, and the node finds its trust whole', () => {
    const { status, errors, log } = bootWith(readFileSync(userDataFile(), 'utf8'));
    expect({ status, errors }).toEqual({ status: 0, errors: [] });
    expect(rendered.manifest.node_files).toHaveLength(11);
    for (const file of rendered.manifest.node_files) {
      const { uid, gid, mode } = lstatSync(join(root, file.path));
      const found = {
        owner: `${uid}:${gid}`,
        mode: (mode & 0o7777).toString(8).padStart(4, '0'),
        sha256: sha256sum(join(root, file.path)),
      };
      expect({ path: file.path, ...found }).toEqual({ path: file.path, owner: '0:0', mode: file.mode, sha256: file.sha256 });
    }
    expect(lstatSync(join(root, 'var/lib/joinery/secrets')).mode & 0o7777).toBe(0o700);
    for (const purpose of ['control-plane-https', 'node-cert-lifecycle'] as const) {
      const onDisk = sha256sum(join(root, `var/lib/joinery/trust/${purpose}.pem`));
      expect(onDisk).toBe(rendered.manifest.trust[purpose].sha256_fingerprint);
      const signed = JSON.parse(readFileSync(join(root, `var/lib/joinery/trust/${purpose}.manifest.json`), 'utf8')) as {
        versions: [{ manifest: { payload: string } }];
      };
      const manifest = JSON.parse(Buffer.from(signed.versions[0].manifest.payload, 'base64url').toString('utf8')) as {
        sha256_fingerprint: string;
      };
      expect(onDisk).toBe(manifest.sha256_fingerprint);
    }
    expect(log.match(/joinery trust-check: .*: ok, SHA-256/g)).toHaveLength(2);
  });

  it('boots with its environment readable by the shell of the node', () => {
    const print = '. /var/lib/joinery/joinery.env; printf %s "$JOINERY_JOIN_URLS|$JOINERY_CLUSTER|$JOINERY_JOIN_TOKEN_FILE"';
    const { stdout } = run('chroot', [root, '/bin/dash', '-ec', print]);
    const urls = 'https://boot.control.example.internal:9443 https://control.example.internal/$(id)&x;y';
    expect(stdout).toBe(`${urls}|prod|/var/lib/joinery/secrets/join-token`);
  });

  it('is refused by the node when a bundle was damaged on the way', () => {
    const body = JSON.parse(readFileSync(userDataFile(), 'utf8').slice('#cloud-config\n'.length)) as Body;
    const bundle = body.write_files.find((file) => file.path.endsWith('node-cert-lifecycle.pem')) as Body['write_files'][number];
    bundle.content += '\n';
    const { errors, log } = bootWith(`#cloud-config\n${JSON.stringify(body)}`);
    expect(errors.join(' ')).toContain('Runparts: 1 failures (runcmd)');
    expect(log).toMatch(/joinery trust-check: REFUSED: .*node-cert-lifecycle\.pem: expected SHA-256/);
  });
});

describe('trust-check with the real shells and tools', () => {
  it('is shellcheck clean', () => {
    const { status, stdout } = run('shellcheck', ['-s', 'sh', script]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  it.each([['dash'], ['busybox', 'sh'], ['bash', '--posix']])('runs under %s', (...shell) => {
    const file = join(rendered.out, 'trust/control-plane-https.pem');
    const { sha256_fingerprint: fingerprint } = rendered.manifest.trust['control-plane-https'];
    const [command, ...args] = shell as [string, ...string[]];
    expect(run(command, [...args, script, fingerprint, file]).status).toBe(0);
    expect(run(command, [...args, script, fingerprint.replace(/^./, (digit) => (digit === '0' ? '1' : '0')), file]).status).toBe(65);
  });

  it.each(['openssl', 'python3'])('computes with nothing but %s', (tool) => {
    const bin = join(work, `bin-${tool}`);
    mkdirSync(bin);
    symlinkSync(`/usr/bin/${tool}`, join(bin, tool));
    const copy = join(bin, 'bundle.pem');
    cpSync(join(rendered.out, 'trust/control-plane-https.pem'), copy);
    chmodSync(copy, 0o644);
    const { sha256_fingerprint: fingerprint } = rendered.manifest.trust['control-plane-https'];
    expect(run('/bin/dash', [script, fingerprint, copy], { PATH: bin }).status).toBe(0);
    expect(run('/bin/dash', [script, 'a'.repeat(64), copy], { PATH: bin }).status).toBe(65);
  });
});
