import { chmodSync, mkdirSync, mkdtempSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { systemDisk } from '../../src/adapters/disk.ts';

const home = mkdtempSync(join(tmpdir(), 'joinery-disk-'));
const at = (name: string): string => join(home, name);
writeFileSync(at('f'), 'text', { mode: 0o644 });
mkdirSync(at('d'), 0o755);
symlinkSync('f', at('link'));
execFileSync('mkfifo', [at('pipe')]);

it('sees kinds, modes, ages and where links point, without following them', async () => {
  utimesSync(at('f'), 100, 100);
  expect(await systemDisk.look(at('f'))).toMatchObject({ kind: 'file', mode: 0o644, modifiedAt: 100 });
  expect(await systemDisk.look(at('d'))).toMatchObject({ kind: 'directory', mode: 0o755 });
  expect(await systemDisk.look(at('link'))).toMatchObject({ kind: 'symlink', target: 'f' });
  expect(await systemDisk.look(at('pipe'))).toMatchObject({ kind: 'other' });
  expect(await systemDisk.look(at('none'))).toBeUndefined();
  expect(await systemDisk.list(home)).toEqual(['d', 'f', 'link', 'pipe']);
  expect(await systemDisk.list(at('none'))).toEqual([]);
  await expect(systemDisk.list(at('f'))).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
  expect(Buffer.from(await systemDisk.read(at('f'), 10)).toString()).toBe('text');
});

it('repairs what was judged and nothing that a link leads to', async () => {
  await systemDisk.setMode(at('f'), 0o600);
  await systemDisk.setMode(at('d'), 0o700);
  expect([statSync(at('f')).mode & 0o777, statSync(at('d')).mode & 0o777]).toEqual([0o600, 0o700]);
  await expect(systemDisk.setMode(at('link'), 0o666)).rejects.toMatchObject({ code: 'ERR_FILE_ACCESS' });
  expect(statSync(at('f')).mode & 0o777).toBe(0o600);
  chmodSync(at('f'), 0o600);
  await systemDisk.remove(at('link'));
  await systemDisk.remove(at('link'));
  expect(await systemDisk.list(home)).toEqual(['d', 'f', 'pipe']);
});
