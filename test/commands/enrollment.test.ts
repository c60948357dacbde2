import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../src/adapters/sqlite-store.ts';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { recordTrustReport } from '../../src/app/trust-reports.ts';
import { parsePem } from '../../src/core/encoding.ts';
import type { TrustReport } from '../../src/core/join/messages.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { runCli } from '../cli/harness.ts';
import { joinWorld, nodeKey, peerAt } from '../fakes/join-realm.ts';

const directory = join(mkdtempSync(join(tmpdir(), 'joinery-enrollment-')), 'realm');
const run = (line: string) => runCli([...line.split(' '), '--realm', directory]);
const data = async (line: string) => (await run(`${line} --json`)).json().data;

/** A realm on the disk with three nodes of two clusters, as a server would leave it. */
beforeAll(async () => {
  const world = await joinWorld({ clock: systemClock });
  const { realm, service, mint } = world;
  for (const [node, cluster] of [
    ['n1', 'prod'],
    ['n2', 'prod'],
    ['n1', 'Edge'],
  ] as const) {
    const reply = await acceptJoin(
      service,
      { token: await mint({ clusters: [cluster] }), csr: (await nodeKey()).csr, node_id: node },
      peerAt(),
    );
    if (node === 'n2') continue;
    const certificate = parseCertificate(parsePem(reply.certificate_pem)[0]?.der as Uint8Array);
    const held = { version: 1, fingerprint: 'f'.repeat(64), updated_at: '2026-11-22T09:00:00Z' };
    const purposes = cluster === 'Edge' ? { 'control-plane-https': held, 'node-cert-lifecycle': held } : { 'control-plane-https': held };
    await recordTrustReport(service, { purposes } as unknown as TrustReport, peerAt('192.0.2.1', { certificate }));
  }
  await runCli([
    'init',
    '--realm',
    directory,
    '--environment',
    realm.config.environment.name,
    '--domain',
    realm.config.environment.domain,
    '--insecure-plaintext-keys',
  ]);
  writeFileSync(join(directory, 'joinery.yaml'), JSON.stringify(realm.config));
  const store = await openSqliteStore({ path: join(directory, 'state.db') });
  const writes = Object.entries(realm.store.dump())
    .filter(([key]) => key !== 'realm')
    .map(([key, value]) => ({ key, value }));
  await store.commit({ checks: [], writes, audit: [] });
  await store.close();
});

describe('joinery enrollment', () => {
  it('lists the nodes that joined, with their trust', async () => {
    const listed = await run('enrollment list');
    expect(listed.stdout).toMatch(/^prod +n1 +worker +valid +\S+ +1 \/ -$/m);
    expect(listed.stdout).toMatch(/^prod +n2 +worker +valid +\S+ +no report$/m);
    const { enrollments } = (await data('enrollment list --cluster Edge --state valid')) as { enrollments: Record<string, unknown>[] };
    expect(enrollments).toMatchObject([{ cluster: 'Edge', node: 'n1', state: 'valid', trust: { 'node-cert-lifecycle': { version: 1 } } }]);
    expect((await run('enrollment list --state revoked')).stdout).toContain('no node has joined');
  });

  it('shows one', async () => {
    const shown = await run('enrollment show n1 --cluster prod');
    expect(shown.stdout).toMatch(/^control-plane-https +version 1 since 2026-11-22T09:00:00Z$/m);
    expect(shown.stdout).toMatch(/^node-cert-lifecycle +not reported$/m);
    expect(await data('enrollment show n2')).toMatchObject({ node: 'n2', certificates: [{ ca: 'node-issuing' }] });
    expect((await run('enrollment show n1 --json')).json().error).toMatchObject({ code: 'ERR_USAGE' });
    expect(await run('enrollment show n9')).toMatchObject({ exit: 6 });
  });

  it('forgets certificates that ended', async () => {
    expect(await data('enrollment gc')).toEqual({ removed: 0, kept: 3, evidence: { removed: 0, kept: 0 } });
    expect((await run('enrollment gc')).stdout).toBe('forgot 0 certificates, kept 3\nforgot 0 uses of evidence, kept 0\n');
  });

  it('revokes one, once', async () => {
    const revoked = await data('enrollment revoke n2 --reason keyCompromise');
    expect(revoked).toMatchObject({ cluster: 'prod', node: 'n2', reason: 'keyCompromise', already: false });
    expect(revoked['serials']).toHaveLength(1);
    const again = await run('enrollment revoke n2');
    expect(again.stdout).toMatch(/^certificates revoked +none$/m);
    expect(again.stderr).toContain('it was revoked before');
    expect((await run('enrollment show n2')).stdout).toMatch(/^state +revoked at \S+ \(keyCompromise\)$/m);
    expect((await run('enrollment show n2')).stdout).toContain('revoked (keyCompromise)');
    expect(await data('enrollment show n2')).toMatchObject({
      state: 'revoked',
      reason: 'keyCompromise',
      certificates: [{ reason: 'keyCompromise' }],
    });
  });
});

describe('joinery trust adoption', () => {
  it('counts who runs which version, and exits 4 while some are behind', async () => {
    const adoption = await run('trust adoption');
    expect(adoption.exit).toBe(4);
    expect(adoption.stdout).toContain('2 nodes with a valid certificate');
    expect(adoption.stdout).toContain('not on version 1: prod/n1');
    expect(adoption.stdout).toMatch(/^none reported +1/m);
    const edge = await run('trust adoption --cluster Edge --json');
    expect(edge.exit).toBe(0);
    expect(edge.json().data).toMatchObject({ nodes: 1, complete: true, purposes: [{ active_version: 1, unreported: 0 }, {}] });
  });
});
