/** Java reads the PKCS #12 trust store of `trust export` and trusts what is in it. The package default-jre-headless must be installed: .ci/run does it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { runCli } from '../cli/harness.ts';

const directory = mkdtempSync(join(tmpdir(), 'joinery-trust-store-'));
const at = (name: string) => join(directory, name);
const P = '--purpose control-plane-https';
const env = { JOINERY_PASSPHRASE: 'correct horse battery', JOINERY_ONLINE_PASSPHRASE: 'another horse battery' };
afterAll(() => rmSync(directory, { recursive: true }));

async function joinery(line: string): Promise<void> {
  const { exit, stderr } = await runCli([...line.split(' '), '--realm', at('realm')], { env });
  expect(stderr + String(exit)).toMatch(/0$/);
}

it.each([
  ['one anchor', ['web-root']],
  ['two anchors', ['web-root', 'web-root-2']],
])(
  'keytool lists %s as trusted',
  async (_what, roots) => {
    rmSync(at('realm'), { recursive: true, force: true });
    rmSync(at('trust.p12'), { force: true });
    await joinery('init --environment lab --domain lab.example.internal --insecure-plaintext-keys');
    for (const root of roots) await joinery(`ca create ${root}`);
    await joinery(`trust publish ${P} ${roots.map((root) => `--ca ${root}`).join(' ')}`);
    await joinery(`trust activate ${P} --version 1`);
    writeFileSync(at('password'), 'a long enough password\n', { mode: 0o600 });
    await joinery(`trust export ${P} --format pkcs12 --out ${at('trust.p12')} --password-file ${at('password')}`);
    const argv = ['-J-Duser.language=en', '-list', '-storetype', 'PKCS12', '-keystore', at('trust.p12'), '-storepass:file', at('password')];
    const listed = execFileSync('keytool', argv, { encoding: 'utf8' });
    expect(listed.match(/^control-plane-https.*trustedCertEntry/gm)).toHaveLength(roots.length);
  },
  120_000,
);
