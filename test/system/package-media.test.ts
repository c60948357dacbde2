/** Packages on a stick (exFAT), and packages sealed to keys, as the tools of others read them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderPackage, type RenderPackageInput } from '../../src/app/render-package.ts';
import { renderPackages } from '../../src/app/render-packages.ts';
import { verifyPackage } from '../../src/app/verify-package.ts';
import { verifyPackages } from '../../src/app/verify-packages.ts';
import { parseRecipient } from '../../src/core/onboarding/seal.ts';
import { packageReader, packageRealm, type PackageRealm, packageWorld } from '../fakes/package-realm.ts';

const work = mkdtempSync(join(tmpdir(), 'joinery-media-'));
let realm: PackageRealm;

function run(command: string, args: readonly string[], cwd = work) {
  const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', cwd, timeout: 120_000 });
  if (error !== undefined) throw new Error(`${command}: ${error.message} (the packages are listed in .ci/run)`);
  return { status, stdout, stderr };
}

const input = (out: string, changes: Partial<RenderPackageInput> = {}): RenderPackageInput => ({
  cluster: 'prod',
  role: 'worker',
  joinUrls: ['https://boot.control.example.internal:9443'],
  agent: 'script',
  out,
  ...changes,
});

beforeAll(async () => {
  realm = await packageRealm();
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe('a stick without modes and links', () => {
  const stick = join(work, 'stick');
  let device = '';
  beforeAll(() => {
    const image = join(work, 'stick.img');
    writeFileSync(image, '');
    truncateSync(image, 32 * 1024 * 1024);
    expect(run('mkfs.exfat', [image]).status).toBe(0);
    mkdirSync(stick);
    // In user space: the kernel of a container may have no file system of sticks.
    device = run('losetup', ['--show', '-f', image]).stdout.trim();
    expect(run('mount.exfat-fuse', [device, stick]).status).toBe(0);
  });
  afterAll(() => {
    expect(run('umount', [stick]).status).toBe(0);
    expect(run('losetup', ['-d', device]).status).toBe(0);
  });

  it('takes a package, with a word about who can read it', async () => {
    const out = join(stick, 'pkg');
    const { warnings } = await renderPackage(realm, input(out), await packageWorld());
    expect(warnings).toEqual([expect.stringContaining('keeps no file modes')]);
    const strict = await verifyPackage(packageReader(realm), out, { realm });
    expect(strict.rows.filter(({ result }) => result === 'failed').map(({ check }) => check)).toEqual(['modes']);
    const { ok, rows } = await verifyPackage(packageReader(realm), out, { realm, ignoreModes: true });
    expect(ok).toBe(true);
    expect(rows.find(({ check }) => check === 'modes')?.result).toBe('warning');
    expect(run('sha256sum', ['--strict', '--status', '-c', 'SHA256SUMS'], out).status).toBe(0);
  });

  it('takes the packages of many nodes', async () => {
    const out = join(stick, 'many');
    const { warnings } = await renderPackages(realm, { ...input(out), nodes: ['n1', 'n2'] }, await packageWorld(), () => undefined);
    expect(warnings).toEqual([expect.stringContaining('keeps no file modes')]);
    expect((await verifyPackages(packageReader(realm), out, { realm, ignoreModes: true })).ok).toBe(true);
    expect(run('sha256sum', ['--strict', '--status', '-c', 'SHA256SUMS'], out).status).toBe(0);
    expect(readdirSync(stick).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });
});

describe('a sealed package', () => {
  it('is opened by age and tar', async () => {
    expect(run('age-keygen', ['-o', 'identity.txt']).status).toBe(0);
    const recipient = run('age-keygen', ['-y', 'identity.txt']).stdout;
    const out = join(work, 'sealed');
    await renderPackage(realm, input(out, { sealTo: parseRecipient(recipient, 'identity.txt') }), await packageWorld());
    expect(run('age', ['-d', '-i', 'identity.txt', '-o', 'package.tar', join(out, 'package.tar.age')])).toMatchObject({
      status: 0,
      stderr: '',
    });
    const opened = join(work, 'opened');
    mkdirSync(opened);
    expect(run('tar', ['-xpf', 'package.tar', '-C', opened])).toMatchObject({ status: 0, stderr: '' });
    expect(run('sha256sum', ['--strict', '--status', '-c', 'SHA256SUMS'], opened).status).toBe(0);
    expect((await verifyPackage(packageReader(realm), opened, { realm })).ok).toBe(true);
    expect(readFileSync(join(out, 'package.tar.age'), 'latin1')).not.toContain('cloud-config');
  });
});

describe('compressed user-data', () => {
  it('is unpacked by gzip', async () => {
    const out = join(work, 'ec2');
    await renderPackage(realm, input(out, { target: 'ec2', trust: 'url' }), await packageWorld());
    const { status, stdout } = run('gzip', ['-dc', join(out, 'user-data.gz')]);
    expect({ status, head: stdout.slice(0, 14) }).toEqual({ status: 0, head: '#cloud-config\n' });
    expect(readFileSync(join(out, 'user-data.gz')).length).toBeLessThan(16_385);
  });
});
