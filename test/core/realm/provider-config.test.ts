import { expect, test } from 'vitest';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { parseDocument } from '../../../src/core/parse.ts';
import { identityProvider, providerKind } from '../../../src/core/realm/provider-config.ts';

const parse = (value: JsonObject) => parseDocument(identityProvider, value, 'joinery.yaml', 'ERR_CONFIG_MALFORMED');
const VAULT = { url: 'https://vault.example:8200', ca_file: 'vault.pem', role: 'nodes' };
const login = { role: 'joinery', jwt_file: '/var/run/secrets/token' };

test('one kind of provider, and one authority or several', () => {
  expect(parse({ ca: 'a', exec: ['/bin/sign'] }).ca).toEqual(['a']);
  expect(providerKind(parse({ ca: ['a', 'b'], spire: { socket: '/run/spire/api.sock' } }))).toBe('spire');
  for (const auth of [
    { token_file: 't' },
    { approle: { role_id_file: 'r', secret_id_file: 's' } },
    { kubernetes: login },
    { jwt: { ...login, mount: 'ci' } },
  ])
    expect(providerKind(parse({ ca: 'a', vault: { ...VAULT, mount: 'pki/nodes', auth } }))).toBe('vault');
  expect(providerKind(parse({ ca: 'a', spire: { address: 's:8081', cert_file: 'c', key_file: 'k', bundle_file: 'b' } }))).toBe('spire');
});

test.each<[string, JsonObject, RegExp]>([
  ['none', { ca: 'a' }, /expected one of exec, vault, spire/],
  ['two', { ca: 'a', exec: ['x'], spire: { socket: '/s' } }, /expected one of exec, vault, spire/],
  ['no authority', { ca: [], exec: ['x'] }, /ca: expected 1 to 20 items/],
  ['an authority of no name', { ca: 1, exec: ['x'] }, /ca: expected/],
  ['no way in', { ca: 'a', vault: { ...VAULT, auth: {} } }, /expected one of token_file/],
  ['two ways in', { ca: 'a', vault: { ...VAULT, auth: { token_file: 't', jwt: login } } }, /expected one of token_file/],
  ['no TLS', { ca: 'a', vault: { ...VAULT, url: 'http://vault', auth: { token_file: 't' } } }, /https/],
  ['a path that leaves its place', { ca: 'a', vault: { ...VAULT, mount: '../sys', auth: { token_file: 't' } } }, /mount: expected a path/],
  ['a SPIRE server without an admin SVID', { ca: 'a', spire: { address: 's:8081' } }, /expected socket, or address with/],
  ['a socket and files', { ca: 'a', spire: { socket: '/s', cert_file: 'c' } }, /expected socket, or address with/],
  ['a socket and an address', { ca: 'a', spire: { socket: '/s', address: 's:1' } }, /expected socket, or address with/],
  ['neither', { ca: 'a', spire: {} }, /expected socket, or address with/],
])('refuses %s', (_, value, message) => {
  expect(() => parse(value)).toThrow(message);
});
