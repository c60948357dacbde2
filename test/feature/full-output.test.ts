import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { expect, test } from 'vitest';
import { joineryCommand } from '../fakes/joinery-command.ts';

const [joinery, ...first] = joineryCommand();

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
