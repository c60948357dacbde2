import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemFiles } from '../../src/adapters/files.ts';
import { gunzip, gzip } from '../../src/adapters/gzip.ts';
import { stageDirectory } from '../../src/adapters/staged-directory.ts';
import { activateTrust } from '../../src/app/activate-trust.ts';
import { applyTrust } from '../../src/app/apply-trust.ts';
import { inspectPackage } from '../../src/app/inspect-package.ts';
import { readPackage } from '../../src/app/read-package.ts';
import type { PackageWorld } from '../../src/app/package-request.ts';
import { renderPackage, type RenderPackageInput } from '../../src/app/render-package.ts';
import { readActive, type VersionRecord } from '../../src/app/trust-records.ts';
import { verifyPackage, type VerifyPackageOptions } from '../../src/app/verify-package.ts';
import { canonicalBytes, type JsonObject } from '../../src/core/canonical-json.ts';
import { type Digest, digestOf } from '../../src/core/digest.ts';
import { toBase64Url, utf8 } from '../../src/core/encoding.ts';
import { JoineryError } from '../../src/core/errors.ts';
import type { CheckRow } from '../../src/core/onboarding/checklist.ts';
import { jsonFile } from '../../src/core/onboarding/files.ts';
import { PACKAGE_PATHS, sealPackage } from '../../src/core/onboarding/manifest.ts';
import { PACKAGE_CHECKS, verifyPackageFiles } from '../../src/core/onboarding/verify.ts';
import type { Envelope } from '../../src/core/trust/envelope.ts';
import type { Seconds } from '../../src/core/time.ts';
import { testCa } from '../fakes/anchors.ts';
import { ASSETS } from '../fakes/package-model.ts';
import { copyOf, packageReader, packageRealm, type PackageRealm, packageWorld, publish } from '../fakes/package-realm.ts';

let directory: string;
let realm: PackageRealm;
let world: PackageWorld;
let count = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'joinery-package-'));
  realm = await packageRealm();
  world = await packageWorld();
});
afterAll(() => rm(directory, { recursive: true }));

/** What a package with cloud-config holds. */
const PATHS = PACKAGE_PATHS.filter((path) => path === 'user-data' || path.startsWith('trust/') || /^(package|SHA)/.test(path));
const fresh = () => join(directory, `pkg-${count++}`);
const url = 'https://boot.control.example.internal:9443';
const inputOf = (changes: Partial<RenderPackageInput> = {}): RenderPackageInput => ({
  cluster: 'prod',
  role: 'worker',
  joinUrls: [url],
  out: fresh(),
  ...changes,
});
const render = (changes: Partial<RenderPackageInput> = {}, on = realm) => renderPackage(on, inputOf(changes), world);
const refused = (code: string) => expect.objectContaining({ code });
const verify = (path: string, options: VerifyPackageOptions = {}) => verifyPackage(packageReader(realm), path, options);
const rowOf = (rows: readonly CheckRow[], check: string) => rows.find((row) => row.check === check) as CheckRow;
const auditEvents = (on: PackageRealm) =>
  on.store.audit.map((record) => JSON.parse(Buffer.from(record.bytes).toString('utf8')) as JsonObject);

