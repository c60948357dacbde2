/** GnuTLS's certtool takes the chains that joinery makes. The package gnutls-bin must be installed: .ci/run does it. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { createCa } from '../../src/app/create-ca.ts';
import { exportCa } from '../../src/app/export-ca.ts';
import { systemClock } from '../../src/adapters/clock.ts';
import { KEY_TYPES } from '../../src/core/key-ports.ts';
import { caRealm } from '../app/ca-realm.ts';

it.each(KEY_TYPES)('certtool verifies a chain of %s keys', async (keyType) => {
  const realm = { ...caRealm(), clock: systemClock };
  await createCa(realm, { name: 'root', keyType });
  await createCa(realm, { name: 'issuing', parent: 'root' });
  const file = `${realm.directory}/chain.pem`;
  writeFileSync(file, (await exportCa(realm, { name: 'issuing', format: 'chain' })).bytes);
  const result = spawnSync('certtool', ['--verify', '--load-ca-certificate', `${realm.directory}/ca/root.crt`, '--infile', file], {
    encoding: 'utf8',
  });
  if (result.error !== undefined) throw new Error('certtool does not run: install gnutls-bin', { cause: result.error });
  expect(result.stdout).toContain('Verified. The certificate is trusted.');
  expect(readFileSync(file, 'utf8')).toContain('BEGIN CERTIFICATE');
});
