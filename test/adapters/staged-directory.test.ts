import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stageDirectory } from '../../src/adapters/staged-directory.ts';
import { readTemplate } from '../../src/adapters/templates.ts';
import { utf8 } from '../../src/core/encoding.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'joinery-staged-'));
});
afterAll(() => rm(root, { recursive: true }));

const files = [
  { path: 'secret', bytes: utf8('s'), mode: 0o600 },
  { path: 'sub/public', bytes: utf8('p'), mode: 0o644 },
];
const refused = (code: string) => expect.objectContaining({ code });

describe('a staged directory', () => {
  it('appears whole, with its modes', async () => {
    const path = join(root, 'whole');
    const staged = await stageDirectory(path, files);
    expect((await readdir(root)).filter((name) => name === 'whole')).toEqual([]);
    await staged.publish();
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect((await stat(join(path, 'secret'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(path, 'sub/public'))).mode & 0o777 & ~0o644).toBe(0);
    expect(await readFile(join(path, 'sub/public'), 'utf8')).toBe('p');
    await staged.discard();
    expect(await readdir(root)).toEqual(['whole']);
  });

  it('leaves nothing when it is discarded', async () => {
    await (await stageDirectory(join(root, 'discarded'), files)).discard();
    expect((await readdir(root)).filter((name) => name.startsWith('discarded'))).toEqual([]);
  });

  it('is never put over anything', async () => {
    const path = join(root, 'taken');
    const staged = await stageDirectory(path, files);
    await mkdir(path);
    await writeFile(join(path, 'mine'), 'mine');
    await expect(staged.publish()).rejects.toEqual(refused('ERR_FILE_EXISTS'));
    await staged.discard();
    await expect(stageDirectory(path, files)).rejects.toEqual(refused('ERR_FILE_EXISTS'));
    expect(await readdir(path)).toEqual(['mine']);
  });

  it('steps around what a killed process left', async () => {
    const path = join(root, 'again');
    const first = await stageDirectory(path, files);
    const second = await stageDirectory(path, files);
    await second.publish();
    await first.discard();
    expect(await readdir(path)).toEqual(['secret', 'sub']);
  });

  it('gives coded errors', async () => {
    await expect(stageDirectory(join(root, 'no', 'parent'), files)).rejects.toEqual(refused('ERR_FILE_NOT_FOUND'));
    await expect(stageDirectory(join(root, 'whole', 'secret', 'x'), files)).rejects.toEqual(refused('ERR_FILE_NOT_FOUND'));
    const twice = [...files, files[0] as (typeof files)[0]];
    await expect(stageDirectory(join(root, 'twice'), twice)).rejects.toEqual(refused('ERR_FILE_EXISTS'));
    expect((await readdir(root)).filter((name) => name.startsWith('twice'))).toEqual([]);
    const gone = await stageDirectory(join(root, 'gone'), files);
    await gone.discard();
    await expect(gone.publish()).rejects.toEqual(refused('ERR_FILE_NOT_FOUND'));
  });
});

describe('templates', () => {
  it('are read, or the installation is incomplete', async () => {
    expect(Buffer.from(await readTemplate('trust-check.sh')).toString('utf8')).toMatch(/^#!\/bin\/sh\n/);
    await expect(readTemplate('none' as 'trust-check.sh')).rejects.toEqual(refused('ERR_FILE_NOT_FOUND'));
  });
});
