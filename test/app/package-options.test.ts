import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAge, sealAge } from '../../src/adapters/age.ts';
import { systemFiles } from '../../src/adapters/files.ts';
import { gunzip, gzip } from '../../src/adapters/gzip.ts';
import { openJwe } from '../../src/adapters/jose.ts';
import { stageDirectory } from '../../src/adapters/staged-directory.ts';
import { diffPackagesAt } from '../../src/app/diff-packages.ts';
import { inspectPackage } from '../../src/app/inspect-package.ts';
import type { PackageWorld } from '../../src/app/package-request.ts';
import { renderPackage, type RenderPackageInput } from '../../src/app/render-package.ts';
import { isAgeSealed, readSealed, unsealPackage } from '../../src/app/unseal-package.ts';
import { verifyPackage, type VerifyPackageOptions } from '../../src/app/verify-package.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { utf8 } from '../../src/core/encoding.ts';
import { jsonFile } from '../../src/core/onboarding/files.ts';
import { FORMATS } from '../../src/core/onboarding/formats/table.ts';
import { writeTar } from '../../src/core/onboarding/formats/tar.ts';
import { PACKAGE_CHECKS } from '../../src/core/onboarding/verify.ts';
import { isAgeRecipient, parseRecipient } from '../../src/core/onboarding/seal.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Seconds } from '../../src/core/time.ts';
import { copyOf, packageReader, packageRealm, type PackageRealm, packageWorld } from '../fakes/package-realm.ts';

let directory: string;
let realm: PackageRealm;
let world: PackageWorld;
let count = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'joinery-options-'));
  realm = await packageRealm();
  world = await packageWorld();
});
afterAll(() => rm(directory, { recursive: true }));

const fresh = () => join(directory, `pkg-${count++}`);
const url = 'https://boot.control.example.internal:9443';
const reader = { files: systemFiles, gunzip };
const inputOf = (changes: Partial<RenderPackageInput> = {}): RenderPackageInput => ({
  cluster: 'prod',
  role: 'worker',
  joinUrls: [url],
  out: fresh(),
  ...changes,
});
const render = (changes: Partial<RenderPackageInput> = {}, on = realm) => renderPackage(on, inputOf(changes), world);
const verify = (path: string, options: VerifyPackageOptions = {}) => verifyPackage(packageReader(realm), path, options);
const refused = (code: string) => expect.objectContaining({ code });
const failures = async (path: string) =>
  (await verify(path)).rows.filter((row) => row.result === 'failed').map((row) => [row.check, row.code]);
const part = (name: string, text: string) => ({ name, bytes: utf8(text) });

describe.each(FORMATS)('package render --format %s', (format) => {
  it('verifies with and without the realm, and tells what the cloud-config tells', async () => {
    const { out, trustDigest, tokenCopies } = await render({ format, agent: 'script', node: 'n1' });
    const { rows } = await verify(out, { trustDigest });
    expect(rows.map((row) => [row.check, row.result])).toEqual(PACKAGE_CHECKS.map((check) => [check, 'ok']));
    expect((await verify(out, { realm })).ok).toBe(true);
    expect(tokenCopies).toContain('this package');
    const { out: other } = await render({ format: 'cloud-config', agent: 'script', node: 'n1' }, await copyOf(realm));
    const { facts, files } = await diffPackagesAt(reader, other, out);
    expect(facts.map(({ fact }) => fact).filter((fact) => fact !== 'format')).toEqual(['token.id']);
    expect(files.map(({ path }) => path)).toEqual(['/var/lib/joinery/secrets/join-token']);
  });
});

