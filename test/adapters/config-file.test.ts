import { execFileSync } from 'node:child_process';
import { chmodSync, lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { findConfig, loadConfig, parseCloudYaml, parseYaml, renderConfig } from '../../src/adapters/config-file.ts';
import { parseRealmConfig } from '../../src/core/realm/config.ts';

const config = parseRealmConfig(
  { schema: 'joinery/realm-config/1', environment: { name: 'lab', domain: 'lab.example' }, trust_domain: 'lab.example', clusters: [] },
  'test',
);
const coded = (code: string) => expect.objectContaining({ code });
let directory = '';
let text = '';

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'joinery-config-'));
  text = await renderConfig(config);
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('what init writes is read back, as YAML and as JSON', async () => {
  writeFileSync(join(directory, 'joinery.yaml'), text);
  expect(await loadConfig(directory)).toEqual({ directory, config });
  rmSync(join(directory, 'joinery.yaml'));
  writeFileSync(join(directory, 'joinery.json'), JSON.stringify(config));
  expect(await loadConfig(directory)).toEqual({ directory, config });
});

test('no realm is one clear error', async () => {
  await expect(loadConfig(directory)).rejects.toThrow(coded('ERR_REALM_NOT_FOUND'));
  await expect(loadConfig(join(directory, 'none'))).rejects.toThrow(coded('ERR_REALM_NOT_FOUND'));
  await expect(findConfig(directory)).rejects.toThrow(coded('ERR_REALM_NOT_FOUND'));
});

test('outside home the search does not walk: a configuration in a shared parent is not adopted', async () => {
  writeFileSync(join(directory, 'joinery.yaml'), text);
  mkdirSync(join(directory, 'sub'));
  expect((await findConfig(directory)).directory).toBe(directory);
  await expect(findConfig(join(directory, 'sub'))).rejects.toThrow(coded('ERR_REALM_NOT_FOUND'));
});

test('a configuration of somebody else counts only where it is named: it can name programs to run', async () => {
  const path = join(directory, 'joinery.yaml');
  writeFileSync(path, text);
  chmodSync(path, 0o666);
  const message = `${path}: expected a file of user ${process.getuid?.()} or root, found one that everybody may write`;
  await expect(findConfig(directory)).rejects.toMatchObject({ code: 'ERR_CONFIG_FOREIGN', message });
  chmodSync(path, 0o664);
  expect((await findConfig(directory)).directory).toBe(directory);
  expect(await foreign(path, () => findConfig(directory))).toMatchObject({
    code: 'ERR_CONFIG_FOREIGN',
    hint: expect.stringContaining(`--realm ${directory}`),
  });
  expect(await foreign(path, () => loadConfig(directory))).toEqual({ directory, config });
  // A link that somebody else made leads to state that somebody else made.
  mkdirSync(join(directory, 'sub'));
  symlinkSync(path, join(directory, 'sub/joinery.yaml'));
  expect((await findConfig(join(directory, 'sub'))).directory).toBe(join(directory, 'sub'));
  expect(await foreign(join(directory, 'sub/joinery.yaml'), () => findConfig(join(directory, 'sub')))).toMatchObject({
    code: 'ERR_CONFIG_FOREIGN',
  });
});

/** What comes of it where the file belongs to another user: root gives it away, anybody else becomes the other one. */
async function foreign(path: string, run: () => Promise<unknown>): Promise<unknown> {
  const own = process.getuid?.() ?? 0;
  if (own === 0) lchownSync(path, 12_345, 12_345);
  else vi.spyOn(process, 'getuid').mockReturnValue(own + 1);
  try {
    return await run().catch((error: unknown) => error);
  } finally {
    if (own === 0) lchownSync(path, own, own);
    vi.restoreAllMocks();
  }
}

test('below home the search walks up to home', async () => {
  const below = mkdtempSync(join(homedir(), '.joinery-test-'));
  try {
    mkdirSync(join(below, 'a/b'), { recursive: true });
    writeFileSync(join(below, 'joinery.yaml'), text);
    expect((await findConfig(join(below, 'a/b'))).directory).toBe(below);
    rmSync(join(below, 'joinery.yaml'));
    await expect(findConfig(join(below, 'a/b'))).rejects.toThrow('up to home');
  } finally {
    rmSync(below, { recursive: true, force: true });
  }
});

