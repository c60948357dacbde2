import { expect, test } from 'vitest';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { checkServer } from '../../src/app/check-server.ts';
import { type Authority, keyNamed, make, NOW } from '../core/x509/make.ts';
import { codeOf } from './token-realm.ts';

const root = make({ name: 'root', ca: true });
const leaf = make({ issuer: root });
const evil = make({ name: 'root', ca: true, key: keyNamed('evil') });
const server = { host: '192.0.2.1', port: 443, name: 'node.example.com' };
const pin = { kind: 'certificate', fingerprint: root.certificate.fingerprint } as const;
const chain = (...shown: Authority[]) => shown.map(({ certificate }) => certificate.der);

function check(first: Uint8Array[], second: Uint8Array[], name = server.name) {
  const anchors: (readonly Uint8Array[])[] = [];
  const tls = {
    presentedChain: () => Promise.resolve(first),
    provenChain: (_server: object, trusted: readonly Uint8Array[]) => {
      anchors.push(trusted);
      return Promise.resolve(second);
    },
  };
  const world = { clock: { now: () => NOW }, verifySignature, tls };
  return { anchors, result: checkServer(world, { ...server, name }, pin) };
}

test('the second connection trusts the pinned authority alone, and is judged too', async () => {
  const { anchors, result } = check(chain(leaf, root, evil), chain(leaf, root));
  expect((await result).path).toHaveLength(2);
  expect(anchors).toEqual([[root.certificate.der]]);
});

test('a server that changes between the two connections is refused', async () => {
  expect(await codeOf(check(chain(leaf, root), chain(make({ name: 'x', issuer: evil }), root)).result)).toBe('ERR_PIN_PATH');
});

test('nothing that is refused reaches the second connection', async () => {
  for (const [shown, code] of [
    [chain(make({ name: 'x', issuer: evil }), root), 'ERR_PIN_PATH'],
    [chain(leaf), 'ERR_PIN_NOT_SHOWN'],
    [[], 'ERR_PIN_NOT_SHOWN'],
    [[Uint8Array.of(48, 0)], 'ERR_CERTIFICATE_MALFORMED'],
  ] as const) {
    const { anchors, result } = check([...shown], []);
    expect([await codeOf(result), anchors]).toEqual([code, []]);
  }
  expect(await codeOf(check([], [], 'not a name').result)).toBe('ERR_CERTIFICATE_NAME');
});
