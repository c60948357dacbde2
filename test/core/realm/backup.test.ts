import { expect, test } from 'vitest';
import { isBackupPath } from '../../../src/core/realm/backup.ts';

test('a backup holds the files of a realm, cross-certificates too, and no path that leads out', () => {
  const inside = [
    'state.db',
    'joinery.yaml',
    'ca/root.crt',
    'ca/new-root+root.crt',
    'ca/root.crl',
    'keys/offline/root-1.key',
    'policies/prod.yaml.jws',
  ];
  const outside = ['keys/../x', 'keys/.x', 'ca/+x', '/etc/passwd', 'ca/a b', 'other/x', 'ca/', 'state.db/x'];
  expect([inside.filter(isBackupPath), outside.filter(isBackupPath)]).toEqual([inside, []]);
});