test('executable configuration is not read, an import of other files is not obeyed', async () => {
  writeFileSync(join(directory, 'joinery.js'), 'throw new Error("executed")');
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ joinery: config }));
  await expect(loadConfig(directory)).rejects.toThrow(coded('ERR_REALM_NOT_FOUND'));
  writeFileSync(join(directory, 'other.yaml'), text);
  writeFileSync(join(directory, 'joinery.yaml'), '$import: ./other.yaml\n');
  await expect(loadConfig(directory)).rejects.toThrow(coded('ERR_CONFIG_MALFORMED'));
});

test.each([
  ['', 'found null'],
  ['a: [', 'expected YAML'],
  ['a: 1\na: 2\n', 'expected YAML'],
  ['- 1', 'found an array'],
])('%j is refused', async (document, message) => {
  writeFileSync(join(directory, 'joinery.yaml'), document);
  await expect(loadConfig(directory)).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG_MALFORMED', message: expect.stringContaining(message) }),
  );
});

test('a pipe in its place is refused: it would be read for ever', async () => {
  execFileSync('mkfifo', [join(directory, 'joinery.yaml')]);
  await expect(loadConfig(directory)).rejects.toMatchObject({
    code: 'ERR_FILE_ACCESS',
    message: expect.stringContaining('expected a file'),
  });
});

test('a directory in its place, an oversized text and a billion laughs are coded errors', async () => {
  mkdirSync(join(directory, 'joinery.yaml'));
  await expect(loadConfig(directory)).rejects.toThrow(coded('ERR_FILE_ACCESS'));
  await expect(parseYaml('x'.repeat(1024 * 1024 + 1), 'f')).rejects.toThrow(coded('ERR_INPUT_TOO_LARGE'));
  const laughs = [
    'a: &a [x, x, x, x, x, x, x, x, x, x]',
    ...'bcdefg'.split('').map((name, index) => `${name}: &${name} [${`*${'abcdefg'[index]},`.repeat(10)}]`),
  ].join('\n');
  await expect(parseYaml(laughs, 'f')).rejects.toThrow(coded('ERR_CONFIG_MALFORMED'));
});

test.each([
  ['a: !!js/function x', 'Unresolved tag'],
  ['a: !own {b: 1}', 'Unresolved tag'],
  ['a: !!binary aGk=', 'a value that JSON cannot hold'],
  ['a: .inf', 'a value that JSON cannot hold'],
  ['a: &a {b: *a}', 'more than 64 levels'],
  ['%YAML 1.1\n---\na: yes', 'a %YAML directive'],
  ['a: 1\na: 2', 'unique'],
  ['a: 1\n---\nb: 2', 'multiple documents'],
  ['['.repeat(100_000), 'call stack'],
])('YAML that says more than JSON, or something else to another reader, is refused: %s', async (yaml, reason) => {
  await expect(parseYaml(yaml, 'x')).rejects.toThrow(expect.objectContaining({ code: 'ERR_CONFIG_MALFORMED' }));
  await expect(parseYaml(yaml, 'x')).rejects.toThrow(reason);
});

test('aliases that are many are refused before they are opened', async () => {
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const ten = (entry: string) => Array.from({ length: 10 }, () => entry).join();
  const levels = names.map((name, index) => `${name}: &${name} [${ten(index === 0 ? 'x' : `*${names[index - 1]}`)}]`);
  await expect(parseYaml(levels.join('\n'), 'x')).rejects.toThrow('alias');
  expect(await parseYaml('a: &a [1]\nb: *a', 'x')).toEqual({ a: [1], b: [1] });
});

test('cloud-config is read as cloud-init reads it: by YAML 1.1, but for dates and merge keys', async () => {
  const text = 'a: off\nb: 0644\nc: 2032-09-01\nd: &d {e: yes}\nf: {<<: *d}\n';
  expect(await parseCloudYaml(text, 'x')).toEqual({ a: false, b: 420, c: '2032-09-01', d: { e: true }, f: { '<<': { e: true } } });
  expect(await parseYaml('a: off\nb: 0644', 'x')).toEqual({ a: 'off', b: 644 });
});
