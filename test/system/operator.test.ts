/** What a tired operator meets on a real machine: a full disk, a directory of somebody else's, other shells. Runs as root in CI. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { joineryCommand, joineryWords } from '../fakes/joinery-command.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const [program, ...first] = joineryCommand();
let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'joinery-operator-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function joinery(argv: readonly string[], cwd = directory) {
  const child = spawnSync(program, [...first, ...argv], {
    cwd,
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', HOME: directory },
    input: '',
  });
  return { exit: child.status, stdout: child.stdout, stderr: child.stderr };
}

const INIT = [
  'init',
  '--environment',
  'lab',
  '--domain',
  'lab.example',
  '--cluster',
  'prod',
  '--roles',
  'worker',
  '--insecure-plaintext-keys',
  '--quiet',
];

describe('a full disk', () => {
  const withDisk = (kilobytes: number, work: (disk: string) => void) => {
    const disk = join(directory, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'tmpfs', disk]);
    try {
      work(disk);
    } finally {
      execFileSync('umount', [disk]);
    }
  };

  test('at init: one error, nothing left', () => {
    withDisk(32, (disk) => {
      const { exit, stderr } = joinery([...INIT, '--realm', 'r'], disk);
      expect([exit, stderr]).toEqual([7, expect.stringContaining('ERR_FILE_DISK_FULL')]);
      expect(readdirSync(disk)).toEqual([]);
    });
  });

  test('later: a refused change leaves the realm whole', () => {
    withDisk(1024, (disk) => {
      expect(joinery(INIT, disk).exit).toBe(0);
      writeFileSync(join(disk, 'filler'), '');
      spawnSync('dd', ['if=/dev/zero', `of=${disk}/filler`, 'bs=4k']);
      const full = joinery(['ca', 'create', 'web-root'], disk);
      expect([full.exit, full.stderr]).toEqual([7, expect.stringContaining('ERR_FILE_DISK_FULL')]);
      rmSync(join(disk, 'filler'));
      expect(joinery(['audit', 'verify'], disk).exit).toBe(0);
      expect(joinery(['ca', 'list', '--json'], disk).stdout).not.toContain('web-root');
      expect(joinery(['ca', 'create', 'web-root'], disk).exit).toBe(0);
    });
  });
});

test('a realm of another user is refused by name, not with a stack', () => {
  expect(joinery(INIT).exit).toBe(0);
  chmodSync(directory, 0o755);
  // The other user has a copy of the program that it may read.
  const program = mkdtempSync(join(tmpdir(), 'joinery-program-'));
  try {
    chmodSync(program, 0o755);
    for (const part of ['bin', 'dist', 'package.json', 'templates']) cpSync(join(root, part), join(program, part), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(program, 'node_modules'));
    const child = spawnSync(
      'setpriv',
      ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, join(program, 'bin/run.js'), 'ca', 'list'],
      { cwd: directory, encoding: 'utf8', env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent' } },
    );
    expect([child.status, child.stderr]).toEqual([3, expect.stringMatching(/^error: .* \[ERR_FILE_ACCESS\]\n/)]);
  } finally {
    rmSync(program, { recursive: true, force: true });
  }
});

test('a question at a real terminal: the passphrase is not shown, ctrl-C leaves nothing', () => {
  const shell = `${joineryWords()} init --environment lab --domain lab.example --realm r`;
  const child = spawnSync('bash', ['-c', `{ sleep 2; printf '\\003'; sleep 1; } | script -qefc "$LINE" /dev/null`], {
    cwd: directory,
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', HOME: directory, TERM: 'xterm', LINE: shell },
  });
  expect(child.status).toBe(130);
  // Compiled code is kept in the home, which says nothing of what was asked.
  expect(readdirSync(directory).filter((name) => name !== '.cache')).toEqual([]);
});
