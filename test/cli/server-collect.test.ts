import { expect, test } from 'vitest';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { KEPT_AFTER_END } from '../../src/app/collect-enrollments.ts';
import { collectJob } from '../../src/cli/server-collect.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { joinWorld, nodeKey, peerAt } from '../fakes/join-realm.ts';

test('a server forgets what ended, says how much, and says nothing where there is nothing', async () => {
  const { realm, service, mint } = await joinWorld();
  const lines: [string, JsonObject | undefined][] = [];
  const logger = { log: (_level: string, message: string, fields?: JsonObject) => void lines.push([message, fields]) };
  await acceptJoin(service, { token: await mint(), csr: (await nodeKey()).csr }, peerAt());
  await collectJob(realm, logger);
  expect(lines).toEqual([]);
  realm.clock.advance(86_400 + KEPT_AFTER_END);
  await collectJob(realm, logger);
  expect(lines).toEqual([['records that ended were removed', { tokens: expect.any(Number) as number, certificates: 1, evidence: 0 }]]);
  expect(Object.keys(realm.store.dump()).filter((key) => /^(?:token-use|node-cert|renewal)\//.test(key))).toEqual([]);
});
