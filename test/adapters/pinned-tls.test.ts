import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import { assertProven, connectPinned, pinnedTls, presentedChain } from '../../src/adapters/pinned-tls.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { checkServer } from '../../src/app/check-server.ts';
import { toPem } from '../../src/core/encoding.ts';
import type { ServerAddress } from '../../src/core/key-ports.ts';
import { OID } from '../../src/core/x509/oids.ts';
import type { Authority } from '../core/x509/make.ts';
import { type Identity, identity, LOCALHOST, type RunningServer, silentServer, tlsServer } from '../fakes/tls-server.ts';

const CA = { ca: true, notAfter: '2040-01-01T00:00:00Z' } as const;
const LEAF = { names: LOCALHOST, notAfter: '2040-01-01T00:00:00Z' } as const;
const root = identity({ ...CA, name: 'genuine root' });
const intermediate = identity({ ...CA, name: 'intermediate', issuer: root });
const impostor = identity({ ...CA, name: 'genuine root' });
const leaf = identity({ ...LEAF, issuer: root });
const deepLeaf = identity({ ...LEAF, issuer: intermediate });
const world = { clock: systemClock, verifySignature, tls: pinnedTls };

const running: RunningServer[] = [];
afterEach(() => {
  for (const server of running.splice(0)) server.close();
});
async function serve(shown: Identity, others: readonly Authority[], maxVersion?: 'TLSv1.2') {
  const server = await tlsServer(shown, others, maxVersion);
  running.push(server);
  return server;
}
const addressOf = ({ port }: RunningServer, name = 'localhost'): ServerAddress => ({ host: '127.0.0.1', port, name });
const outcome = (work: Promise<unknown>) =>
  work.then(
    () => 'accepted',
    ({ code, details, message }: { code?: string; details?: { fault?: string }; message: string }) =>
      [code ?? message, details?.fault].filter((part) => part !== undefined).join(' '),
  );

const posing = identity({ ...LEAF, issuer: root, purposes: [OID.clientAuth] });
const foreign = identity({ issuer: root, names: [{ kind: 'dns', value: 'elsewhere.example' }], notAfter: LEAF.notAfter });
const expired = identity({ ...LEAF, issuer: root, notBefore: '2020-01-01T00:00:00Z', notAfter: '2021-01-01T00:00:00Z' });
/** Without a key identifier, which would tell the two authorities apart before the signature does. */
const attacker = identity({ ...LEAF, issuer: impostor, without: [OID.authorityKeyIdentifier] });
const below = identity({ ...LEAF, issuer: leaf });

/** The chain that the server sends, what is pinned, what joinery says, and what a second connection under the pin alone says. */
const CHAINS: [string, Identity, Authority[], Authority, string, string][] = [
  ['leaf + pinned root', leaf, [root], root, 'accepted', 'accepted'],
  ['leaf + intermediate + pinned root', deepLeaf, [intermediate, root], root, 'accepted', 'accepted'],
  ['leaf only, root not sent', leaf, [], root, 'ERR_PIN_NOT_SHOWN', 'accepted'],
  [
    '[attacker leaf of the same issuer name, genuine CA]',
    attacker,
    [root],
    root,
    'ERR_PIN_PATH signature',
    'ERR_PIN_PATH CERT_SIGNATURE_FAILURE',
  ],
  ['an enrolled node’s clientAuth certificate', posing, [root], root, 'ERR_PIN_PATH purpose', 'ERR_PIN_PATH INVALID_PURPOSE'],
  ['another name', foreign, [root], root, 'ERR_PIN_PATH identity', 'ERR_PIN_PATH identity'],
  ['expired', expired, [root], root, 'ERR_PIN_PATH validity', 'ERR_PIN_PATH CERT_HAS_EXPIRED'],
  ['pinned leaf used as CA', below, [leaf, root], leaf, 'ERR_PIN_NOT_ANCHOR', 'ERR_PIN_PATH UNSPECIFIED'],
];