describe('trust by URL', () => {
  it('brings fingerprints and no bundle, and verifies by what lies beside', async () => {
    const { out } = await render({ trust: 'url', agent: 'script' });
    const { model, files } = await inspectPackage(reader, out);
    expect(model.trust).toBeUndefined();
    expect(model.onboarding.trust_url).toBe(url);
    expect(files.filter(({ path }) => path.endsWith('.pem'))).toEqual([]);
    const environment = files.find(({ path }) => path.endsWith('joinery.env'));
    expect(Buffer.from(environment?.bytes as Uint8Array).toString('utf8')).toContain(`JOINERY_TRUST_URL='${url}'`);
    expect((await verify(out, { realm })).ok).toBe(true);
    await writeFile(join(out, 'trust/control-plane-https.pem'), 'x');
    expect((await failures(out)).map(([check]) => check)).toEqual(['sums', 'contents', 'fingerprints']);
  });

  it('fetches from the API URL, which has to be of the environment', async () => {
    const apiUrl = 'https://api.control.example.internal';
    const { out } = await render({ trust: 'url', apiUrl });
    expect((await inspectPackage(reader, out)).model.onboarding).toMatchObject({ api_url: apiUrl, trust_url: apiUrl, join_urls: [url] });
    await expect(render({ trust: 'url', apiUrl: 'https://evil.net' })).rejects.toEqual(refused('ERR_PACKAGE_URL'));
  });

  it('has nothing to put into the system trust store', async () => {
    await expect(render({ trust: 'url', systemTrustStore: true })).rejects.toEqual(refused('ERR_PACKAGE_SYSTEM_TRUST'));
    const { out } = await render({ systemTrustStore: true });
    expect((await verify(out, { realm })).ok).toBe(true);
    const { files } = await inspectPackage(reader, out);
    expect(files.filter(({ path }) => path.startsWith('/usr/local/'))).toHaveLength(1);
  });
});

describe('token delivery', () => {
  it.each(['systemd-credential', 'file-later'] as const)('%s puts the token beside, and nowhere else', async (tokenDelivery) => {
    const { out, manifest, tokenCopies } = await render({ tokenDelivery });
    const token = await readFile(join(out, 'join-token'), 'utf8');
    expect(await readFile(join(out, 'user-data'), 'utf8')).not.toContain(token);
    expect(manifest.token).toMatchObject({ delivery: tokenDelivery, max_uses: 1 });
    expect(tokenCopies).toEqual([]);
    expect((await verify(out, { realm })).ok).toBe(true);
    await writeFile(join(out, 'join-token'), 'no token\n');
    expect((await failures(out)).map(([check]) => check)).toEqual(['sums', 'contents', 'token']);
    await rm(join(out, 'join-token'));
    expect((await failures(out)).map(([check]) => check)).toEqual(['sums', 'manifest']);
  });

  it('none mints no token', async () => {
    const before = realm.store.audit.length;
    const { out, manifest } = await render({ tokenDelivery: 'none' });
    expect(manifest.token).toBeUndefined();
    expect(realm.store.audit.length).toBe(before + 1);
    expect((await verify(out, { realm })).ok).toBe(true);
  });

  it('takes a powerful token only with a reason, which the package shows', async () => {
    await expect(render({ maxUses: 2 })).rejects.toEqual(refused('ERR_PACKAGE_TOKEN'));
    const tokenAllowance = { multi_use: 'a rack' };
    const { out, manifest } = await render({ maxUses: 2, tokenAllowance });
    expect(manifest).toMatchObject({ token: { max_uses: 2 }, token_override: tokenAllowance });
    const { rows, ok } = await verify(out, { realm });
    expect(ok).toBe(true);
    expect(rows.find(({ check }) => check === 'token')).toMatchObject({
      result: 'warning',
      detail: expect.stringContaining('2 uses') as string,
    });
    const config = { ...realm.config, token: { max_lifetime: 200_000 } };
    await expect(render({ ttl: 100_000 as Seconds }, { ...realm, config })).rejects.toEqual(refused('ERR_PACKAGE_TOKEN'));
    const long = await render({ ttl: 100_000 as Seconds, tokenAllowance: { long_lived: 'ships by sea' } }, { ...realm, config });
    expect(long.manifest.token_override).toEqual({ long_lived: 'ships by sea' });
  });
});

