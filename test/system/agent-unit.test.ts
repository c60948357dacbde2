/** The systemd unit of the node agent, by systemd's own tools. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const template = fileURLToPath(new URL('../../templates/systemd/joinery-node-agent.service', import.meta.url));
let directory = '';
let unit = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'joinery-unit-'));
  unit = join(directory, 'joinery-node-agent.service');
  writeFileSync(unit, readFileSync(template, 'utf8').replace('/usr/bin/joinery ', `${process.execPath} `));
});
afterAll(() => rmSync(directory, { recursive: true }));

it('is accepted by systemd without a word', () => {
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

it('is hardened as far as a service that runs hooks as root can be', () => {
  const options = ['security', '--offline=true', '--no-pager', '--threshold=50', unit];
  const { status, stdout } = spawnSync('systemd-analyze', options, { encoding: 'utf8' });
  expect({ status, verdict: /Overall exposure level.*/.exec(stdout)?.[0] }).toEqual({
    status: 0,
    verdict: expect.stringContaining('OK') as string,
  });
});
