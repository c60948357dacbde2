import { describe, expect, test } from 'vitest';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { joinWorld, nodeKey, peerAt } from '../fakes/join-realm.ts';

describe('a node with a token', () => {
  test('gets a certificate', async () => {
    const { service, mint } = await joinWorld();
    const { csr } = await nodeKey();
    const reply = await acceptJoin(service, { token: await mint(), csr }, peerAt());
    expect(reply.cluster).toBe('prod');
  });
});