describe('places, owners and services', () => {
  it('are those that were asked for', async () => {
    const trustPaths = { 'control-plane-https': '/etc/gpuaas/ca.pem', 'node-cert-lifecycle': '/etc/gpuaas/node-ca.pem' };
    const { out, warnings } = await render({
      trustPaths,
      owner: 'gpuaas:1000',
      fileMode: '0640',
      service: 'gpuaas-join',
      envPrefix: 'GPUAAS',
      seedPeers: ['n9.control.example.internal:9443'],
      agent: 'script',
    });
    expect(warnings).toEqual([expect.stringContaining('gpuaas:1000')]);
    const { model, files } = await inspectPackage(reader, out);
    expect(model.seedPeers.peers).toEqual([{ address: 'n9.control.example.internal:9443' }]);
    const bundle = files.find(({ path }) => path === '/etc/gpuaas/ca.pem');
    expect(bundle).toMatchObject({ owner: 'gpuaas:1000', mode: 0o640 });
    expect(files.find(({ path }) => path.endsWith('/join-token'))).toMatchObject({ owner: 'gpuaas:1000', mode: 0o600 });
    expect(files.some(({ path }) => path.includes('gpuaas-join.service'))).toBe(true);
    // What root runs, or reads as shell text, cannot be anybody else's to change.
    const run = files.filter(({ path, mode }) => mode === 0o755 || path.endsWith('.env') || path.includes('/service/'));
    expect(run.length).toBeGreaterThan(5);
    expect(new Set(run.map(({ owner }) => owner))).toEqual(new Set(['root:root']));
    expect((await verify(out, { realm })).ok).toBe(true);
  });

  it('are refused where they would collide, or are none', async () => {
    const one = '/etc/ca.pem';
    await expect(render({ trustPaths: { 'control-plane-https': one, 'node-cert-lifecycle': one } })).rejects.toEqual(
      refused('ERR_PACKAGE_PATH'),
    );
    await expect(render({ owner: 'root' })).rejects.toEqual(refused('ERR_PACKAGE_MALFORMED'));
    await expect(render({ service: 'a b' })).rejects.toEqual(refused('ERR_PACKAGE_MALFORMED'));
    await expect(render({ seedPeers: ['n9'] })).rejects.toEqual(refused('ERR_PACKAGE_MALFORMED'));
  });
});

describe('an executable as the agent', () => {
  it('fits into an archive and a script, and not into user-data', async () => {
    const binary = Buffer.alloc(3_000_000, 'joinery ');
    const { out } = await render({ format: 'tar', agent: 'binary', binary });
    expect((await verify(out, { realm })).ok).toBe(true);
    const { out: script } = await render({ format: 'shell', agent: 'binary', binary });
    expect((await verify(script, { realm })).ok).toBe(true);
    await expect(render({ agent: 'binary', binary })).rejects.toEqual(refused('ERR_PACKAGE_SIZE'));
  });

  it('may be in the image: then the package names its place, and is as small as any', async () => {
    const { out } = await render({ agent: 'binary', agentPath: '/opt/bin/joinery', target: 'ec2' });
    expect((await verify(out, { realm })).ok).toBe(true);
    const { files, model } = await inspectPackage(reader, out);
    const textOf = (ending: string) => Buffer.from(files.find(({ path }) => path.endsWith(ending))?.bytes ?? []).toString('utf8');
    expect(model.onboarding).toMatchObject({ agent: 'binary', agent_path: '/opt/bin/joinery' });
    expect(files.map(({ path }) => path)).not.toContain('/var/lib/joinery/bin/joinery');
    expect(textOf('joinery-join.service')).toContain('ExecStart=/opt/bin/joinery node join ');
    expect(textOf('bin/join-agent')).toContain("'/opt/bin/joinery'");
    await expect(render({ agent: 'binary', agentPath: '/opt/$(id)' })).rejects.toEqual(refused('ERR_PACKAGE_MALFORMED'));
  });
});

