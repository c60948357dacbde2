/** A server whose disk is really full: not ready, every join refused by a code, and as before once there is space again. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { JoineryError } from '../../src/core/errors.ts';
import { liveServer, type LiveServer } from '../feature/live-server.ts';
import { clientOf, newNode, type TestRealm, testRealm } from '../feature/server-world.ts';

const place = mkdtempSync(join(tmpdir(), 'joinery-full-'));
let realm: TestRealm;
let moved: TestRealm;
let server: LiveServer;

beforeAll(async () => {
  realm = await testRealm();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', place]);
  moved = { ...realm, directory: join(place, 'realm') };
  cpSync(realm.directory, moved.directory, { recursive: true });
  server = await liveServer(moved);
}, 60_000);
afterAll(async () => {
  await server.stop();
  execFileSync('umount', ['-l', place]);
  rmSync(place, { recursive: true });
  realm.remove();
});

const readiness = async (): Promise<string> => (await fetch(`${server.adminUrl}/readyz`)).text();
const soon = { timeout: 20_000, interval: 500 };

it('says so, refuses, and goes on with the same token', { timeout: 90_000 }, async () => {
  const token = await realm.mint();
  const { csr } = await newNode();
  const client = clientOf(moved, server);
  expect(await readiness()).toBe('ready\n');
  execFileSync('sh', ['-c', `dd if=/dev/zero of=${place}/ballast bs=1k || true`], { stdio: 'ignore' });
  await expect.poll(readiness, soon).toBe('disk: ERR_FILE_DISK_FULL\n');
  const error = await client.join({ token, csr }).catch((reason: unknown) => reason as JoineryError);
  expect(error).toMatchObject({ code: 'ERR_FILE_DISK_FULL', family: 'network' });
  rmSync(join(place, 'ballast'));
  await expect.poll(readiness, soon).toBe('ready\n');
  expect(await client.join({ token, csr })).toMatchObject({ cluster: 'prod' });
  await client.close();
});
