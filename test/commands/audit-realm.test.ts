import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../cli/harness.ts';

const home = mkdtempSync(join(tmpdir(), 'joinery-audit-command-'));
const realm = join(home, 'realm');
const joinery = (...argv: string[]) => runCli([...argv, '--realm', realm, '--actor', 'alice'], {});

beforeAll(async () => {
  await joinery('init', '--environment', 'lab', '--domain', 'lab.example.internal', '--insecure-plaintext-keys');
  await joinery('ca', 'create', 'root');
});

describe('joinery audit', () => {
  it('lists records, for people and as JSON, filtered and in pages', async () => {
    const { stdout, exit } = await joinery('audit', 'list');
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^ +0 {2}\S+ {2}realm\.create +ok {2}\S+ {2}by alice \(unverified\)$/m);
    const listed = await joinery('audit', 'list', '--event', 'ca.*', '--by', 'alice', '--since', '1h', '--result', 'ok', '--json');
    expect(listed.json().data['records']).toMatchObject([{ event: 'ca.create', subject: 'root' }]);
    expect((await joinery('audit', 'list', '--from', '0', '--limit', '1')).stdout).toContain('more: --from 1');
    const none = ['--subject', 'nobody', '--correlation', 'c', '--until', '2000-01-01T00:00:00Z'];
    expect((await joinery('audit', 'list', ...none)).stdout).toBe('no records\n');
  });

  it('refuses a time that is none', async () => {
    const refused = await joinery('audit', 'list', '--since', 'yesterday', '--json');
    expect([refused.exit, refused.json().error.code]).toEqual([2, 'ERR_USAGE']);
  });

  it('signs a checkpoint, and verifies the log with it and its key from outside', async () => {
    expect((await joinery('audit', 'verify')).stderr).toContain('no checkpoint covers the log');
    const note = join(home, 'head.txt');
    const signed = await joinery('audit', 'checkpoint', '--out', note, '--json');
    const key = signed.json().data['verifier_key'] as string;
    expect((await joinery('audit', 'checkpoint')).stdout).toBe(readFileSync(note, 'utf8'));
    writeFileSync(join(home, 'key.txt'), `${key}\n`);
    for (const given of [key, join(home, 'key.txt')]) {
      const { stdout, exit } = await joinery('audit', 'verify', '--key', given, '--checkpoint', note);
      expect([exit, stdout]).toEqual([0, expect.stringContaining('the audit log is whole')]);
    }
    expect((await joinery('audit', 'verify', '--json')).json().data).toMatchObject({ tail: 1, key_source: 'realm', outside: false });
  });

  it('exports the bytes of the records', async () => {
    const out = join(home, 'audit.jsonl');
    await joinery('audit', 'export', '--out', out);
    const { stdout } = await joinery('audit', 'export');
    expect(readFileSync(out, 'utf8')).toBe(stdout);
    expect(JSON.parse(stdout.split('\n')[0] as string)).toMatchObject({ seq: 0, event: 'realm.create' });
    expect((await joinery('audit', 'export', '--from', '1', '--json')).json().data['lines']).toEqual(stdout.trimEnd().split('\n').slice(1));
  });

  it('shows one record whole', async () => {
    expect((await joinery('audit', 'show', '0')).stdout).toMatch(/^event +realm\.create$/m);
    expect((await joinery('audit', 'show', '0', '--json')).json().data).toMatchObject({
      record: { seq: 0 },
      leaf_hash: expect.any(String),
    });
    expect((await joinery('audit', 'show', 'first')).exit).toBe(2);
    expect((await joinery('audit', 'show', '99999')).exit).toBe(6);
  });

  it('exports for other pipelines, filtered', async () => {
    expect((await joinery('audit', 'export', '--format', 'cef', '--event', 'ca.*')).stdout).toMatch(/^CEF:0\|joinery\|joinery\|[^\n]*\n$/);
    const lines = await joinery('audit', 'export', '--format', 'syslog', '--hostname', 'ca.example.com', '--subject', 'root');
    expect(lines.stdout).toMatch(/^<109>1 \S+ ca\.example\.com joinery - ca\.create /);
    expect((await joinery('audit', 'export', '--hostname', 'a b')).exit).toBe(2);
  });

  it('proves to somebody without the realm, with a witness, what is in the log', async () => {
    const [head, vkey, witness, cosigned] = ['head1.txt', 'log.vkey', 'witness', 'cosigned.txt'].map((name) => join(home, name)) as [
      string,
      string,
      string,
      string,
    ];
    const signed = await joinery('audit', 'checkpoint', '--out', head, '--json');
    writeFileSync(vkey, `${signed.json().data['verifier_key'] as string}\n`);
    const outside = (...argv: string[]) => runCli(argv, { cwd: home });
    const passphrase = join(home, 'witness.pass');
    writeFileSync(passphrase, 'correct horse battery staple\n');
    const withKey = ['--dir', witness, '--key-passphrase-file', passphrase];
    const made = await outside('audit', 'witness', 'create', '--name', 'w.example', '--log-key', vkey, ...withKey);
    const witnessKey = made.stdout.trim();
    expect((await outside('audit', 'witness', 'sign', head, '--dir', witness)).exit).toBe(2);
    expect((await outside('audit', 'witness', 'sign', head, ...withKey)).stdout).toContain('\n— w.example ');
    await joinery('ca', 'create', 'second');
    await joinery('audit', 'checkpoint');
    const size = signed.json().data['size'] as number;
    const more = join(home, 'more.txt');
    await joinery('audit', 'prove', '--since', String(size), '--out', more);
    expect((await outside('audit', 'witness', 'sign', more, ...withKey, '--out', cosigned)).stdout).toContain('signed as w.example');
    expect((await outside('audit', 'verify-proof', more, '--key', vkey, '--kept', head)).stdout).toContain(`the head of ${size} records`);
    expect((await outside('audit', 'verify-proof', more, '--key', vkey)).exit).toBe(2);
    const proof = await joinery('audit', 'prove', '--record', '1', '--checkpoint', cosigned);
    const verify = ['audit', 'verify-proof', '-', '--key', vkey, '--witness', witnessKey];
    const verified = await runCli([...verify, '--json'], { stdin: proof.stdout });
    expect(verified.json().data).toMatchObject({ kind: 'inclusion', record: { seq: 1 }, cosignatures: [{ witness: 'w.example' }] });
    const whole = await joinery('audit', 'verify', '--key', vkey, '--checkpoint', cosigned, '--witness', witnessKey);
    expect([whole.exit, whole.stdout]).toEqual([0, expect.stringContaining('the audit log is whole')]);
    expect((await joinery('audit', 'verify', '--checkpoint', head, '--witness', witnessKey)).exit).toBe(4);
    const unwitnessed = await joinery('audit', 'prove', '--record', '1', '--json');
    const refused = await runCli([...verify, '--json'], { stdin: unwitnessed.json().data['proof'] as string });
    expect([refused.exit, refused.json().error.code]).toEqual([4, 'ERR_CHECKPOINT_COSIGNATURE']);
    expect((await outside('audit', 'verify-proof', cosigned, '--key', vkey)).stdout).toContain('the proof holds');
    expect((await outside('audit', 'witness', 'create', '--name', 'w', '--log-key', vkey, '--dir', join(home, 'w2'))).stderr).toContain(
      'not encrypted',
    );
    expect((await joinery('audit', 'prove')).exit).toBe(2);
  });
});

describe('joinery realm', () => {
  it('is backed up, restored and upgraded', async () => {
    const [backup, to] = [join(home, 'backup'), join(home, 'restored')];
    expect((await joinery('realm', 'backup', '--out', backup)).stdout).toContain('sha256 of backup.json');
    const restored = await runCli(['realm', 'restore', backup, '--to', to, '--actor', 'alice'], {});
    expect([restored.exit, restored.stderr]).toEqual([0, expect.stringContaining('repeat revocations of that time')]);
    expect((await runCli(['audit', 'list', '--realm', to, '--event', 'realm.restore', '--json'], {})).json().data['records']).toHaveLength(
      1,
    );
    expect((await joinery('realm', 'upgrade')).stdout).toBe('already current: format 1\n');
    expect((await runCli(['realm', 'restore', backup, '--to', to], {})).exit).toBe(5);
  });
});