describe('package render', () => {
  it('writes a package that verifies with and without the realm', async () => {
    const result = await render();
    expect(await readdir(result.out)).toEqual(['SHA256SUMS', 'package.json', 'package.sig.json', 'trust', 'user-data']);
    expect(result.warnings).toEqual([]);
    const alone = await verify(result.out, { trustDigest: result.trustDigest });
    expect(alone.rows.map((row) => [row.check, row.result])).toEqual(PACKAGE_CHECKS.map((check) => [check, 'ok']));
    const withRealm = await verify(result.out, { realm });
    expect(withRealm.ok).toBe(true);
    expect(withRealm.rows.slice(-3).map((row) => row.result)).toEqual(['ok', 'ok', 'ok']);
  });

  it('commits token and audit record before the package can be seen', async () => {
    const seen: string[] = [];
    const watching: PackageWorld = {
      ...world,
      stageDirectory: async (path, files) => {
        const staged = await stageDirectory(path, files);
        const publishing = async () => {
          seen.push(
            ...auditEvents(realm)
              .slice(-2)
              .map((event) => event['event'] as string),
          );
          await staged.publish();
        };
        return { ...staged, publish: publishing };
      },
    };
    const input = inputOf({ node: 'n1', ttl: 60 as Seconds });
    await renderPackage(realm, input, watching);
    expect(seen).toEqual(['token.mint', 'package.render']);
    expect((await verify(input.out, { realm })).ok).toBe(true);
    const event = auditEvents(realm).at(-1);
    expect(event).toMatchObject({ subject: 'prod/worker', details: { node: 'n1', cluster: 'prod' } });
    expect(JSON.stringify(event)).not.toContain('eyJ');
  });

  it('gives the same bytes for the same realm, clock and random', async () => {
    const [first, second] = [await render({}, await copyOf(realm)), await render({}, await copyOf(realm))];
    for (const path of PATHS) expect(await readFile(join(first.out, path))).toEqual(await readFile(join(second.out, path)));
  });

  it('takes the join URLs of the cluster, another prefix and another directory', async () => {
    const input = { cluster: 'edge', role: 'worker', out: fresh(), envPrefix: 'GPUAAS', nodeDirectory: '/opt/gpuaas/join' };
    const { out } = await renderPackage(realm, input, world);
    const { model } = await inspectPackage({ files: systemFiles, gunzip }, out);
    expect(model.onboarding).toMatchObject({ api_url: url, env_prefix: 'GPUAAS', directory: '/opt/gpuaas/join' });
    expect((await verify(out, { realm })).ok).toBe(true);
  });

  it('records why a URL may lie outside the domain, and warns beside it', async () => {
    const { out, warnings } = await render({ joinUrls: ['https://10.1.2.3:9443'], urlOutsideReason: 'no DNS in the lab' });
    expect(warnings).toHaveLength(1);
    const { rows, ok } = await verify(out, { realm });
    expect(ok).toBe(true);
    expect(rowOf(rows, 'urls')).toMatchObject({ result: 'warning', detail: expect.stringContaining('no DNS in the lab') as string });
    const beside = await render({ joinUrls: ['https://boot.example.internal:9443'], urlOutsideReason: 'not needed' });
    expect(beside.warnings).toEqual([expect.stringContaining('beside')]);
    expect(rowOf((await verify(beside.out, { realm })).rows, 'urls').result).toBe('warning');
  });

  it('notes which platform would refuse the size', async () => {
    const { size, out } = await render({ agent: 'script' });
    expect(size?.tooLargeFor).toEqual(['ec2']);
    expect(rowOf((await verify(out)).rows, 'size')).toMatchObject({
      result: 'ok',
      detail: expect.stringContaining('over the limit of ec2') as string,
    });
  });

  it.each<[string, Partial<RenderPackageInput>]>([
    ['ERR_CLUSTER_UNKNOWN', { cluster: 'nowhere' }],
    ['ERR_ROLE_UNKNOWN', { role: 'king' }],
    ['ERR_INPUT_MALFORMED', { joinUrls: [] }],
    ['ERR_ROLE_UNKNOWN', { cluster: 'edge', role: 'control-plane' }],
    ['ERR_PACKAGE_MALFORMED', { joinUrls: ["https://a.control.example.internal/'"] }],
    ['ERR_PACKAGE_MALFORMED', { envPrefix: 'lower' }],
    ['ERR_PACKAGE_URL', { joinUrls: ['https://boot.attacker.net'] }],
    ['ERR_PACKAGE_TOKEN', { ttl: 86401 as Seconds }],
  ])('refuses with %s before a token exists: %j', async (code, changes) => {
    const before = realm.store.audit.length;
    const input = inputOf(changes);
    await expect(renderPackage(realm, input, world)).rejects.toEqual(refused(code));
    expect(realm.store.audit.length).toBe(before);
    expect(await systemFiles.stat(input.out)).toBeUndefined();
  });

  it('needs a join URL from somewhere', async () => {
    await expect(renderPackage(realm, { cluster: 'prod', role: 'worker', out: fresh() }, world)).rejects.toEqual(
      refused('ERR_INPUT_MALFORMED'),
    );
  });

  it('refuses an existing place, a realm without active trust, and expired trust', async () => {
    await expect(render({ out: directory })).rejects.toEqual(refused('ERR_FILE_EXISTS'));
    await expect(render({}, await packageRealm({ withoutTrust: true }))).rejects.toEqual(refused('ERR_PACKAGE_TRUST_INACTIVE'));
    const late = await packageRealm();
    late.clock.advance(366 * 86400);
    await expect(render({}, late)).rejects.toEqual(refused('ERR_TRUST_EXPIRED'));
  });

  it('leaves nothing when the commit or the move fails', async () => {
    const failing = { ...(await copyOf(realm)) };
    const { store } = failing;
    let commits = 0;
    failing.store = {
      ...store,
      commit: (change) => (++commits === 2 ? Promise.resolve({ ok: false, conflict: 'x' }) : store.commit(change)),
    };
    const input = inputOf();
    await expect(renderPackage(failing, input, world)).rejects.toEqual(refused('ERR_STORE_CONFLICT'));
    expect((await readdir(directory)).filter((name) => name.includes('.tmp-'))).toEqual([]);
    expect(await systemFiles.stat(input.out)).toBeUndefined();
  });

  it('refuses a private key in what it would write', async () => {
    const trustCheck = utf8('-----BEGIN EC PRIVATE KEY-----\n');
    await expect(renderPackage(realm, inputOf(), { ...world, trustCheck })).rejects.toEqual(refused('ERR_PACKAGE_PRIVATE_KEY'));
  });
});

