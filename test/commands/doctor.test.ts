import { chmodSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { DOCTOR_CHECKS } from '../../src/core/doctor/finding.ts';
import { runCli } from '../cli/harness.ts';

const home = mkdtempSync(join(tmpdir(), 'joinery-doctor-command-'));
const realm = join(home, 'realm');
const pass = join(home, 'pass');
const online = join(home, 'online');
const keys = ['--passphrase-file', pass, '--online-passphrase-file', online];
const doctor = (...argv: string[]) => runCli(['doctor', '--realm', realm, ...argv], {});
const codes = (found: { data: Record<string, unknown> }) => (found.data['findings'] as { code: string }[]).map(({ code }) => code);

beforeAll(async () => {
  writeFileSync(pass, 'correct horse battery staple\n');
  writeFileSync(online, 'another battery of horses\n');
  await runCli(['init', '--environment', 'lab', '--domain', 'lab.example.internal', '--realm', realm, ...keys], {});
  await runCli(['audit', 'checkpoint', '--realm', realm, ...keys], {});
});

describe('joinery doctor', () => {
  it('finds nothing in a realm that was just made, also with every key opened', async () => {
    const found = await doctor('--keys', ...keys);
    expect([found.exit, found.stdout]).toEqual([0, expect.stringMatching(/^realm \S+: nothing found\n$/)]);
  });

  it('says what is open, closes it when asked to, and looks again', async () => {
    const file = join(realm, 'joinery.yaml');
    chmodSync(file, 0o666);
    const found = await doctor('--json');
    expect([found.exit, codes(found.json())]).toEqual([4, ['file-mode']]);
    expect(found.json().data).toMatchObject({ kind: 'realm', healthy: false, counts: { info: 0, warn: 0, critical: 1 } });
    const fixed = await doctor('--fix');
    expect([fixed.exit, fixed.stdout]).toEqual([0, expect.stringContaining('fixed ')]);
    expect(statSync(file).mode & 0o777).toBe(0o644);
  });

  it('ends by what it was told to fail on, and obeys other horizons', async () => {
    const warned = await doctor('--warn-before', '100y', '--json');
    expect(warned.exit).toBe(0);
    const failed = await doctor('--warn-before', '100y', '--critical-before', '1s', '--fail-on', 'warn');
    expect(failed.exit).toBe(0);
    expect((await doctor('--warn-before', 'soon')).exit).toBe(2);
    expect((await doctor('--critical-before', '2d')).exit).toBe(0);
  });

  it('names what the configuration allows', async () => {
    const file = join(realm, 'joinery.yaml');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, `${text}\ntoken: { max_lifetime: 2592000 }\n`);
    const found = await doctor('--fail-on', 'warn', '--json');
    expect([found.exit, codes(found.json())]).toEqual([4, ['config-smell']]);
    writeFileSync(file, text);
  });

  it('examines a realm whose configuration or state is damaged', async () => {
    const file = join(realm, 'joinery.yaml');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, 'schema: nonsense\n');
    const found = await doctor('--json');
    expect([found.exit, codes(found.json())]).toEqual([4, ['check-failed']]);
    writeFileSync(file, text);
  });

  it('examines nodes and fleets', async () => {
    mkdirSync(join(home, 'nodes/n1/secrets'), { recursive: true, mode: 0o755 });
    writeFileSync(join(home, 'nodes/n1/secrets/join-token'), 't', { mode: 0o600 });
    const node = await runCli(['doctor', '--node', 'nodes/n1'], { cwd: home });
    expect([node.exit, node.stdout]).toEqual([0, expect.stringContaining('[node-identity]')]);
    const fleet = await runCli(['doctor', '--fleet', 'nodes', '--fail-on', 'warn', '--json'], { cwd: home });
    expect([fleet.exit, fleet.json().data['nodes']]).toEqual([4, 1]);
    expect((await runCli(['doctor', '--node', 'none'], { cwd: home })).exit).toBe(6);
  });

  it('is described check by check in the reference', () => {
    const page = readFileSync(new URL('../../docs/reference/doctor.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `([a-z-]+)` +\| (.*?) +\|$/gm)].map(([, code, title]) => [code, title]);
    expect(Object.fromEntries(rows)).toEqual(DOCTOR_CHECKS);
  });
  it('finds each fault of the table where a test has planted it', () => {
    const folders = ['../app/doctor.test.ts', '../app/doctor-enrollments.test.ts', '../core/doctor/rules.test.ts', './doctor.test.ts'];
    const tests = folders.map((path) => readFileSync(new URL(path, import.meta.url), 'utf8')).join('');
    expect(Object.keys(DOCTOR_CHECKS).filter((code) => !new RegExp(`\\b${code}\\b`).test(tests))).toEqual([]);
  });
});
