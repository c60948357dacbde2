import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../cli/harness.ts';

const cwd = mkdtempSync(join(tmpdir(), 'joinery-cluster-command-'));
const at = (name: string) => join(cwd, name);
const env = { JOINERY_REALM: at('realm') };
const joinery = (line: string) =>
  runCli(
    line.split(' ').map((word) => word.replace(/^@/, `${cwd}/`)),
    { env, cwd },
  );
const read = (name: string) => readFileSync(at(name), 'utf8').trim();

beforeAll(async () => {
  await joinery('init --environment lab --domain lab.example --cluster prod --roles server --insecure-plaintext-keys');
});

describe('joinery cluster', () => {
  it('starts a cluster, and says where its token goes before it makes one', async () => {
    expect((await joinery('cluster status')).stdout).toBe('no cluster has a shared certificate\n');
    expect((await joinery('cluster init prod --json')).json().error.code).toBe('ERR_USAGE');
    const { json, exit } = await joinery('cluster init prod --dns db.lab.example --ip 10.0.0.7 --token-out @t1 --token-ttl never --json');
    expect(exit).toBe(0);
    expect(json().data).toMatchObject({
      cluster: 'prod',
      phase: 'stable',
      authorities: ['prod-ca'],
      token_expires_at: 'never',
      token_file: at('t1'),
    });
    expect(statSync(at('t1')).mode & 0o777).toBe(0o600);
    expect(read('t1').split(':')[1]).toBe(json().data['ca_fingerprint']);
    expect((await joinery('cluster rotate-token --token-out @t1')).exit).toBe(5);
    expect((await joinery('cluster seal --out @none')).stdout).toBe('the cluster has no members\n');
  });

  it('registers members, and seals to them what only they open', async () => {
    const key = await joinery('cluster member key --out @n1.key');
    expect(key.stdout).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
    await joinery('cluster member key --out @n2.key --public @n2.pub');
    expect((await runCli(['cluster', 'member', 'add', 'node-1', '--key', '-'], { env, cwd, stdin: key.stdout })).exit).toBe(0);
    expect((await joinery('cluster member add node-2 --key @n2.pub')).stdout).toContain('Next: joinery cluster seal --node node-2');
    expect((await joinery('cluster seal --node node-1 --out @a1')).stdout).toContain('  prod-1-node-1.jwe');
    const fingerprint = read('t1').split(':')[1];
    const unsealed = await joinery(`cluster unseal @a1/prod-1-node-1.jwe --key @n1.key --ca-fingerprint ${fingerprint} --out @h1`);
    expect(unsealed.stdout).toContain('h1/cluster.key');
    const wrong = await joinery(`cluster unseal @a1/prod-1-node-1.jwe --key @n2.key --ca-fingerprint ${fingerprint} --out @h2 --json`);
    expect(wrong.json().error.code).toBe('ERR_CLUSTER_ANSWER_KEY');
    expect((await joinery('cluster member confirm node-1')).stdout).toBe('node-1 has answer 1\n');
  });

  it('rotates the certificate and ends the overlap', async () => {
    expect((await joinery('cluster rotate-cert')).stderr).toContain('--out: expected a new directory');
    const rotated = await joinery('cluster rotate-cert --overlap 1s --ttl 20y --out @a2');
    expect(rotated.stdout).toContain('prod-2-node-2.jwe');
    expect(rotated.stderr).toContain('a leaf never outlives its issuer');
    expect((await joinery('cluster rotate-cert --end-overlap --force')).stdout).toMatch(/^revoked [0-9a-f]{32}\n$/);
    expect((await joinery('cluster rotate-cert --end-overlap')).stdout).toBe('no certificate was superseded\n');
    expect((await joinery('cluster rotate-token --reveal --token-uses 2 --token-ttl 1h --json')).json().data['token']).toMatch(
      /^[0-9a-f]{64}:/,
    );
  });

  it('rotates the authority step by step, with a pre-flight', async () => {
    expect((await joinery('cluster rotate-ca trust-new --dry-run')).stdout).toBe('nothing would break\n');
    expect((await joinery('cluster rotate-ca rollback --reveal')).exit).toBe(5);
    expect((await joinery('cluster rotate-ca trust-new --out @a3')).stdout).toContain('authorities  prod-ca, prod-ca-2');
    const dry = await joinery('cluster rotate-ca issue-new --dry-run --json');
    expect([dry.exit, dry.json().data['clear']]).toEqual([4, false]);
    expect((await joinery('cluster rotate-ca issue-new --out @a4')).stderr).toContain('--token-out: expected a file');
    expect((await joinery('cluster rotate-ca issue-new --out @a4 --reveal')).stderr).toContain('has not confirmed answer');
    for (const node of ['node-1', 'node-2']) await joinery(`cluster member confirm ${node}`);
    expect((await joinery('cluster rotate-ca issue-new --out @a4 --token-out @t2')).stdout).toContain('token file');
    expect((await joinery('cluster rotate-ca rollback --out @a5 --token-out @t3')).stdout).toContain('trust-new');
    expect((await joinery('cluster rotate-ca issue-new --force --out @a6 --reveal')).exit).toBe(0);
    const retired = await joinery('cluster rotate-ca retire-old --force --out @a7 --json');
    expect(retired.json().data).toMatchObject({ phase: 'stable', authorities: ['prod-ca-2'] });
    expect(retired.json().warnings).toContain('after this there is no way back to prod-ca');
  });

  it('puts a node out', async () => {
    const { stdout, stderr } = await joinery('cluster evict node-2 --reason stolen --out @a8 --token-out @t4');
    expect(stdout).toContain('node-1.jwe');
    expect(stdout).not.toContain('node-2.jwe');
    expect(stderr).toContain('the old certificate is revoked');
    const status = await joinery('cluster status prod');
    expect(status.stdout).toContain('evicted: node-2');
    expect(status.stdout).toMatch(/^node-1 +\d+ +behind$/m);
    expect((await joinery('cluster status --json')).json().data['clusters']).toHaveLength(1);
  });
});
