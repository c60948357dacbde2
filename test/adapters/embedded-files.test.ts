/** Files inside the single executable, as its runtime gives them; test/binary shows the same in the executable itself. */
import { readFileSync, realpathSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { digestOf } from '../../src/core/digest.ts';

const inside = new Map([
  ['templates/drills/b.yaml', 'second'],
  ['templates/drills/a.yaml', 'first'],
  ['templates/join.sh', '#!/bin/sh'],
]);
let executable = false;

vi.mock('node:sea', () => ({
  isSea: () => executable,
  getAssetKeys: () => [...inside.keys()],
  getAsset(name: string, encoding?: string) {
    const text = inside.get(name);
    if (text === undefined) throw Object.assign(new Error('no such asset'), { code: 'ERR_SINGLE_EXECUTABLE_APPLICATION_ASSET_NOT_FOUND' });
    return encoding === undefined ? new TextEncoder().encode(text).buffer : text;
  },
}));
const { embeddedFile, embeddedNames, embeddedText } = await import('../../src/adapters/embedded-files.ts');
const { ownExecutable } = await import('../../src/adapters/own-executable.ts');
const { listTemplates, readTemplate } = await import('../../src/adapters/templates.ts');

afterEach(() => {
  executable = false;
});

test('outside of the executable nothing is embedded, and templates are files', async () => {
  expect([embeddedFile('templates/join.sh'), embeddedText('templates/join.sh'), embeddedNames('templates')]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(await listTemplates('drills')).toContain('cluster-certificate.yaml');
});

test('in the executable templates come from inside, and no file is looked for', async () => {
  executable = true;
  expect(await listTemplates('drills')).toEqual(['a.yaml', 'b.yaml']);
  expect(new TextDecoder().decode(await readTemplate('drills/a.yaml'))).toBe('first');
  expect(embeddedText('templates/join.sh')).toBe('#!/bin/sh');
  await expect(readTemplate('none')).rejects.toMatchObject({ code: 'ERR_FILE_ACCESS' });
});

test('the executable that runs is known by its bytes', async () => {
  await expect(ownExecutable()).rejects.toMatchObject({ code: 'ERR_SELF_NO_EXECUTABLE' });
  executable = true;
  const { digest, path } = await ownExecutable();
  expect([path, digest]).toEqual([realpathSync(process.execPath), digestOf(readFileSync(process.execPath))]);
});
