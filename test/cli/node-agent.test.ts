import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import { systemFiles } from '../../src/adapters/files.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import type { World } from '../../src/cli/context.ts';
import { type Io, withIo } from '../../src/cli/io.ts';
import { alertShares, runAgent, type RunAgentOptions, watchdogSeconds } from '../../src/cli/node-agent.ts';
import { DEFAULT_ALERT_SHARES } from '../../src/core/join/agent-schedule.ts';

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'joinery-agent-'));
});
afterAll(() => rmSync(place, { recursive: true, force: true }));

const caller = { actor: { name: 'test', verified: false }, correlationId: 'test' };
const world = { files: systemFiles, clock: systemClock, random: systemRandom, verifySignature, caller } as unknown as World;

function start(changes: Partial<RunAgentOptions> = {}) {
  const stream = new Writable({ write: (_chunk, _encoding, done) => done() }) as unknown as NodeJS.WriteStream;
  const io: Io = {
    stdin: Readable.from([]) as unknown as NodeJS.ReadStream,
    stdout: { stream },
    stderr: { stream },
    env: { WATCHDOG_USEC: '60000000' },
    cwd: () => place,
    setExitStatus: () => undefined,
  };
  const options = { directory: join(place, 'node'), timeoutMs: 1000, trustEvery: 60, logLevel: 'info' as const, alertProgram: '/bin/true' };
  return withIo(io, () => runAgent(world, { ...options, workloadApi: [], ...changes }));
}

test('waits for a node that has not joined, offers a socket to each consumer, and ends at SIGTERM', async () => {
  const sockets = ['web', 'db'].map((consumer) => join(place, consumer, 'workload.sock'));
  const ended = start({ workloadApi: sockets.map((socket) => `unix:${socket}`) });
  await vi.waitFor(() => expect(sockets.map((socket) => existsSync(socket))).toEqual([true, true]), { timeout: 10_000 });
  process.emit('SIGHUP', 'SIGHUP');
  process.emit('SIGTERM', 'SIGTERM');
  expect(await ended).toBe('SIGTERM');
  expect(sockets.map((socket) => existsSync(socket))).toEqual([false, false]);
  expect(process.listeners('SIGHUP')).toEqual([]);
});

test('refuses a socket of another form', async () => {
  await expect(start({ workloadApi: ['tcp:127.0.0.1:1'] })).rejects.toMatchObject({ code: 'ERR_USAGE' });
});

test('the objective of renewals, in shares of the life', () => {
  const shares = (late: string, expiring: string) => alertShares({ 'alert-late': late, 'alert-expiring': expiring });
  expect(shares('15%', '5%')).toEqual(DEFAULT_ALERT_SHARES);
  expect(shares('20%', '2.5%')).toEqual({ late: 0.2, expiring: 0.025 });
  for (const [late, expiring, flag] of [
    ['0.15', '5%', '--alert-late'],
    ['100%', '5%', '--alert-late'],
    ['15%', '0%', '--alert-expiring'],
    ['15%', '15.1%', '--alert-expiring'],
  ] as const)
    expect(() => shares(late, expiring)).toThrow(flag);
});

test('the watchdog of systemd, in seconds', () => {
  expect(watchdogSeconds({ WATCHDOG_USEC: '180000000' })).toBe(180);
  expect(watchdogSeconds({})).toBeUndefined();
  expect(watchdogSeconds({ WATCHDOG_USEC: 'soon' })).toBeUndefined();
});
