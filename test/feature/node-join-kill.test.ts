import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readNodeIdentity } from '../../src/app/node-identity.ts';
import { nodeStatus } from '../../src/app/node-status.ts';
import { joinNode } from '../../src/client/join-node.ts';
import type { Pin } from '../../src/core/digest.ts';
import { Secret } from '../../src/core/secret.ts';
import { auditEvents } from '../fakes/join-realm.ts';
import { type JoinServer, joinServer, nodeClientWorld, nodePlace } from '../fakes/join-server.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 30_000 });

const child = fileURLToPath(new URL('node-join-child.ts', import.meta.url));
let server: JoinServer;
beforeAll(async () => {
  server = await joinServer();
});
afterAll(() => server.close());

/** Runs the child until it has joined, or is killed before its step. */
async function run(directory: string, token: string, steps: number): Promise<'joined' | 'killed'> {
  const process = spawn(globalThis.process.execPath, [child, directory, server.url, server.pin, String(steps)], { stdio: 'pipe' });
  process.stdin.end(token);
  const [out, errors] = [text(process.stdout), text(process.stderr)];
  const [code, signal] = (await once(process, 'close')) as [number | null, string | null];
  if (signal === 'SIGKILL') return 'killed';
  expect([code, await out, await errors]).toEqual([0, 'joined\n', '']);
  return 'joined';
}

async function killAt(steps: number): Promise<'joined' | 'killed'> {
  const world = nodeClientWorld();
  const { directory, remove } = nodePlace();
  try {
    const node = `killed-${steps}`;
    const token = await server.mint({ node });
    const result = await run(directory, token, steps);
    const identity = await readNodeIdentity(world, directory);
    const again = await joinNode(world, {
      directory,
      urls: [server.url],
      pins: [server.pin as Pin],
      trustDigests: {},
      token: () => Promise.resolve(new Secret(token)),
    });
    // Whole or none; and what was whole is what counts.
    expect(again.state).toBe(identity === undefined ? 'joined' : 'already-joined');
    const status = await nodeStatus(world, directory);
    expect(status.checks.filter(({ result: how }) => how !== 'ok')).toEqual([]);
    const joins = (await auditEvents(server.realm)).filter(({ event, subject }) => event === 'join.accept' && subject === node);
    expect(joins.length).toBe(1);
    return result;
  } finally {
    remove();
  }
}

test('a node that is killed at any step of its join joins when it is started again, with the same token', async () => {
  const results: string[] = [];
  for (let steps = 0; !results.includes('joined') && steps < 60; steps += 6) {
    results.push(...(await Promise.all([steps, steps + 2, steps + 4].map(killAt))));
  }
  expect(results.filter((result) => result === 'killed').length).toBeGreaterThan(5);
  expect(results).toContain('joined');
  const issued = (await auditEvents(server.realm)).filter(({ event }) => event === 'join.accept');
  expect(issued.length).toBe(results.length);
});