describe('platforms', () => {
  it('get what they take: as it is, compressed, or nothing', async () => {
    const ec2 = await render({ target: 'ec2', agent: 'script' });
    expect(ec2.manifest).toMatchObject({ target: 'ec2', compression: 'gzip' });
    expect(await readdir(ec2.out)).toContain('user-data.gz');
    expect((await verify(ec2.out, { realm })).ok).toBe(true);
    expect((await inspectPackage(reader, ec2.out)).format).toBe('cloud-config');
    expect((await inspectPackage(reader, join(ec2.out, 'user-data.gz'))).format).toBe('cloud-config');
    expect((await render({ target: 'maas' })).manifest.compression).toBeUndefined();
    await expect(render({ target: 'ec2', format: 'ignition', agent: 'script' })).rejects.toEqual(refused('ERR_PACKAGE_SIZE'));
    // What zlib leaves too large is packed as small as can be.
    const bad = {
      ...world,
      gzip: (bytes: Uint8Array, smallest?: boolean) => (smallest === true ? world.gzip(bytes, true) : new Uint8Array(18_000)),
    };
    const tight = await renderPackage(realm, inputOf({ target: 'ec2', agent: 'script' }), bad);
    expect(tight.size?.gzip).toBeLessThan(16_384);
    expect((await verify(tight.out, { realm })).ok).toBe(true);
    await expect(render({ target: 'openstack', format: 'shell', agent: 'script' })).rejects.toEqual(refused('ERR_PACKAGE_SIZE'));
    expect((await render({ target: 'nocloud', format: 'tar' })).size).toBeUndefined();
  });

  it('are refused by verify when the package is too large for the one it names', async () => {
    const { out } = await render({ agent: 'script' });
    const manifest = JSON.parse(await readFile(join(out, 'package.json'), 'utf8')) as JsonObject;
    await writeFile(join(out, 'package.json'), jsonFile({ ...manifest, target: 'ec2' }));
    expect((await failures(out)).map(([check]) => check)).toEqual(['sums', 'size', 'signature']);
  });

  it('compress the same bytes to the same bytes, and unpack nothing else', () => {
    const packed = gzip(utf8('x'.repeat(1000)));
    expect([...packed.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255]);
    expect(gunzip(packed, 1000)).toHaveLength(1000);
    expect(() => gunzip(packed, 999)).toThrow(refused('ERR_PACKAGE_MALFORMED'));
    expect(() => gunzip(utf8('x'), 10)).toThrow(refused('ERR_PACKAGE_MALFORMED'));
  });
});

