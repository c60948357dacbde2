import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../cli/harness.ts';

const cwd = mkdtempSync(join(tmpdir(), 'joinery-ceremony-command-'));
const at = (name: string) => join(cwd, name);
const joinery = (line: string) => runCli(line.split(' '), { env: { JOINERY_REALM: at('realm') }, cwd });
const file = at('roots.yaml');

beforeAll(async () => {
  await joinery('init --environment lab --domain lab.example --insecure-plaintext-keys');
  const times = "serial: random, not_before: '2026-01-01T00:00:00Z', not_after: '2036-01-01T00:00:00Z'";
  writeFileSync(
    file,
    `schema: joinery/ceremony/1
title: Lab root
environment: lab
steps:
  - { kind: root, name: root, subject: 'CN=Root,O=Lab', key_type: p256, custody: offline, ${times} }
  - kind: crl
    issuer: root
    number: 1
    this_update: '2026-11-22T00:00:00Z'
    next_update: '2027-11-22T00:00:00Z'
    revoked: [{ serial: '${'6b'.repeat(16)}', at: '2026-11-21T00:00:00Z', reason: superseded }]
`,
  );
});

describe('joinery ceremony', () => {
  it('shows, performs and verifies', async () => {
    const dry = await joinery(`ceremony run ${file} --dry-run`);
    expect(dry.stdout).toContain('step 1, root root');
    expect(dry.stdout).toMatch(/^path len +any$/m);
    expect(dry.stdout).toContain(`revoked ${'6b'.repeat(16)} 2026-11-21T00:00:00Z superseded`);
    expect((await joinery(`ceremony run ${file} --dry-run --json`)).json().data['steps']).toHaveLength(2);
    expect((await joinery('ca list --json')).json().data['authorities']).toEqual([]);
    expect((await joinery(`ceremony run ${file}`)).stderr).toContain('--out: expected a file for the record');
    const run = await joinery(`ceremony run ${file} --out ${at('record.json')}`);
    expect(run.exit).toBe(0);
    expect(run.stdout).toContain('step 2, crl root');
    const verified = await joinery(`ceremony verify ${file} --record ${at('record.json')}`);
    expect(verified.stdout).toMatch(/^ok {2}step 1, root root\nok {2}step 2, crl root\n/);
    expect(verified.stdout).toContain('(unverified)');
    const again = await joinery(`ceremony run ${file} --out ${at('again.json')} --json`);
    expect([again.json().data['again'], again.json().warnings.length]).toEqual([true, 2]);
    expect(readFileSync(at('again.json'))).toEqual(readFileSync(at('record.json')));
  });

  it('names the first difference', async () => {
    const text = readFileSync(file, 'utf8').replace('CN=Root,O=Lab', 'CN=Other,O=Lab');
    const verified = await runCli(['ceremony', 'verify', '-', '--record', at('record.json'), '--json'], { cwd, stdin: text });
    expect([verified.exit, verified.json().error.code]).toEqual([4, 'ERR_CEREMONY_MISMATCH']);
    expect(verified.json().error.message).toMatch(/^ceremony: expected [0-9a-f]{64}, found [0-9a-f]{64}$/);
    const broken = await runCli(['ceremony', 'verify', '-', '--record', at('record.json')], { cwd, stdin: 'steps: [' });
    expect(broken.exit).toBe(3);
  });
});