describe('package verify', () => {
  const failuresOf = async (path: string, options: VerifyPackageOptions = {}) =>
    (await verify(path, options)).rows.filter((row) => row.result === 'failed').map((row) => row.check);

  it('says that nobody has proved the first trust yet', async () => {
    const { out, trustDigest } = await render();
    const { rows, ok } = await verify(out);
    expect(ok).toBe(true);
    expect(rowOf(rows, 'first-trust')).toMatchObject({ result: 'warning', detail: expect.stringContaining(trustDigest) as string });
    expect(await failuresOf(out, { trustDigest: '0'.repeat(64) as Digest })).toEqual(['first-trust']);
  });

  it.each(PATHS)('finds a changed %s', async (path) => {
    const { out } = await render();
    const bytes = await readFile(join(out, path));
    bytes[bytes.length - 5] = (bytes[bytes.length - 5] as number) ^ 1;
    await writeFile(join(out, path), bytes);
    const { ok, rows } = await verify(out, { realm });
    expect(ok).toBe(false);
    expect(rowOf(rows, 'sums').result).toBe('failed');
  });

  it('finds a missing file, a foreign file, a link, and reads no further', async () => {
    const missing = (await render()).out;
    await rm(join(missing, 'package.sig.json'));
    const { rows } = await verify(missing);
    expect(rows.map((row) => row.result)).toEqual(['failed', ...PACKAGE_CHECKS.slice(1).map(() => 'skipped')]);
    const foreign = (await render()).out;
    await writeFile(join(foreign, 'trust', 'extra'), '');
    expect(await failuresOf(foreign)).toEqual(['files']);
    const linked = (await render()).out;
    await rm(join(linked, 'SHA256SUMS'));
    await symlink('/etc/hostname', join(linked, 'SHA256SUMS'));
    expect(await failuresOf(linked)).toEqual(['files']);
    const noTrust = (await render()).out;
    await rm(join(noTrust, 'trust'), { recursive: true });
    expect(await failuresOf(noTrust)).toEqual(['files']);
  });

  it('finds a mode that is too wide, unless the medium has none', async () => {
    const { out } = await render();
    await chmod(join(out, 'user-data'), 0o644);
    expect(await failuresOf(out)).toEqual(['modes']);
    expect(rowOf((await verify(out, { ignoreModes: true })).rows, 'modes').result).toBe('warning');
    await chmod(join(out, 'user-data'), 0o400);
    expect(await failuresOf(out)).toEqual([]);
  });

  it('finds an expired token and an expired manifest', async () => {
    const { out } = await render();
    const later = await copyOf(realm);
    const clock = { now: () => (realm.clock.now() + 1000) as ReturnType<typeof realm.clock.now> };
    const { rows } = await verifyPackage(packageReader({ ...later, clock }), out, { realm: { ...later, clock } });
    expect(rows.filter((row) => row.result === 'failed').map((row) => row.code)).toEqual([
      'ERR_TOKEN_EXPIRED',
      expect.stringMatching(/^ERR_TOKEN_/),
    ]);
    const muchLater = { now: () => (realm.clock.now() + 400 * 86400) as ReturnType<typeof realm.clock.now> };
    const old = await verifyPackage(packageReader({ ...later, clock: muchLater }), out, {});
    expect(rowOf(old.rows, 'trust-expiry')).toMatchObject({ result: 'failed', code: 'ERR_TRUST_EXPIRED' });
  });

  it('flags trust that the realm has superseded, and a realm that knows nothing of it', async () => {
    const other = await copyOf(realm);
    const { out } = await render({}, other);
    await publish(other, 'control-plane-https', 'web-root', (await testCa('web-root-2')).pem);
    await activateTrust(other, { purpose: 'control-plane-https', version: 2 });
    const { rows } = await verifyPackage(packageReader(other), out, { realm: other });
    expect(rowOf(rows, 'first-trust').result).toBe('ok');
    expect(rowOf(rows, 'realm-trust control-plane-https')).toMatchObject({ result: 'failed', code: 'ERR_PACKAGE_TRUST' });
    const stranger = await packageRealm({ withoutTrust: true });
    const foreign = (await verifyPackage(packageReader(stranger), out, { realm: stranger })).rows;
    expect(rowOf(foreign, 'realm-trust node-cert-lifecycle').detail).toContain('none active');
    expect(rowOf(foreign, 'realm-token').result).toBe('failed');
  });

  it('reads what is no package as what it is', async () => {
    await expect(verify(join(directory, 'nothing'))).rejects.toEqual(refused('ERR_FILE_NOT_FOUND'));
    const { out } = await render();
    await expect(verify(join(out, 'user-data'))).rejects.toEqual(refused('ERR_PACKAGE_MALFORMED'));
    expect((await inspectPackage({ files: systemFiles, gunzip }, join(out, 'user-data'))).model.onboarding.cluster).toBe('prod');
    expect((await inspectPackage({ files: systemFiles, gunzip }, out)).files).toHaveLength(11);
  });

  it('lets a bug through', async () => {
    const { out } = await render();
    const broken = { ...realm, store: { ...realm.store, get: () => Promise.reject(new TypeError('bug')) } };
    await expect(verifyPackage(packageReader(realm), out, { realm: broken, trustDigest: '0'.repeat(64) as Digest })).rejects.toThrow(
      TypeError,
    );
  });

  it('does not mind a file that goes away while it looks', async () => {
    const { out } = await render();
    const files = { ...systemFiles, stat: async (path: string) => (path.endsWith('SHA256SUMS') ? undefined : systemFiles.stat(path)) };
    expect((await readPackage(files, out)).has('SHA256SUMS')).toBe(false);
  });
});

