/** joinery as npm installs it from a packed tarball: the command for everybody, and the library for a service, with its types. */
import { execFileSync, spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const clone = fileURLToPath(new URL('../..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(clone, 'package.json'), 'utf8')) as { version: string };
const work = mkdtempSync(join(tmpdir(), 'joinery-npm-'));
const prefix = join(work, 'prefix');
const installed = join(prefix, 'lib/node_modules/joinery');
let tarball = '';

/** Of the environment nothing but where Node.js is. */
const run = (command: string, args: readonly string[], cwd = work) =>
  spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: 300_000,
    env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin`, HOME: work },
  });

beforeAll(() => {
  execFileSync(process.execPath, [join(clone, 'bin/man.js')]);
  const npm = (...args: string[]) => execFileSync('npm', args, { cwd: clone, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  tarball = join(work, npm('pack', '--ignore-scripts', '--pack-destination', work).trim());
  npm('install', '--global', '--prefix', prefix, '--prefer-offline', '--ignore-scripts', tarball);
}, 600_000);
afterAll(() => rmSync(work, { recursive: true, force: true }));

it('the tarball has what runs and what documents it, and nothing of the tests', () => {
  const files = run('tar', ['-tzf', tarball]).stdout.trim().split('\n');
  expect(files).toEqual(
    expect.arrayContaining(['bin/run.js', 'dist/index.d.ts', 'dist/man/joinery.1', 'LICENSE'].map((path) => `package/${path}`)),
  );
  expect(files.filter((path) => /^package\/(test|src\/(?!proto)|bin\/(?!run)|dist\/(binary|deb|release))/.test(path))).toEqual([]);
  expect(lstatSync(tarball).size).toBeLessThan(8 * 1024 * 1024);
});

describe('the command', () => {
  const joinery = (...argv: string[]) => run(join(prefix, 'bin/joinery'), argv);

  it('says its version', () => {
    expect(joinery('--version')).toMatchObject({ status: 0, stdout: expect.stringContaining(`joinery/${version}`) as string, stderr: '' });
  });

  it('walks the whole way', () => {
    const { status, stdout, stderr } = joinery('demo');
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: expect.stringContaining('A bare node can now be told whom to trust') as string,
      stderr: '',
    });
  });

  it('has its man page', () => {
    expect(readFileSync(join(prefix, 'share/man/man1/joinery.1'), 'utf8')).toContain('.TH "JOINERY" 1');
    expect(readdirSync(join(installed, 'dist/man'))).toContain('joinery-token-mint.1');
  });
});

describe('the library', () => {
  const service = join(work, 'service');
  beforeAll(() => {
    mkdirSync(join(service, 'node_modules'), { recursive: true });
    symlinkSync(installed, join(service, 'node_modules/joinery'));
    symlinkSync(join(clone, 'node_modules/@types'), join(service, 'node_modules/@types'));
    writeFileSync(join(service, 'package.json'), '{"type":"module"}');
  });

  it('is imported by a module of ECMAScript', () => {
    writeFileSync(
      join(service, 'main.js'),
      `import { canonicalJson, createBootstrapClient, createBootstrapServer, ERRORS, parseStrictJson } from 'joinery';
console.log(canonicalJson(parseStrictJson('{"b":1,"a":[]}')), typeof createBootstrapClient, typeof createBootstrapServer, ERRORS.ERR_USAGE.family);`,
    );
    const { status, stdout, stderr } = run('node', ['main.js'], service);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '{"a":[],"b":1} function function usage\n', stderr: '' });
  });

  it('has types that a strict service compiles with', () => {
    writeFileSync(
      join(service, 'main.ts'),
      `import { type BootstrapClient, canonicalJson, createBootstrapClient, type ErrorCode, isJoineryError, type JsonObject, verifyJwt } from 'joinery';
export const text: string = canonicalJson({ a: 1 } satisfies JsonObject);
export const create: (...options: Parameters<typeof createBootstrapClient>) => Promise<BootstrapClient> | BootstrapClient = createBootstrapClient;
export const code = (error: unknown): ErrorCode | undefined => (isJoineryError(error) ? error.code : undefined);
// @ts-expect-error there is no such thing
export const none = verifyJwt.nothing;
`,
    );
    const options = [
      '--strict',
      '--noEmit',
      '--module',
      'nodenext',
      '--target',
      'es2024',
      '--types',
      'node',
      '--exactOptionalPropertyTypes',
      '--skipLibCheck',
      'false',
    ];
    const { status, stdout } = run('node', [join(clone, 'node_modules/typescript/bin/tsc'), ...options, 'main.ts'], service);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  it('has nothing that attw or publint mind', () => {
    const attw = run('node', [
      join(clone, 'node_modules/@arethetypeswrong/cli/dist/index.js'),
      tarball,
      '--profile',
      'esm-only',
      '--format',
      'json',
    ]);
    expect(attw.status).toBe(0);
    const publint = run('node', [join(clone, 'node_modules/publint/src/cli.js'), '--strict', tarball]);
    expect([publint.status, publint.stdout]).toEqual([0, expect.stringContaining('All good!')]);
  });
});
