import { expect, test } from 'vitest';
import { adminOf, assertRole, clusterOf, parseRealmConfig, realmConfigSchema } from '../../../src/core/realm/config.ts';

const config = {
  schema: 'joinery/realm-config/1',
  environment: { name: 'lab', domain: 'lab.example' },
  trust_domain: 'lab.example',
  clusters: [
    {
      name: 'prod',
      roles: ['worker', 'control-plane'],
      join_urls: ['https://boot.lab.example:9443/v1'],
      seed_peers: [{ address: '10.0.0.1:7000', role: 'worker' }, { address: '[::1]:7000' }],
    },
  ],
  token: { max_lifetime: 3600 },
} as const;

test('a right configuration is read', () => {
  expect(parseRealmConfig(config, 'joinery.yaml')).toEqual(config);
});

test.each([
  ['environment.domain', { ...config, environment: { name: 'lab', domain: 'Lab' } }],
  ['trust_domain', { ...config, trust_domain: 'A' }],
  ['clusters', { ...config, clusters: [config.clusters[0], config.clusters[0]] }],
  ['clusters[0].roles', { ...config, clusters: [{ name: 'a', roles: [] }] }],
  ['clusters[0].join_urls[0]', { ...config, clusters: [{ name: 'a', roles: ['b'], join_urls: ['http://x.example'] }] }],
  ['clusters[0].join_urls[0]', { ...config, clusters: [{ name: 'a', roles: ['b'], join_urls: ['https://user@x.example'] }] }],
  ['clusters[0].seed_peers[0].address', { ...config, clusters: [{ name: 'a', roles: ['b'], seed_peers: [{ address: 'x' }] }] }],
  ['schema', { ...config, schema: 'joinery/realm-config/2' }],
  ['tokens', { ...config, tokens: {} }],
])('a wrong %s is named', (path, document) => {
  expect(() => parseRealmConfig(document, 'joinery.yaml')).toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG_MALFORMED', details: { issues: [expect.objectContaining({ path })] } }),
  );
});

test('an unknown cluster or role is refused with the known ones and the likely one', () => {
  const parsed = parseRealmConfig(config, 'joinery.yaml');
  expect(clusterOf(parsed, 'prod').name).toBe('prod');
  expect(() => clusterOf(parsed, 'prd')).toThrow(
    expect.objectContaining({ code: 'ERR_CLUSTER_UNKNOWN', message: '--cluster: expected prod, found prd', hint: 'did you mean prod?' }),
  );
  expect(() => clusterOf({ ...parsed, clusters: [] }, 'staging')).toThrow('none is configured');
  assertRole(clusterOf(parsed, 'prod'), 'worker');
  expect(() => assertRole(clusterOf(parsed, 'prod'), 'wroker')).toThrow(
    expect.objectContaining({ code: 'ERR_ROLE_UNKNOWN', hint: 'did you mean worker?' }),
  );
  expect(() => assertRole(clusterOf(parsed, 'prod'), 'x')).toThrow(
    expect.objectContaining({ hint: expect.stringContaining('joinery.yaml') }),
  );
});

test('the schema is JSON Schema 2020-12', () => {
  expect(realmConfigSchema()).toMatchObject({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    additionalProperties: false,
  });
});

const admins = [{ name: 'alice', may: ['token.mint'] }];

test('admins are found by name', () => {
  const parsed = parseRealmConfig({ ...config, admins }, 'joinery.yaml');
  expect(adminOf(parsed, 'alice')).toEqual(admins[0]);
  expect(() => adminOf(parsed, 'bob')).toThrow(
    expect.objectContaining({ code: 'ERR_ADMIN_UNKNOWN', hint: expect.stringContaining('add it to joinery.yaml') }),
  );
});

test.each([
  ['expected each admin once, found alice twice', [...admins, ...admins]],
  ['admins[0].may[0]: expected one of', [{ name: 'alice', may: ['everything'] }]],
  ['admins[0].may', [{ name: 'alice', may: [] }]],
])('admins are refused: %s', (message, value) => {
  expect(() => parseRealmConfig({ ...config, admins: value }, 'joinery.yaml')).toThrow(message);
});
