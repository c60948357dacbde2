import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mintToken } from '../../src/app/mint-token.ts';
import type { Realm } from '../../src/app/realm.ts';
import { AuditVerifier } from '../../src/core/audit/verify.ts';
import { auditEvents, fillJoinRealm, JOIN_DOMAIN, nodeKey } from '../fakes/join-realm.ts';
import { JOIN_STEPS, type JoinFault, type JoinStep, openDiskRealm, serveJoin } from './join-child.ts';

const child = fileURLToPath(new URL('join-child.ts', import.meta.url));
const directory = await mkdtemp(join(tmpdir(), 'joinery-join-kill-'));
let realm: Realm;

beforeAll(async () => {
  realm = await openDiskRealm(directory, { create: true });
  await fillJoinRealm(realm);
});
afterAll(async () => {
  await realm.store.close();
  await rm(directory, { recursive: true });
});

interface Wanted {
  readonly token: string;
  readonly csr: string;
  readonly node_id: string;
}

/** What a process of its own says, or the signal that ended it. */
function serveElsewhere(request: Wanted, ...fault: readonly string[]): Promise<string> {
  const process_ = spawn(process.execPath, [child, directory, ...fault], { stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  process_.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  process_.stdin.end(JSON.stringify(request));
  return new Promise((resolve) => process_.once('close', (_code, signal) => resolve(signal ?? said)));
}

const serve = (request: Wanted) => serveJoin(realm, request, () => undefined);
const mint = async () => (await mintToken(realm, { clusters: ['prod'], role: 'worker' })).token.reveal();
const idOf = (token: string) => (JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as { jti: string }).jti;
const usesOf = async (token: string) =>
  ((await realm.store.get(`token-use/jwt/${JOIN_DOMAIN}/${idOf(token)}`))?.value as { used: number } | undefined)?.used ?? 0;

const SERIAL = /^[0-9a-f]{32,40}$/;

/** What the store knows of a node: all of a join, or nothing of it. */
async function traces(node: string): Promise<Record<string, number>> {
  const record = (await realm.store.get(`node/prod/${node}`))?.value as { serial: string } | undefined;
  const serial = record?.serial ?? '';
  const events = (await auditEvents(realm)).filter(
    ({ event, subject, details }) => event === 'join.accept' && subject === node && details?.['serial'] === serial,
  );
  const certificate = serial === '' ? undefined : await realm.store.get(`cert/${serial}`);
  const issuance = serial === '' ? undefined : await realm.store.get(`node-cert/${serial}`);
  return {
    node: record === undefined ? 0 : 1,
    certificate: certificate === undefined ? 0 : 1,
    issuance: issuance === undefined ? 0 : 1,
    audit: events.length,
  };
}

const NOTHING = { node: 0, certificate: 0, issuance: 0, audit: 0 };
const ALL = { node: 1, certificate: 1, issuance: 1, audit: 1 };

describe('a server that dies, or whose disk fails, at any step of a join', () => {
  const table: string[][] = [
    ['step', 'fault', 'the server says', 'the store holds', 'same key again', 'then another key', 'other key first'],
  ];
  afterAll(() => {
    console.log(table.map((row) => row.map((cell) => cell.padEnd(22)).join('')).join('\n'));
  });

  test.each(JOIN_STEPS.flatMap((step) => (['kill', 'fail'] as const).map((fault): [JoinStep, JoinFault] => [step, fault])))(
    '%s, %s',
    async (step, fault) => {
      const [one, two] = [await mint(), await mint()];
      const [a, b, x, y] = await Promise.all([nodeKey(), nodeKey(), nodeKey(), nodeKey()]);
      const name = (which: string): string => `${step}-${fault}-${which}`;
      const first = { token: one, csr: a.csr, node_id: name('a') };
      const second = { token: two, csr: b.csr, node_id: name('b') };
      const said = await Promise.all([serveElsewhere(first, step, fault), serveElsewhere(second, step, fault)]);
      expect(said).toEqual(Array.from({ length: 2 }, () => (fault === 'kill' ? 'SIGKILL' : 'ERR_FILE_DISK_FULL')));
      const spent = step === 'reply';
      expect([await usesOf(one), await usesOf(two)]).toEqual(spent ? [1, 1] : [0, 0]);
      expect(await traces(name('a'))).toEqual(spent ? ALL : NOTHING);
      const before = (await realm.store.get(`node/prod/${name('a')}`))?.value as { serial: string } | undefined;
      const same = await serve(first);
      expect(same).toMatch(SERIAL);
      if (spent) expect(same).toBe(before?.serial);
      expect(await traces(name('a'))).toEqual(ALL);
      expect(await serve(first)).toBe(same);
      const later = await serve({ ...first, csr: x.csr });
      expect(later).toBe('ERR_TOKEN_REPLAYED');
      const other = await serve({ ...second, csr: y.csr });
      if (spent) expect(other).toBe('ERR_TOKEN_REPLAYED');
      else expect(other).toMatch(SERIAL);
      expect([await usesOf(one), await usesOf(two)]).toEqual([1, 1]);
      const shown = (outcome: string): string => (SERIAL.test(outcome) ? 'certificate' : outcome);
      table.push([
        step,
        fault,
        said[0] as string,
        spent ? 'all of it' : 'nothing',
        spent ? 'the same certificate' : shown(same),
        later,
        shown(other),
      ]);
    },
    30_000,
  );

  test('leaves an audit log that verifies', async () => {
    const verifier = new AuditVerifier([]);
    for (const record of await realm.store.auditRecords(0, 100_000)) expect(verifier.add(record)).toBeUndefined();
    expect(verifier.finish()).toMatchObject({ size: await realm.store.auditSize() });
  });
});
