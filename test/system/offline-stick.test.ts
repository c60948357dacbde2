import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testRealm, type TestRealm } from '../feature/server-world.ts';

const work = mkdtempSync(join(tmpdir(), 'joinery-stick-'));
const stick = join(work, 'stick');
let realm: TestRealm;

function run(command: string, args: readonly string[]): void {
  const { error, status, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000 });
  if (error !== undefined) throw new Error(`${command}: ${error.message} (the packages are listed in .ci/run)`);
  if (status !== 0) throw new Error(`${command}: expected status 0, found ${String(status)}: ${stderr}`);
}

beforeAll(async () => {
  realm = await testRealm();
  const image = join(work, 'fat.img');
  writeFileSync(image, new Uint8Array(8 * 1024 * 1024));
  run('mkfs.vfat', [image]);
  mkdirSync(stick);
  run('fusefat', ['-o', 'rw+', image, stick]);
});
afterAll(() => {
  run('umount', [stick]);
  realm.remove();
  rmSync(work, { recursive: true, force: true });
});

describe('a stick with a FAT file system, which keeps no modes and has no links', () => {
  it('carries requests to the authority and answers back', async () => {
    for (const name of ['n1', 'N1']) {
      const token = join(work, `${name}.jwt`);
      writeFileSync(token, await realm.mint('--node', name), { mode: 0o600 });
      const where = ['--directory', join(work, `node-${name}`), '--out', stick];
      await realm.run('node', 'request', ...where, '--token-file', token, '--node', name);
      // Again, over the file that is there.
      await realm.run('node', 'request', ...where, '--token-file', token, '--node', name);
    }
    // FAT does not tell n1 from N1: their keys do.
    expect(readdirSync(stick).filter((name) => name.endsWith('.request.json'))).toHaveLength(2);
    expect(await realm.run('package', 'enroll', stick, '--out', stick)).toMatchObject({ accepted: 2, refused: 0 });
    const { versions } = (await realm.run('trust', 'list')) as { versions: { purpose: string; manifest_digest: string }[] };
    const digests = versions.flatMap(({ purpose, manifest_digest: digest }) => ['--trust-digest', `${purpose}=${digest}`]);
    for (const name of ['n1', 'N1']) {
      const installed = await realm.run('node', 'install', stick, '--directory', join(work, `node-${name}`), ...digests);
      expect(installed).toMatchObject({ state: 'installed', identity: `spiffe://lab.example/prod/worker/${name}` });
    }
  });
});
