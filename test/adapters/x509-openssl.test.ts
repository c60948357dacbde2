/** OpenSSL, which nobody here wrote, takes the chains that joinery makes, and only under their own root. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createCa } from '../../src/app/create-ca.ts';
import { toPem } from '../../src/core/encoding.ts';
import { KEY_TYPES } from '../../src/core/key-ports.ts';
import { caRealm } from '../app/ca-realm.ts';

const empty = mkdtempSync(join(tmpdir(), 'joinery-empty-'));

/** The system's trust store stays trusted unless it is pointed away. */
function verify(args: readonly string[]): string {
  const { stdout, stderr } = spawnSync('openssl', ['verify', '-x509_strict', ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], SSL_CERT_DIR: empty, SSL_CERT_FILE: '/dev/null' },
  });
  return stdout + stderr;
}

describe('openssl verify -x509_strict', () => {
  it.each(KEY_TYPES)('takes root and issuing authority with %s keys', async (keyType) => {
    const realm = caRealm();
    await createCa(realm, { name: 'root', keyType });
    await createCa(realm, { name: 'other' });
    await createCa(realm, { name: 'issuing', parent: 'root' });
    const [root, other, issuing] = ['root', 'other', 'issuing'].map((name) => `${realm.directory}/ca/${name}.crt`) as [
      string,
      string,
      string,
    ];
    const at = ['-attime', String(realm.clock.now())];
    expect(verify([...at, '-CAfile', root, issuing])).toContain('issuing.crt: OK');
    expect(verify([...at, '-CAfile', other, issuing])).toContain('unable to get local issuer certificate');
  });

  it('reads the subject as it was asked for', async () => {
    const realm = caRealm();
    const { certificate } = await createCa(realm, { name: 'root', subject: 'CN=Zoë\\, Root,O=Example,C=DE' });
    const file = join(realm.directory, 'root.pem');
    writeFileSync(file, toPem('CERTIFICATE', certificate.der));
    const { stdout } = spawnSync('openssl', ['x509', '-in', file, '-noout', '-subject', '-nameopt', 'RFC2253,utf8,-esc_msb'], {
      encoding: 'utf8',
    });
    expect(stdout.trim()).toBe('subject=CN=Zoë\\, Root,O=Example,C=DE');
    expect(certificate.subject.text).toBe('CN=Zoë\\, Root,O=Example,C=DE');
  });
});
