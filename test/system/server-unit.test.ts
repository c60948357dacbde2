/** The systemd unit of the server, by systemd's own tools. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const template = fileURLToPath(new URL('../../templates/systemd/joinery-server.service', import.meta.url));
let directory = '';
let unit = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'joinery-unit-'));
  unit = join(directory, 'joinery-server.service');
  // verify wants the program to be there; here it is not installed.
  writeFileSync(unit, readFileSync(template, 'utf8').replace('/usr/bin/joinery ', `${process.execPath} `));
});
afterAll(() => rmSync(directory, { recursive: true }));

it('is accepted by systemd without a word', () => {
  // It returns 0 on unknown keys, and says so on stderr.
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

it.each(['joinery-server', 'joinery-node-agent'])(
  '%s is reloaded without a program that a minimal Debian lacks, like /bin/kill',
  (name) => {
    const text = readFileSync(template.replace('joinery-server', name), 'utf8');
    const programs = [...text.matchAll(/^Exec\w+=[-@:+!]*(\S+)/gm)].map(([, program]) => program);
    expect(programs).toEqual(['/usr/bin/joinery', '/bin/sh']);
  },
);

it('is hardened as far as a network service can be', () => {
  const options = ['security', '--offline=true', '--no-pager', '--threshold=20', unit];
  const { status, stdout } = spawnSync('systemd-analyze', options, { encoding: 'utf8' });
  expect({ status, verdict: /Overall exposure level.*/.exec(stdout)?.[0] }).toEqual({
    status: 0,
    verdict: expect.stringContaining('OK') as string,
  });
});