describe('parts of the operator', () => {
  const multipart = (...parts: readonly { name: string; bytes: Uint8Array }[]) => render({ format: 'multipart', parts });

  it('come before ours', async () => {
    const { out } = await multipart(
      part('base.cfg', '#cloud-config\nwrite_files:\n- {path: /etc/motd, content: hi}\n- none\n- {content: x}\n'),
      part('hello.sh', '#!/bin/sh\necho hello\n'),
      part('users.cfg', '#cloud-config  \r\nusers: [default]\nwrite_files: 7\n'),
    );
    expect((await verify(out, { realm })).ok).toBe(true);
    const { model } = await inspectPackage(reader, out);
    expect(model.parts?.map(({ name, type }) => [name, type])).toEqual([
      ['base.cfg', 'text/cloud-config'],
      ['hello.sh', 'text/x-shellscript'],
      ['users.cfg', 'text/cloud-config'],
    ]);
  });

  it.each<[string, string, string?]>([
    ['an include', '#include\nhttps://evil.example/x\n'],
    ['a part handler', '#part-handler\n'],
    ['a patch', '#cloud-config-jsonp\n[]\n'],
    ['a template', '## template: jinja\n#cloud-config\n'],
    ['our own name', '#cloud-config\n{}\n', 'joinery.cfg'],
    ['a name with a quote', '#cloud-config\n{}\n', 'a"b'],
    ['a deprecated key', '#cloud-config\napt_update: true\n'],
    ['a deprecated key inside', '#cloud-config\nusers: [{name: a, lock-passwd: true}]\n'],
    ['a list', '#cloud-config\n- a\n'],
    ['a deprecated key that another may have', '#cloud-config\nchpasswd: {list: [a]}\n'],
    ['a deprecated value, as YAML 1.1 reads it', '#cloud-config\ngrowpart: {mode: off}\n'],
    ['a file of ours by a longer spelling', '#cloud-config\nwrite_files: [{path: //var/./lib//joinery/joinery.env, defer: true}]\n'],
    ['a file in the place of our directory', '#cloud-config\nwrite_files: [{path: /var/lib/joinery/}]\n'],
    ['a file by a merge key', '#cloud-config\nx: &x {path: /var/lib/joinery/joinery.env}\nwrite_files: [{<<: *x}]\n'],
    ['a file of ours', '#cloud-config\nwrite_files: [{path: /var/lib/joinery/trust/x.pem}]\n'],
    ['a file on the way to ours', '#cloud-config\nwrite_files: [{path: /etc/../var/lib/joinery/joinery.env}]\n'],
  ])('are refused: %s', async (_, text, name = 'x.cfg') => {
    await expect(multipart(part(name, text))).rejects.toEqual(refused('ERR_PACKAGE_PART'));
  });

  it('are refused in another format, twice by one name, as no YAML, and with a private key', async () => {
    const base = part('base.cfg', '#cloud-config\n{}\n');
    await expect(render({ parts: [base] })).rejects.toEqual(refused('ERR_PACKAGE_PART'));
    await expect(multipart(base, base)).rejects.toEqual(refused('ERR_PACKAGE_PART'));
    await expect(multipart(part('x.cfg', '#cloud-config\na: [\n'))).rejects.toEqual(refused('ERR_CONFIG_MALFORMED'));
    const leak = part('x.sh', '#!/bin/sh\ncat <<X\n-----BEGIN PRIVATE KEY-----\n');
    await expect(multipart(leak)).rejects.toEqual(refused('ERR_PACKAGE_PRIVATE_KEY'));
  });
});

