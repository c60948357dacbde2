import { expect, it } from 'vitest';
import { parseRealmConfig } from '../../../src/core/realm/config.ts';
import { limitsOf, listenAddress, listenMembers } from '../../../src/core/realm/server-config.ts';

const config = (server: object) =>
  parseRealmConfig(
    {
      schema: 'joinery/realm-config/1',
      environment: { name: 'lab', domain: 'lab.example' },
      trust_domain: 'lab.example',
      clusters: [],
      server: server as never,
    },
    'joinery.yaml',
  ).server;

it('reads all of it', () => {
  const server = {
    listen: '[::]:8443',
    admin_listen: '127.0.0.1:0',
    certificate: { ca: 'web', dns: ['boot.lab.example'], ip: ['10.0.0.1'], lifetime: 86400, chain_file: 'a.pem', key_file: 'a.key' },
    limits: { body: 4096, connections: 10 },
    omnirelay: { key_file: 'omnirelay.key', issuers: ['omnirelay-bootstrap'] },
    gastrolog: true,
    tokens: false,
    alerts: { exec: ['/usr/bin/notify', 'joinery'], webhook: 'https://alerts.example/hook?token=1' },
  };
  expect(config(server)).toEqual(server);
  expect(limitsOf(config(server))).toMatchObject({ body: 4096, connections: 10, idle_timeout: 120 });
  expect(limitsOf(undefined).body).toBe(65536);
});

it.each([
  [{ listen: 'nowhere' }, 'server.listen'],
  [{ admin_listen: '127.0.0.1:65536' }, 'server.admin_listen'],
  [{ limits: { body: 0 } }, 'server.limits.body'],
  [{ alerts: { webhook: 'ftp://x' } }, 'server.alerts.webhook'],
  [{ omnirelay: {} }, 'server.omnirelay.key_file'],
  [{ other: 1 }, 'server.other'],
])('refuses %j', (server, path) => {
  expect(() => config(server)).toThrowError(path);
});

it('splits addresses, and takes them from a command line', () => {
  expect(listenAddress('[::1]:8443')).toEqual({ host: '::1', port: 8443 });
  expect(listenAddress('127.0.0.1:0')).toEqual({ host: '127.0.0.1', port: 0 });
  expect(listenMembers({ listen: '127.0.0.1:1', admin_listen: undefined })).toEqual({ listen: '127.0.0.1:1' });
  expect(() => listenMembers({ listen: 'x', admin_listen: undefined })).toThrowError('listen');
});
