import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { monotonicReadings, tryMemoryDatabase, withTlsServer } from '../../src/adapters/environment-checks.ts';
import { toPem } from '../../src/core/encoding.ts';
import { make } from '../core/x509/make.ts';

it('reads clocks and a database', () => {
  expect(monotonicReadings(3)).toHaveLength(3);
  expect(tryMemoryDatabase()).toMatch(/^3\./);
});

it('closes the server of a handshake whatever happens', async () => {
  const key = portableKeys.generate('p256');
  const cert = toPem('CERTIFICATE', make({ name: 'server', key: key.signing() }).certificate.der);
  let port = 0;
  const use = async (open: number): Promise<string> => {
    port = open;
    // A peer that speaks something else.
    await new Promise<void>((resolve) => {
      const socket = connect(open, '127.0.0.1', () => socket.end('GET / HTTP/1.1\r\n\r\n'));
      socket.on('error', () => undefined).on('close', () => resolve());
    });
    throw new Error('left early');
  };
  await expect(withTlsServer({ key: await key.toPem(undefined), cert }, use)).rejects.toThrow('left early');
  await expect(
    new Promise((resolve, reject) => {
      connect(port, '127.0.0.1', () => resolve('open')).on('error', reject);
    }),
  ).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});