describe('a sealed package', () => {
  const unsealWorld = { files: systemFiles, openJwe, openAge, stageDirectory };

  it('opens for the identity of its age recipient alone', async () => {
    const identity = await generateX25519Identity();
    const recipient = await identityToRecipient(identity);
    expect(isAgeRecipient(recipient)).toBe(true);
    const { out, sealed, trustDigest } = await render({ sealTo: parseRecipient(`# public key\n${recipient}\n`, 'key.txt') });
    expect(await readdir(out)).toEqual(['package.tar.age']);
    const bytes = await readSealed(systemFiles, join(out, sealed as string));
    expect(isAgeSealed(bytes)).toBe(true);
    const opened = fresh();
    expect(await unsealPackage(unsealWorld, bytes, new Secret(identity), opened)).toHaveLength(8);
    expect((await verify(opened, { trustDigest })).ok).toBe(true);
    const stranger = new Secret(await generateX25519Identity());
    await expect(unsealPackage(unsealWorld, bytes, stranger, fresh())).rejects.toEqual(refused('ERR_PACKAGE_SEAL'));
    await expect(sealAge(bytes, 'age1wrong')).rejects.toEqual(refused('ERR_PACKAGE_SEAL'));
  });

  it('opens for the private key of its P-256 key alone', async () => {
    const pair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const [mine, other] = [pair(), pair()];
    const pem = (key: typeof mine) => new Secret(key.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
    const recipients = [
      mine.publicKey.export({ type: 'spki', format: 'pem' }) as string,
      JSON.stringify(mine.publicKey.export({ format: 'jwk' })),
    ];
    for (const text of recipients) {
      const { out, sealed } = await render({ sealTo: parseRecipient(text, 'key.pem') });
      const bytes = await readSealed(systemFiles, join(out, sealed as string));
      const opened = fresh();
      await unsealPackage(unsealWorld, bytes, pem(mine), opened);
      expect((await verify(opened, { realm })).ok).toBe(true);
      await expect(unsealPackage(unsealWorld, bytes, pem(other), fresh())).rejects.toEqual(refused('ERR_PACKAGE_SEAL'));
      await expect(unsealPackage(unsealWorld, utf8('x'), pem(mine), fresh())).rejects.toEqual(refused('ERR_PACKAGE_SEAL'));
    }
    const failing = { ...unsealWorld, openJwe: () => Promise.reject(new TypeError('bug')) };
    await expect(unsealPackage(failing, utf8('x'), pem(mine), fresh())).rejects.toThrow(TypeError);
  });

  it('holds the files of a package and no other', async () => {
    const foreign = (entries: Parameters<typeof writeTar>[0]) => ({ ...unsealWorld, openJwe: () => Promise.resolve(writeTar(entries, 0)) });
    const entry = { owner: 'root:root', mode: 0o644 };
    for (const entries of [[{ ...entry, path: '../x', bytes: utf8('x') }], [{ ...entry, path: 'trust' }]]) {
      await expect(unsealPackage(foreign(entries), utf8('x'), new Secret('x'), fresh())).rejects.toEqual(refused('ERR_PACKAGE_MALFORMED'));
    }
  });

  it('is for a key that can be sealed to', () => {
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ type: 'spki', format: 'pem' }) as string;
    expect(() => parseRecipient(p384, 'x')).toThrow(refused('ERR_PACKAGE_SEAL'));
    expect(() => parseRecipient('hello', 'x')).toThrow(refused('ERR_PACKAGE_SEAL'));
  });
});

describe('a medium without modes', () => {
  it('is named, with what it exposes', async () => {
    const files = {
      ...systemFiles,
      stat: async (path: string) => {
        const info = await systemFiles.stat(path);
        return info && { ...info, mode: 0o777 };
      },
    };
    const { warnings, out } = await render({}, { ...realm, files });
    expect(warnings).toEqual([expect.stringContaining('keeps no file modes')]);
    const { rows, ok } = await verifyPackage({ ...packageReader(realm), files }, out, { ignoreModes: true });
    expect(ok).toBe(true);
    expect(rows.find(({ check }) => check === 'modes')).toMatchObject({
      result: 'warning',
      detail: expect.stringContaining('token') as string,
    });
    const gone = { ...systemFiles, stat: () => Promise.resolve(undefined) };
    expect((await render({}, { ...realm, files: gone })).warnings).toEqual([]);
  });
});

describe('package diff', () => {
  it('finds nothing between a package and itself, and names what is another', async () => {
    const [a, b] = [await render({ node: 'n1' }), await render({ node: 'n2', trust: 'url', tokenDelivery: 'none' })];
    expect(await diffPackagesAt(reader, a.out, a.out)).toEqual({ facts: [], files: [] });
    const { facts, files } = await diffPackagesAt(reader, a.out, b.out);
    expect(facts).toContainEqual({ fact: 'onboarding.node', from: 'n1', to: 'n2' });
    expect(facts).toContainEqual({ fact: 'onboarding.trust_url', to: url });
    expect(facts.some(({ fact, to }) => fact === 'token.id' && to === undefined)).toBe(true);
    expect(files.find(({ path }) => path.endsWith('/join-token'))).toEqual({
      path: '/var/lib/joinery/secrets/join-token',
      from: expect.stringMatching(/^0600 root:root [0-9a-f]{64}$/) as string,
    });
    const parts = await render({ format: 'multipart', parts: [part('x.sh', '#!/bin/sh\n')] });
    expect((await diffPackagesAt(reader, a.out, parts.out)).facts.map(({ fact }) => fact)).toContain('parts[0].sha256');
    expect(JSON.stringify(facts)).not.toContain('eyJ');
  });
});