describe('a package that somebody composed with care', () => {
  /** A package rendered by the realm, changed by `change`, with its sums made anew. */
  async function forged(
    change: (parts: {
      userData: string;
      manifest: JsonObject;
      signature: JsonObject;
    }) => Partial<{ userData: string; manifest: JsonObject; signature: JsonObject }>,
  ) {
    const { out } = await render();
    const entries = new Map(await readPackage(systemFiles, out));
    const textOf = (path: string) => Buffer.from(entries.get(path)?.bytes as Uint8Array).toString('utf8');
    const parts = {
      userData: textOf('user-data'),
      manifest: JSON.parse(textOf('package.json')) as JsonObject,
      signature: JSON.parse(textOf('package.sig.json')) as JsonObject,
    };
    const { userData, manifest, signature } = { ...parts, ...change(parts) };
    const sealed = sealPackage([], manifest as never, signature as never);
    for (const file of sealed) if (file.path !== 'SHA256SUMS') entries.set(file.path, { kind: 'file', mode: file.mode, bytes: file.bytes });
    entries.set('user-data', { kind: 'file', mode: 0o600, bytes: utf8(userData) });
    const sums = PATHS.filter((path) => path !== 'SHA256SUMS').map(
      (path) => `${digestOf(entries.get(path)?.bytes as Uint8Array)}  ${path}\n`,
    );
    entries.set('SHA256SUMS', { kind: 'file', mode: 0o644, bytes: utf8(sums.join('')) });
    return failed(entries);
  }
  const failed = (entries: Awaited<ReturnType<typeof readPackage>>) => {
    const options = { now: realm.clock.now(), verifySignature: realm.verifySignature, knownDigests: [], ignoreModes: false, gunzip };
    return verifyPackageFiles(entries, options).rows.filter((row) => row.result === 'failed');
  };
  const withoutMember = (object: JsonObject, name: string) =>
    Object.fromEntries(Object.entries(object).filter(([member]) => member !== name)) as JsonObject;
  const names = (rows: readonly CheckRow[]) => rows.map((row) => row.check);

  it('is refused with another manifest under the old signature', async () => {
    expect(names(await forged(({ manifest }) => ({ manifest: { ...manifest, role: 'control-plane' } })))).toEqual([
      'contents',
      'signature',
    ]);
  });

  it('is refused with a manifest that leaves something out, or adds something', async () => {
    const without = await forged(({ manifest }) => ({ manifest: withoutMember(manifest, 'token') }));
    expect(rowOf(without, 'contents').detail).toContain('token');
    const added = await forged(({ manifest }) => ({ manifest: { ...manifest, node: 'n1' } }));
    expect(rowOf(added, 'contents').detail).toContain('node');
  });

  it('is refused when its own signer is not one of the first trust', async () => {
    const { signEnvelope } = await import('../../src/core/trust/envelope.ts');
    const { generatePrivateKey, signingKey } = await import('../../src/adapters/signatures.ts');
    const { out } = await render();
    const manifest = JSON.parse(await readFile(join(out, 'package.json'), 'utf8')) as JsonObject;
    const signature = await signEnvelope(manifest, 'package+jws', [signingKey(generatePrivateKey('ed25519'))]);
    await writeFile(join(out, 'package.sig.json'), jsonFile(signature));
    const row = rowOf((await verify(out)).rows, 'signature');
    expect(row).toMatchObject({ result: 'failed', code: 'ERR_TRUST_SIGNER_UNKNOWN' });
  });

  it('is refused when a trust manifest is passed off as the signature', async () => {
    const { out } = await render();
    const trust = JSON.parse(await readFile(join(out, 'trust/control-plane-https.manifest.json'), 'utf8')) as {
      versions: [{ manifest: JsonObject }];
    };
    await writeFile(join(out, 'package.sig.json'), jsonFile(trust.versions[0].manifest));
    expect(rowOf((await verify(out)).rows, 'signature').result).toBe('failed');
  });

  it('is refused with another bundle on the node', async () => {
    const pem = (await testCa('attacker')).pem;
    const swap = (userData: string) => {
      const body = JSON.parse(userData.slice(14)) as { write_files: { path: string; content: string }[] };
      (body.write_files.find((file) => file.path.endsWith('control-plane-https.pem')) as { content: string }).content = pem;
      return `#cloud-config\n${JSON.stringify(body, null, 1)}\n`;
    };
    expect(names(await forged(({ userData }) => ({ userData: swap(userData) })))).toEqual(['contents', 'fingerprints']);
  });

  it('is refused when a copy beside user-data differs from what the node gets', async () => {
    const pem = utf8((await testCa('attacker')).pem);
    const { out } = await render();
    await writeFile(join(out, 'trust/node-cert-lifecycle.pem'), pem);
    const manifest = JSON.parse(await readFile(join(out, 'package.json'), 'utf8')) as { files: { path: string; sha256: string }[] };
    (manifest.files.find((file) => file.path === 'trust/node-cert-lifecycle.pem') as { sha256: string }).sha256 = digestOf(pem);
    await writeFile(join(out, 'package.json'), jsonFile(manifest as unknown as JsonObject));
    expect(rowOf((await verify(out)).rows, 'contents').detail).toContain('the copy of what the node gets');
  });

  it('is refused with sums of other files, or sums that are none', async () => {
    const { out } = await render();
    const sums = await readFile(join(out, 'SHA256SUMS'), 'utf8');
    for (const text of [
      sums.split('\n').slice(1).join('\n'),
      `${sums}x\n`,
      `${sums}${sums}`,
      `${sums}unended`,
      sums.split('\n').toReversed().join('\n').trimStart(),
    ]) {
      await writeFile(join(out, 'SHA256SUMS'), text);
      expect(rowOf((await verify(out)).rows, 'sums')).toMatchObject({ result: 'failed', code: 'ERR_PACKAGE_MALFORMED' });
    }
  });

  it('is refused with something hidden in the spelling of a file that no signature covers', async () => {
    const { out } = await render();
    for (const [name, check] of [
      ['package.json', 'manifest'],
      ['package.sig.json', 'signature'],
    ] as const) {
      const text = await readFile(join(out, name), 'utf8');
      await writeFile(join(out, name), text.replace(/\n$/, ' \t \n'));
      expect(rowOf((await verify(out)).rows, check)).toMatchObject({ result: 'failed', code: 'ERR_PACKAGE_MALFORMED' });
      await writeFile(join(out, name), text);
    }
  });

  it('has its private key found when nothing else of it can be read', async () => {
    const rows = await forged(() => ({ userData: '#cloud-config\n-----BEGIN PRIVATE KEY-----\n' }));
    expect(names(rows)).toEqual(['private-key', 'payload']);
  });

  it('is refused when the manifests are swapped, re-pinned or re-dated', async () => {
    const repin = (member: string, value: unknown) => (userData: string) => {
      const body = JSON.parse(userData.slice(14)) as { write_files: { path: string; content: string }[]; runcmd: string[][] };
      const edit = (suffix: string, change: (text: string) => string) => {
        const file = body.write_files.find((entry) => entry.path.endsWith(suffix)) as { content: string };
        file.content = change(file.content);
      };
      const onboarding = (text: string) => {
        const document = JSON.parse(text) as { trust: Record<string, Record<string, unknown>> };
        (document.trust['node-cert-lifecycle'] as Record<string, unknown>)[member] = value;
        return `${Buffer.from(canonicalBytes(document as unknown as JsonObject)).toString('utf8')}\n`;
      };
      const member2 = { manifest_digest: 'digest', version: 'held' }[member] as string;
      edit('/onboarding.json', onboarding);
      edit('/trust/state.json', (text) => {
        const state = JSON.parse(text) as { purposes: Record<string, Record<string, unknown>> };
        const purpose = state.purposes['node-cert-lifecycle'] as Record<string, unknown>;
        purpose[member2] = value;
        if (member === 'version') purpose['floor'] = value;
        return `${Buffer.from(canonicalBytes(state as unknown as JsonObject)).toString('utf8')}\n`;
      });
      edit('/joinery.env', (text) =>
        member === 'manifest_digest' ? text.replace(/(NODE_CERT_TRUST_MANIFEST_DIGEST)='\w+'/, `$1='${String(value)}'`) : text,
      );
      return `#cloud-config\n${JSON.stringify(body, null, 1)}\n`;
    };
    for (const [member, value] of [
      ['manifest_digest', '0'.repeat(64)],
      ['version', 7],
    ] as const) {
      const rows = await forged(({ userData }) => ({ userData: repin(member, value)(userData) }));
      expect(rowOf(rows, 'trust-manifests')).toMatchObject({ code: 'ERR_PACKAGE_TRUST' });
    }
  });

  it('is refused in base64url that hides a signature of something else', async () => {
    const rows = await forged(({ signature }) => ({ signature: { ...signature, payload: toBase64Url(canonicalBytes({ a: 1 })) } }));
    expect(names(rows)).toEqual(['signature']);
  });
});

