import { expect, test } from 'vitest';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { attestationFiles } from '../../../src/core/realm/attestation-config.ts';
import { parseRealmConfig } from '../../../src/core/realm/config.ts';

const read = (attestation: unknown) =>
  parseRealmConfig(
    {
      schema: 'joinery/realm-config/1',
      environment: { name: 'lab', domain: 'lab.example' },
      trust_domain: 'lab.example',
      clusters: [],
      attestation: JSON.parse(JSON.stringify(attestation)) as JsonObject,
    },
    'joinery.yaml',
  ).attestation;

const oidc = { name: 'ci', type: 'oidc', issuer: 'https://i.example', audiences: ['a'], jwks_file: 'jwks.json' };
const accounts = ['123456789012'];
const entries = [
  oidc,
  { ...oidc, name: 'ci2', jwks_file: undefined, jwks_url: 'https://i.example/jwks', ca_file: 'ca.pem' },
  { name: 'iid', type: 'aws-iid', certificates: { 'eu-west-1': ['a.pem', 'b.pem'] }, accounts },
  { name: 'iam', type: 'aws-iam', accounts },
  { name: 'iam2', type: 'aws-iam', accounts, ca_file: 'sts.pem', endpoints: ['sts.eu-west-1.amazonaws.com'] },
  { name: 'pop', type: 'x509pop', ca_files: ['factory.pem'] },
  { name: 'pop2', type: 'x509pop', ca_files: ['factory.pem'], crl_files: ['factory.crl'], key_purpose: 'clientAuth' },
  { name: 'peers', type: 'joinery-peer', roles: ['host'] },
  { name: 'images', type: 'signed-digest', key_files: ['image.pub'], digests: ['a'.repeat(64)], single_use: true },
];

test('every attestor is read, and says which files it needs', () => {
  const parsed = read(entries) ?? [];
  expect(parsed.map(({ name }) => name)).toEqual(entries.map(({ name }) => name));
  expect(attestationFiles(parsed)).toEqual([
    'jwks.json',
    'ca.pem',
    'a.pem',
    'b.pem',
    'sts.pem',
    'factory.pem',
    'factory.pem',
    'factory.crl',
    'image.pub',
  ]);
});

test.each<[string, unknown, string]>([
  ['an unknown type', [{ name: 'a', type: 'tpm' }], 'attestation[0].type: expected one of oidc, aws-iid'],
  ['no object', [1], 'attestation[0].type'],
  ['one name twice', [oidc, oidc], 'attestation: expected each attestor once, found ci twice'],
  ['no keys', [{ ...oidc, jwks_file: undefined }], 'attestation[0]: expected jwks_file or jwks_url'],
  ['two places of keys', [{ ...oidc, jwks_url: 'https://i.example' }], 'attestation[0]: expected jwks_file or jwks_url'],
  ['keys over http', [{ ...oidc, jwks_file: undefined, jwks_url: 'http://i.example' }], 'attestation[0].jwks_url'],
  ['anchors of a file', [{ ...oidc, ca_file: 'x' }], 'attestation[0]: expected ca_file beside jwks_url'],
  ['HS256', [{ ...oidc, algorithms: ['HS256'] }], 'attestation[0].algorithms[0]'],
  ['no account', [{ name: 'a', type: 'aws-iam', accounts: [] }], 'attestation[0].accounts'],
  ['an unknown member', [{ ...oidc, keys: [] }], 'attestation[0].keys: unknown member'],
])('%s is refused', (_name, attestation, expected) => {
  expect(() => read(attestation)).toThrow(expected);
});
