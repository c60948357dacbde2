import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { systemFiles } from '../../src/adapters/files.ts';
import { carriedFiles } from '../../src/cli/offline-files.ts';

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
});
