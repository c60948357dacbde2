import { expect, test } from 'vitest';
import { clusterAuthorities } from '../../src/app/cluster-authorities.ts';
import { initCluster } from '../../src/app/init-cluster.ts';
import { rotateClusterCa } from '../../src/app/rotate-cluster-ca.ts';
import { clusterRealm } from './cluster-realm.ts';

test('the authorities that members trust: one, and two while it is replaced', async () => {
  const { realm, world, place } = await clusterRealm();
  expect(await clusterAuthorities(realm)).toEqual([]);
  const { authority } = await initCluster(realm, { name: 'prod', names: [] });
  const [first, ...none] = await clusterAuthorities(realm);
  expect([first?.fingerprint, none]).toEqual([authority.fingerprint, []]);
  await rotateClusterCa(realm, world, { step: 'trust-new', out: place(), force: true });
  expect((await clusterAuthorities(realm)).map(({ fingerprint }) => fingerprint)).toEqual([
    authority.fingerprint,
    expect.not.stringMatching(authority.fingerprint),
  ]);
});
