/**
 * Both libraries against a real keyring: gnome-keyring's Secret Service in a D-Bus session of its own. Needs the Debian packages dbus and
 * gnome-keyring; keytar is installed for this test from the registry and built, which needs libsecret-1-dev, make, g++ and python3.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'joinery-keychain-'));
const joinery = `${JSON.stringify(process.execPath)} ${JSON.stringify(join(root, 'bin/run.js'))}`;

/** Runs a script in a new session with an unlocked keyring of its own; the daemon is ended by its process id. */
function inSession(script: string, env: Record<string, string> = {}) {
  const home = mkdtempSync(join(work, 'home-'));
  const runtime = mkdtempSync(join(work, 'run-'));
  const file = join(home, 'script.sh');
  writeFileSync(
    file,
    `set -eu
printf pass | gnome-keyring-daemon --foreground --unlock --components=secrets >/dev/null 2>&1 &
daemon=$!
trap 'kill "$daemon" 2>/dev/null || true; wait "$daemon" 2>/dev/null || true' EXIT
for _ in $(seq 100); do
  if dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets | grep -q true; then break; fi
  sleep 0.1
done
${script}`,
  );
  const { error, status, stdout, stderr } = spawnSync('dbus-run-session', ['--', 'bash', file], {
    encoding: 'utf8',
    cwd: home,
    timeout: 120_000,
    env: { PATH: process.env['PATH'], HOME: home, XDG_RUNTIME_DIR: runtime, ...env },
  });
  if (error !== undefined) throw new Error(`dbus-run-session: ${error.message} (the packages are listed in .ci/run)`);
  return { status, stdout, stderr };
}

/** Calls the adapter with one library. */
function probe(library: 'keytar' | 'napiKeyring', adapter: string): string {
  const url = JSON.stringify(adapter);
  const secret = JSON.stringify(adapter.replace('adapters/keychain', 'core/secret'));
  const code = `
    const { openKeychain, ${library} } = await import(${url});
    const { Secret } = await import(${secret});
    const keychain = await openKeychain([${library}]);
    const before = await keychain.get('realm/offline');
    await keychain.set('realm/offline', new Secret('a passphrase'));
    const after = (await keychain.get('realm/offline')).reveal();
    const removed = [await keychain.delete('realm/offline'), await keychain.delete('realm/offline')];
    console.log(JSON.stringify({ library: keychain.library, before: before ?? null, after, removed }));`;
  return `${JSON.stringify(process.execPath)} --input-type=module -e ${shellWord(code)}`;
}

const shellWord = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const expected = (library: string) => ({ library, before: null, after: 'a passphrase', removed: [true, false] });

describe('a real keyring', () => {
  it('serves @napi-rs/keyring, through the Secret Service and nothing else', () => {
    const adapter = new URL('../../dist/adapters/keychain.js', import.meta.url).href;
    const { stdout, stderr, status } = inSession(probe('napiKeyring', adapter));
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(expected('@napi-rs/keyring'));
  });

  it('gives commands their passphrases', () => {
    writeFileSync(join(work, 'offline'), 'correct horse battery\n');
    writeFileSync(join(work, 'online'), 'another horse battery\n');
    const files = `--passphrase-file ${join(work, 'offline')} --online-passphrase-file ${join(work, 'online')}`;
    const { status, stdout, stderr } = inSession(`
      export JOINERY_REALM="$HOME/realm"
      ${joinery} init --environment lab --domain lab.example.internal ${files} >&2
      ${joinery} ca create root ${files} >&2
      ${joinery} realm keychain store --custody offline ${files}
      ${joinery} ca crl root --keychain --out root.crl.pem >&2
      openssl crl -in root.crl.pem -noout -verify -CAfile realm/ca/root.crt 2>&1
      printf 'brand new horse battery\\n' > new
      ${joinery} ca key rewrap --custody offline --new-passphrase-file new --keychain
      ${joinery} ca crl root --keychain >/dev/null
      ${joinery} realm keychain forget --custody offline
      ${joinery} ca crl root --keychain --json || true`);
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('the keychain holds the passphrase of the offline keys');
    expect(stdout).toContain('verify OK');
    expect(stdout).toContain('offline keys are encrypted under the new passphrase');
    expect(stdout).toContain('the keychain no longer holds the passphrase of the offline keys');
    expect(stdout).toContain('ERR_USAGE_NO_TERMINAL');
  }, 180_000);

  it('gives token mint a signing key, without a realm', () => {
    const { status, stdout, stderr } = inSession(`
      openssl genpkey -algorithm ED25519 -out ci.pem 2>/dev/null
      openssl pkey -in ci.pem -pubout -out ci.pub
      ${joinery} token keys keychain --issuer ci --key-file ci.pem
      rm ci.pem
      ${joinery} token mint --keychain --issuer ci --cluster prod --role worker --out token.jwt
      ${joinery} token verify --token-file token.jwt --public-key ci.pub --issuer ci --cluster prod
      ${joinery} token keys keychain --issuer ci --forget
      ${joinery} token mint --keychain --issuer ci --cluster prod --role worker --reveal --json || true`);
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('the keychain holds the key of ci (EdDSA, ');
    expect(stdout).toContain('valid join token');
    expect(stdout).toContain('the keychain no longer holds the key of ci');
    expect(stdout).toContain('ERR_KEYCHAIN_EMPTY');
  }, 60_000);

  it('fails fast and by its code when the keyring is locked', () => {
    const adapter = new URL('../../dist/adapters/keychain.js', import.meta.url).href;
    const start = performance.now();
    const { status, stdout, stderr } = inSession(`
      ${probe('napiKeyring', adapter)}
      kill "$daemon"; wait "$daemon" || true
      gnome-keyring-daemon --foreground --components=secrets >/dev/null 2>&1 &
      daemon=$!
      sleep 2
      ${probe('napiKeyring', adapter)}`);
    expect([status === 0, stdout.trim().split('\n').length]).toEqual([false, 1]);
    expect(stderr).toContain('ERR_KEYCHAIN_UNAVAILABLE');
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it('fails fast and by its code when the keyring has gone', () => {
    const adapter = new URL('../../dist/adapters/keychain.js', import.meta.url).href;
    const { status, stderr } = inSession(`kill "$daemon"; wait "$daemon" || true\n${probe('napiKeyring', adapter)}`);
    expect(status).not.toBe(0);
    expect(stderr).toContain('ERR_KEYCHAIN_UNAVAILABLE');
  });
});

describe('keytar, where it is installed beside joinery', () => {
  const place = join(work, 'with-keytar');

  beforeAll(() => {
    mkdirSync(place);
    const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { peerDependencies: { keytar: string } })
      .peerDependencies.keytar;
    writeFileSync(join(place, 'package.json'), JSON.stringify({ type: 'module', private: true, dependencies: { keytar: version } }));
    const npm = spawnSync('npm', ['install', '--build-from-source', '--no-audit', '--no-fund'], {
      cwd: place,
      encoding: 'utf8',
      timeout: 300_000,
    });
    if (npm.status !== 0) throw new Error(`keytar could not be installed and built:\n${npm.stdout}\n${npm.stderr}`);
    spawnSync('cp', ['-r', join(root, 'dist'), place]);
  }, 360_000);

  it('is the one that is used', () => {
    const { status, stdout, stderr } = inSession(probe('keytar', new URL(`file://${place}/dist/adapters/keychain.js`).href));
    expect({ status, stderr: status === 0 ? '' : stderr }).toEqual({ status: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(expected('keytar'));
  });
});