describe('shared anchors', () => {
  it('are shown where the manifest gives the reason', async () => {
    const shared = await packageRealm({ withoutTrust: true });
    for (const purpose of ['control-plane-https', 'node-cert-lifecycle'] as const) {
      const { publishTrust } = await import('../../src/app/publish-trust.ts');
      const request = { purpose, cas: ['web-root'], pems: [], expires: (365 * 86400) as Seconds, grace: undefined, reason: undefined };
      await publishTrust(shared, { ...request, sharedAnchorReason: 'one lab root' });
      await activateTrust(shared, { purpose, version: 1 });
    }
    const { out } = await render({}, shared);
    expect(rowOf((await verifyPackage(packageReader(shared), out, { realm: shared })).rows, 'trust-separate')).toMatchObject({
      result: 'warning',
      detail: 'shared on purpose: one lab root',
    });
  });
});

describe('a node that was made from a package', () => {
  it('walks on with trust apply from what the package wrote', async () => {
    const origin = await copyOf(realm);
    const nodeDirectory = join(directory, 'node');
    const { out } = await render({ nodeDirectory }, origin);
    for (const file of (await inspectPackage({ files: systemFiles, gunzip }, out)).files) {
      await mkdir(dirname(file.path), { recursive: true });
      await writeFile(file.path, file.bytes, { mode: file.mode });
    }
    await publish(origin, 'control-plane-https', 'web-root', (await testCa('web-root-2')).pem);
    await activateTrust(origin, { purpose: 'control-plane-https', version: 2 });
    const { value } = await readActive(origin, 'control-plane-https');
    const record = value?.record as VersionRecord;
    const version = { manifest: record.envelope, activation: record.activation as Envelope };
    const node = { files: systemFiles, clock: origin.clock, verifySignature: origin.verifySignature, actor: 'node' };
    const paths = { path: join(nodeDirectory, 'trust/control-plane-https.pem'), statePath: join(nodeDirectory, 'trust/state.json') };
    const applied = await applyTrust(node, { purpose: 'control-plane-https', ...paths, offers: [{ version, what: 'version 2' }] });
    expect(applied).toMatchObject({ from: 1, version: 2, steps: 1, healed: false });
  });
});