describe.each(CHAINS)('%s', (_what, shown, others, pinned, expected, second) => {
  test(`by certificate and by key: ${expected}; the second connection alone: ${second}`, async () => {
    const server = await serve(shown, others);
    const { fingerprint, pin, der } = pinned.certificate;
    expect(await outcome(checkServer(world, addressOf(server), { kind: 'certificate', fingerprint }))).toBe(expected);
    expect(await outcome(checkServer(world, addressOf(server), { kind: 'key', pins: [pin] }))).toBe(expected);
    expect(await outcome(connectPinned(addressOf(server), [der]).then((socket) => socket.destroy()))).toBe(second);
    expect(server.received()).toBe(0);
  });
});

test('an address is compared with the addresses of the certificate, and sent as no server name', async () => {
  const server = await serve(leaf, [root]);
  const pin = { kind: 'certificate', fingerprint: root.certificate.fingerprint } as const;
  expect(await outcome(checkServer(world, addressOf(server, '127.0.0.1'), pin))).toBe('accepted');
  expect(await outcome(checkServer(world, addressOf(server, '127.0.0.2'), pin))).toBe('ERR_PIN_PATH identity');
});

test('the system store is trusted for nothing: another root refuses a good chain', async () => {
  const server = await serve(leaf, [root]);
  expect(await outcome(connectPinned(addressOf(server), [impostor.certificate.der]))).toMatch(/^ERR_PIN_PATH/);
});

describe('a resumed TLS session under another CA', () => {
  /** A session with a server of another authority, taken without verification as the attacker’s victim would have done. */
  async function sessionOf({ port }: RunningServer): Promise<Buffer> {
    const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: true, ca: pem(root) });
    const [session] = (await once(socket.resume(), 'session')) as [Buffer];
    socket.destroy();
    return session;
  }
  const pem = ({ certificate }: Authority) => toPem('CERTIFICATE', certificate.der);

  test('looks authorized to Node, and is refused', async () => {
    const server = await serve(leaf, [root]);
    const session = await sessionOf(server);
    const socket: TLSSocket = connect({
      host: '127.0.0.1',
      port: server.port,
      ca: pem(impostor),
      session,
      servername: 'localhost',
    });
    await once(socket, 'secureConnect');
    expect([socket.authorized, socket.isSessionReused()]).toEqual([true, true]);
    expect(() => assertProven(socket, addressOf(server))).toThrow(expect.objectContaining({ code: 'ERR_PIN_SESSION' }));
    socket.destroy();
  });

  test('is never offered: every connection is a handshake of its own', async () => {
    const server = await serve(leaf, [root]);
    for (let round = 0; round < 3; round++) {
      const socket = await connectPinned(addressOf(server), [root.certificate.der]);
      expect(socket.isSessionReused()).toBe(false);
      await once(socket.resume(), 'session');
      socket.destroy();
    }
    expect(await outcome(connectPinned(addressOf(server), [impostor.certificate.der]))).toMatch(/^ERR_PIN_PATH/);
  });

  test('a connection that nobody verified is refused too', async () => {
    const server = await serve(leaf, [root]);
    const socket = connect({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    expect(() => assertProven(socket, addressOf(server))).toThrow(expect.objectContaining({ code: 'ERR_PIN_SESSION' }));
    socket.destroy();
  });
});

describe('a server that cannot be reached', () => {
  const unreachable = async (server: RunningServer, timeoutMs?: number) =>
    outcome(presentedChain(addressOf(server), timeoutMs === undefined ? {} : { timeoutMs }));

  test('because nobody listens, nobody answers, or it knows no TLS 1.3', async () => {
    const gone = await serve(leaf, [root]);
    gone.close();
    expect(await unreachable(gone)).toBe('ERR_SERVER_UNREACHABLE');
    const silent = await silentServer();
    running.push(silent);
    const start = performance.now();
    expect(await unreachable(silent, 100)).toBe('ERR_SERVER_UNREACHABLE');
    expect(performance.now() - start).toBeLessThan(5000);
    expect(await unreachable(await serve(leaf, [root], 'TLSv1.2'))).toBe('ERR_SERVER_UNREACHABLE');
  });
});

test('a chain of endless length is read up to its eighth certificate', async () => {
  const authorities = [root];
  for (let depth = 0; depth < 12; depth++)
    authorities.unshift(identity({ ...CA, name: `ca ${depth}`, issuer: authorities[0] as Identity }));
  const server = await serve(identity({ ...LEAF, issuer: authorities[0] as Identity }), authorities);
  expect(await presentedChain(addressOf(server))).toHaveLength(8);
});
