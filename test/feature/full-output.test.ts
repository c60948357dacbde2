import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { joineryCommand } from '../fakes/joinery-command.ts';

const [joinery, ...first] = joineryCommand();

const LEAF = `-----BEGIN CERTIFICATE-----
MIHYMIGLAhQwru7lcqN8nQCKk0cG3bMfODFB7DAFBgMrZXAwDzENMAsGA1UEAwwE
cm9vdDAeFw0yNjExMjMwOTAxMDlaFw0yNjEyMjMwOTAxMDlaMA8xDTALBgNVBAMM
BGxlYWYwKjAFBgMrZXADIQAe0A9tTd5padB+YttwlcYRujyPPYz5bUZeaeHgN4gp
KTAFBgMrZXADQQBAD9C7GZjXRCojtvbDo7LJ/ewdOEQ/wMgdIFnsh7ypoKWU2Ijr
V7pPFhfqcJ4lIPI7kZ2T7WAbW0pQxDkcf3gN
-----END CERTIFICATE-----
`;

test.runIf(process.platform === 'linux')('a result that the disk behind stdout has no room for is one error, no crash', () => {
  const full = openSync('/dev/full', 'w');
  try {
    const { status, stderr } = spawnSync(joinery, [...first, 'completion', 'bash'], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([7, 'error: the output: expected space on the disk, found none left [ERR_FILE_DISK_FULL]\n']);
  } finally {
    closeSync(full);
  }
});

test.runIf(process.platform === 'linux')('help that the disk behind stdout has no room for sets the status', () => {
  const full = openSync('/dev/full', 'w');
  try {
    for (const argv of [['--help'], ['token'], ['token', 'mint', '--help']]) {
      expect(spawnSync(joinery, [...first, ...argv], { stdio: ['ignore', full, 'inherit'] }).status).toBe(7);
    }
  } finally {
    closeSync(full);
  }
});

test.runIf(process.platform === 'linux')(
  'a warning that the disk behind stderr has no room for sets the status, be it the last thing said',
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'joinery-warning-'));
    const full = openSync('/dev/full', 'w');
    try {
      // Twice, and without its root: the warning comes last.
      writeFileSync(join(directory, 'chain.pem'), LEAF.repeat(2));
      const { status, stdout } = spawnSync(joinery, [...first, 'cert', 'fingerprint', join(directory, 'chain.pem')], {
        stdio: ['ignore', 'pipe', full],
        encoding: 'utf8',
      });
      expect([status, stdout.split('\n')[0]]).toEqual([7, 'subject         CN=leaf']);
    } finally {
      closeSync(full);
      rmSync(directory, { recursive: true, force: true });
    }
  },
);

test.runIf(process.platform === 'linux')('a pipe that takes no more for a while, and makes nobody wait, loses nothing', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'joinery-pipe-'));
  const pipe = join(directory, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const end = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const whole = execFileSync(joinery, [...first, 'completion', 'bash']);
    // More than a pipe holds.
    expect(whole.length).toBeGreaterThan(65536);
    // dd makes the open pipe one that makes nobody wait, and leaves it so.
    const script = 'exec >"$1"; shift; dd if=/dev/null oflag=nonblock 2>/dev/null; exec "$@"';
    const child = spawn('sh', ['-c', script, 'sh', pipe, joinery, ...first, 'completion', 'bash'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const ended = once(child, 'exit');
    await new Promise((resolve) => setTimeout(resolve, 1000));
    expect(child.exitCode).toBe(null);
    const pieces = [];
    for (let rest = true; rest;) {
      const piece = await pieceOf(end);
      if (piece.length > 0) pieces.push(piece);
      rest = child.exitCode === null || piece.length > 0;
    }
    expect((await ended)[0]).toBe(0);
    expect(Buffer.concat(pieces).equals(whole)).toBe(true);
  } finally {
    closeSync(end);
    rmSync(directory, { recursive: true, force: true });
  }
});

/** What is in the pipe, a moment later. */
async function pieceOf(pipe: number): Promise<Buffer> {
  await new Promise((resolve) => setTimeout(resolve, 10));
  const buffer = Buffer.alloc(65536);
  try {
    return buffer.subarray(0, readSync(pipe, buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    return buffer.subarray(0, 0);
  }
}