describe('a package without a token', () => {
  it('has nothing to ask the realm about', async () => {
    const { assemblePackage } = await import('../../src/core/onboarding/assemble.ts');
    const { signEnvelope } = await import('../../src/core/trust/envelope.ts');
    const { out } = await render();
    const { model } = await inspectPackage({ files: systemFiles, gunzip }, out);
    const { token: _, ...withoutToken } = model;
    const onboarding = { ...model.onboarding, token_delivery: 'none' as const };
    const trust = model.trust as NonNullable<typeof model.trust>;
    const input = { model: { ...withoutToken, onboarding }, format: 'cloud-config', trust, assets: ASSETS, gzip, gunzip } as const;
    const { files, manifest } = assemblePackage(input);
    const path = fresh();
    const key = [...realm.vault.keys].find(([file]) => file.includes('trust-control-plane-https-working'))?.[1] as never;
    const staged = await stageDirectory(path, sealPackage(files, manifest, await signEnvelope(manifest, 'package+jws', [key])));
    await staged.publish();
    const { ok, rows } = await verify(path, { realm });
    expect(ok).toBe(true);
    expect(rowOf(rows, 'realm-token').detail).toBe('no token');
  });
});

describe('errors', () => {
  it('are the coded ones', () => {
    expect(new JoineryError('ERR_PACKAGE_INVALID', 'x').exitStatus).toBe(4);
  });
});
