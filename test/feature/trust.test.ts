import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/adapters/clock.ts';
import { systemFiles } from '../../src/adapters/files.ts';
import { generatePrivateKey, signingKey, verifySignature } from '../../src/adapters/signatures.ts';
import { applyTrust } from '../../src/app/apply-trust.ts';
import { trustStatus } from '../../src/app/trust-status.ts';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import { chainDocument } from '../../src/core/trust/chain.ts';
import { make, type Made, webRoot } from '../core/trust/signing.ts';
import { testCa } from '../fakes/anchors.ts';

const purpose = 'control-plane-https';
const other = await testCa('web-root-2');
const world = { files: systemFiles, clock: systemClock, verifySignature, actor: 'test' };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'joinery-trust-feature-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const paths = () => ({ purpose, path: join(directory, 'ca.pem'), statePath: join(directory, 'state.json') }) as const;

/** Versions whose anchors alternate, published now. */
async function history(count: number): Promise<readonly Made[]> {
  const now = systemClock.now();
  const all: Made[] = [await make({ now })];
  while (all.length < count) {
    all.push(await make({ now, replaces: all.at(-1), anchors: [(all.length % 2 === 0 ? webRoot : other).certificate] }));
  }
  return all;
}

it('is whole after kill -9 at any point of apply: the old file or the new one, and the state agrees or heals', async () => {
  const all = await history(150);
  mkdirSync(join(directory, 'versions'));
  for (const [index, made] of all.entries()) {
    writeFileSync(join(directory, 'versions', `${String(index).padStart(4, '0')}.json`), canonicalJson(chainDocument([made.version])));
  }
  const digest = (all[0] as Made).signed.digest;
  const bundles = new Set(all.map((made) => made.signed.manifest.bundle_pem));
  const script = fileURLToPath(new URL('trust-apply-child.ts', import.meta.url));
  let killed = 0;
  for (let round = 0; round < 12; round++) {
    const child = spawn(process.execPath, [script, directory, digest], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    await sleep(3 + ((round * 7) % 40));
    child.kill('SIGKILL');
    const [, signal] = (await ended) as [number | null, NodeJS.Signals | null];
    if (signal === 'SIGKILL') killed++;
    if (existsSync(paths().path)) expect(bundles).toContain(readFileSync(paths().path, 'utf8'));
    if (existsSync(paths().statePath)) await applyTrust(world, { ...paths(), offers: [] });
    expect((await trustStatus(world, paths().statePath)).flatMap((status) => status.problems)).toEqual([]);
  }
  expect(killed).toBeGreaterThan(0);
  const offers = all.map(({ version }) => ({ version, what: 'all' }));
  expect(await applyTrust(world, { ...paths(), offers, firstDigest: digest })).toMatchObject({ version: 150 });
});

it('writes a file against which OpenSSL verifies a server, and refuses one of another root', async () => {
  const [made] = await history(1);
  const { version, signed } = made as Made;
  await applyTrust(world, { ...paths(), offers: [{ version, what: 'x' }], firstDigest: signed.digest });
  mkdirSync(join(directory, 'empty'));
  // Debian's OpenSSL trusts the system's store beside -CAfile otherwise.
  const env = { ...process.env, SSL_CERT_DIR: join(directory, 'empty'), SSL_CERT_FILE: '/dev/null' };
  for (const [issuer, holds] of [
    [webRoot, true],
    [other, false],
  ] as const) {
    const privateKey = generatePrivateKey('p256');
    const leaf = await testCa('server', { issuer, leaf: true, key: signingKey(privateKey) });
    const server = createServer({ key: privateKey.export({ type: 'pkcs8', format: 'pem' }), cert: leaf.pem + issuer.pem }, (socket) =>
      socket.end(),
    );
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const argv = ['s_client', '-connect', `127.0.0.1:${port}`, '-CAfile', paths().path, '-verify_return_error', '-brief'];
    const client = promisify(execFile)('openssl', argv, { env });
    client.child.stdin?.end();
    const verified = await client.then(
      ({ stderr }) => stderr.includes('Verification: OK'),
      () => false,
    );
    server.close();
    expect(verified).toBe(holds);
  }
});
