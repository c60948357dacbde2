import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runCli } from '../cli/harness.ts';
import { joineryCommand } from '../fakes/joinery-command.ts';
import { serverStart, type StartedServer, type TestRealm, testRealm } from './server-world.ts';

let realm: TestRealm;
let servers: readonly [StartedServer, StartedServer];

beforeAll(async () => {
  realm = await testRealm();
  servers = [await serverStart.start(realm), await serverStart.start(realm)];
});
afterAll(async () => {
  for (const server of servers) await server.stop();
  realm.remove();
});

const cli = (...argv: string[]) => runCli(argv, { cwd: realm.directory, env: { HOME: realm.directory, JOINERY_ACTOR: 'alice' } });
const live = () => ['--live', '--realm', realm.directory, '--cluster', 'prod', ...servers.flatMap(({ url }) => ['--endpoint', url])];
const at = (name: string): string => join(realm.directory, name);

async function states(): Promise<Record<string, string>> {
  const { enrollments } = (await realm.run('enrollment', 'list')) as { enrollments: { node: string; state: string }[] };
  return Object.fromEntries(enrollments.map(({ node, state }) => [node, state]));
}

it('sees a copied key refused by every server, and holds the day against its rehearsal', async () => {
  const ran = await cli('drill', 'run', 'compromised-node', ...live(), '--log', at('live.jsonl'), '--report', at('live.html'));
  expect([ran.exit, ran.stdout]).toEqual([0, expect.stringContaining('every objective was met')]);
  expect(ran.stdout).toMatch(/^live, 2 nodes/m);
  expect(ran.stdout).toMatch(/attacker, request to \S+ with a copied key: refused \(ERR_CERTIFICATE_REVOKED\)/);
  expect(readFileSync(at('live.html'), 'utf8')).toContain('Live, 2 nodes');
  expect(new Set(Object.values(await states()))).toEqual(new Set(['revoked']));
  const ended = (await realm.audit('drill.end')).at(-1);
  expect(ended).toMatchObject({ subject: 'compromised-node', details: { ended: true, met: true, left: [] } });
  await cli('drill', 'run', 'compromised-node', '--nodes', '200', '--log', at('rehearsal.jsonl'));
  const compared = await cli('drill', 'compare', at('rehearsal.jsonl'), at('live.jsonl'), '--json');
  expect(compared.json().data).toMatchObject({ first: { name: 'compromised-node' }, second: { name: 'compromised-node', seed: 0 } });
  expect((await cli('drill', 'compare', at('rehearsal.jsonl'), at('live.jsonl'))).stdout).toMatch(
    /until half of the nodes refuse what was revoked +\d+s +[12]s/,
  );
  expect((await cli('drill', 'report', at('live.jsonl'))).stdout).toContain('every objective was met');
  expect((await cli('drill', 'replay', at('live.jsonl'), '--json')).json().error.code).toBe('ERR_DRILL_LIVE');
});

it('sees what a thief can do with tokens, and that the audit log shows it', async () => {
  const ran = await cli('drill', 'run', 'stolen-token', ...live(), '--json');
  expect([ran.exit, ran.json().data['report']]).toMatchObject([
    0,
    { mode: 'live', met: true, metrics: { intrusions_after: 0, uninformed: 0, cut_off_peak: 0 } },
  ]);
  expect(new Set(Object.values(await states()))).toEqual(new Set(['revoked']));
});

it('puts the canary out when a person ends it', async () => {
  const silent = createServer(() => undefined);
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const mute = `https://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const before = (await realm.audit('drill.end')).length;
  const [program, ...first] = joineryCommand('sources');
  const argv = [
    ...first,
    'drill',
    'run',
    'compromised-node',
    '--live',
    '--cluster',
    'prod',
    '--endpoint',
    servers[0].url,
    '--endpoint',
    mute,
  ];
  const child = spawn(program, argv, {
    cwd: realm.directory,
    env: { PATH: process.env['PATH'], JOINERY_REALM: realm.directory },
    stdio: 'ignore',
  });
  const known = Object.keys(await states()).length;
  await expect.poll(async () => Object.keys(await states()).length, { timeout: 90_000, interval: 100 }).toBeGreaterThan(known);
  child.kill('SIGINT');
  expect((await once(child, 'exit'))[0]).toBe(130);
  silent.close();
  expect(new Set(Object.values(await states()))).toEqual(new Set(['revoked']));
  expect((await realm.audit('drill.end')).slice(before)).toMatchObject([{ details: { ended: false, left: [] } }]);
});

it('says what is missing', async () => {
  expect((await cli('drill', 'run', 'compromised-node', '--endpoint', 'https://x', '--json')).json().error.code).toBe('ERR_USAGE');
  expect((await cli('drill', 'run', 'compromised-node', '--live', '--realm', realm.directory, '--json')).json().error.message).toContain(
    '--cluster',
  );
  expect((await cli('drill', 'run', 'issuing-ca', ...live(), '--json')).json().error.code).toBe('ERR_DRILL_LIVE');
});
