import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { systemFiles } from '../../src/adapters/files.ts';
import { MAX_OFFLINE_FILE } from '../../src/core/join/offline.ts';
import { carriedFiles, readableFiles } from '../../src/cli/offline-files.ts';

const stick = mkdtempSync(join(tmpdir(), 'joinery-stick-'));
afterAll(() => rmSync(stick, { recursive: true }));

describe('files on a stick', () => {
  it('takes those that lie on it, and neither pipes nor links out of it', async () => {
    writeFileSync(join(stick, 'n1.request.json'), '{}');
    writeFileSync(join(stick, '._n1.request.json'), 'x');
    writeFileSync(join(stick, 'n1.answer.json'), 'x');
    execFileSync('mkfifo', [join(stick, 'n2.request.json')]);
    symlinkSync('/etc/passwd', join(stick, 'n3.request.json'));
    symlinkSync('/nowhere', join(stick, 'n4.request.json'));
    const found = await carriedFiles(systemFiles, [stick], '.request.json');
    expect(found.map(({ what }) => what)).toEqual([join(stick, 'n1.request.json')]);
    await expect(carriedFiles(systemFiles, [stick], '.other.json')).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
  });

  it('goes on after one that is too large to be any, and says so of it', async () => {
    const other = join(stick, 'other');
    mkdirSync(other);
    const large = join(other, 'a.request.json');
    writeFileSync(large, '');
    truncateSync(large, MAX_OFFLINE_FILE + 1);
    await expect(readableFiles(systemFiles, [other], '.request.json')).rejects.toMatchObject({ code: 'ERR_INPUT_TOO_LARGE' });
    writeFileSync(join(other, 'b.request.json'), '{}');
    expect(await carriedFiles(systemFiles, [other], '.request.json')).toEqual([
      { what: large, error: expect.objectContaining({ code: 'ERR_INPUT_TOO_LARGE' }) as unknown },
      { what: join(other, 'b.request.json'), bytes: expect.any(Uint8Array) as unknown },
    ]);
    expect((await readableFiles(systemFiles, [other], '.request.json')).map(({ what }) => what)).toEqual([join(other, 'b.request.json')]);
    await expect(carriedFiles(systemFiles, [join(stick, 'none')], '.request.json')).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
  });
});
