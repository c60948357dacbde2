import { expect, test } from 'vitest';
import { hmacSigner } from '../../src/adapters/hmac-key.ts';
import { issueOmnirelayToken } from '../../src/app/issue-omnirelay-token.ts';
import { seconds } from '../../src/core/time.ts';
import { parseHmacKey } from '../../src/core/token/hmac-key.ts';
import { openOmnirelay } from '../../src/core/token/omnirelay.ts';
import { fakeClock } from '../fakes/clock.ts';
import { fakeRandom } from '../fakes/random.ts';
import { codeOf } from './token-realm.ts';

const signer = hmacSigner(parseHmacKey('key', 'key', 1));
const mac = (data: Uint8Array) => signer.sign(data);
const world = { clock: fakeClock(), random: fakeRandom() };

test('a token for OmniRelay needs no realm', async () => {
  const { token, claims } = await issueOmnirelayToken(world, { mac, cluster: 'Relay-1', role: 'dispatcher' });
  expect(await openOmnirelay(token.reveal(), mac)).toEqual(claims);
  expect(claims).toMatchObject({
    clusterId: 'Relay-1',
    role: 'dispatcher',
    maxUses: 1,
    issuer: 'omnirelay-cli',
    issuedAt: world.clock.now(),
  });
  expect(claims.expiresAt - claims.issuedAt).toBe(3600);
  const other = await issueOmnirelayToken(world, { mac, cluster: 'c', role: 'r', lifetime: seconds(60), maxUses: null, issuer: 'i' });
  expect(other.claims).toMatchObject({ maxUses: null, issuer: 'i', expiresAt: world.clock.now() + 60 });
});

test('a name that is empty or endless is refused', async () => {
  expect(await codeOf(issueOmnirelayToken(world, { mac, cluster: '', role: 'r' }))).toBe('ERR_INPUT_MALFORMED');
  expect(await codeOf(issueOmnirelayToken(world, { mac, cluster: 'c', role: 'r'.repeat(256) }))).toBe('ERR_INPUT_MALFORMED');
});
