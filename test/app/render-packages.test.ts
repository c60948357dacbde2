import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gunzip } from '../../src/adapters/gzip.ts';
import { systemFiles } from '../../src/adapters/files.ts';
import { inspectBatch } from '../../src/app/inspect-batch.ts';
import { inspectPackage } from '../../src/app/inspect-package.ts';
import type { PackageWorld } from '../../src/app/package-request.ts';
import { renderPackage } from '../../src/app/render-package.ts';
import { renderPackages, type RenderPackagesInput } from '../../src/app/render-packages.ts';
import type { VerifyPackageOptions } from '../../src/app/verify-package.ts';
import { isBatch, verifyPackages } from '../../src/app/verify-packages.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { type Digest, digestOf } from '../../src/core/digest.ts';
import { utf8 } from '../../src/core/encoding.ts';
import { assertFaithful, batchRenderer } from '../../src/core/onboarding/batch.ts';
import { BATCH_PATHS, INDEX_PATH } from '../../src/core/onboarding/batch-manifest.ts';
import { jsonFile } from '../../src/core/onboarding/files.ts';
import type { Artifact } from '../../src/core/onboarding/formats/artifact.ts';
import { type FormatName, FORMATS } from '../../src/core/onboarding/formats/table.ts';
import { renderInspected } from '../../src/core/onboarding/inspect.ts';
import type { PackageModel } from '../../src/core/onboarding/model.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Seconds } from '../../src/core/time.ts';
import { ASSETS, packageModel, tokenWith } from '../fakes/package-model.ts';
import { copyOf, packageReader, packageRealm, type PackageRealm, packageWorld } from '../fakes/package-realm.ts';

let directory: string;
let realm: PackageRealm;
let world: PackageWorld;
let count = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'joinery-packages-'));
  realm = await packageRealm();
  world = await packageWorld();
});
afterAll(() => rm(directory, { recursive: true }));

const fresh = () => join(directory, `batch-${count++}`);
const url = 'https://boot.control.example.internal:9443';
const nodes = ['n1', 'n2.rack', 'N_3'];
const inputOf = (changes: Partial<RenderPackagesInput> = {}): RenderPackagesInput => ({
  cluster: 'prod',
  role: 'worker',
  joinUrls: [url],
  nodes,
  out: fresh(),
  ...changes,
});
const render = (changes: Partial<RenderPackagesInput> = {}, on = realm) => renderPackages(on, inputOf(changes), world, () => undefined);
const verify = (path: string, options: VerifyPackageOptions = {}) => verifyPackages(packageReader(realm), path, options);
const refused = (code: string) => expect.objectContaining({ code });
const failures = async (path: string, options: VerifyPackageOptions = {}) =>
  (await verify(path, options)).rows.filter((row) => row.result === 'failed').map((row) => [row.check, row.code]);
const lastAudit = (on: PackageRealm) => JSON.parse(Buffer.from(on.store.audit.at(-1)?.bytes as Uint8Array).toString('utf8')) as JsonObject;

describe('package render --from', () => {
  it.each(FORMATS)('writes %s for every node, each with a token of its own, that verifies with and without the realm', async (format) => {
    const { out, trustDigest, manifest } = await render({ format });
    expect(manifest).toMatchObject({ schema: 'joinery/package-batch/1', nodes: 3, format });
    const alone = await verify(out, { trustDigest });
    expect(alone.rows.map((row) => row.result)).toEqual(alone.rows.map(() => 'ok'));
    const known = await verify(out, { realm });
    expect(known.ok).toBe(true);
    expect(known.rows.slice(-3).map(({ check }) => check)).toEqual([
      'realm-token',
      'realm-trust control-plane-https',
      'realm-trust node-cert-lifecycle',
    ]);
    execFileSync('sha256sum', ['--strict', '--status', '-c', 'SHA256SUMS'], { cwd: out });
    expect(await isBatch(systemFiles, out)).toBe(true);
    expect(await isBatch(systemFiles, join(out, BATCH_PATHS.manifest))).toBe(false);
    expect(lastAudit(realm)).toMatchObject({ event: 'package.render', details: { nodes: 3, index_sha256: manifest.index_sha256 } });
  });

  it('names each node in its document, and binds its token to it', async () => {
    const { out } = await render();
    expect(await readdir(join(out, 'nodes'))).toEqual(['N_3.user-data', 'n1.user-data', 'n2.rack.user-data']);
    const ids = new Set<string>();
    for (const node of nodes) {
      const path = join(out, 'nodes', `${node}.user-data`);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
      const { model } = await inspectPackage({ files: systemFiles, gunzip }, path);
      expect(model.onboarding.node).toBe(node);
      const payload = JSON.parse(Buffer.from(model.token?.reveal().split('.')[1] as string, 'base64url').toString('utf8')) as JsonObject;
      expect(payload).toMatchObject({ node, max_uses: 1 });
      ids.add(payload['jti'] as string);
    }
    expect(ids.size).toBe(3);
  });

  it('puts tokens beside, or mints none', async () => {
    const beside = await render({ tokenDelivery: 'systemd-credential' });
    expect(await readdir(join(beside.out, 'nodes'))).toContain('n1.join-token');
    expect(beside.tokenCopies).toEqual([]);
    expect((await verify(beside.out, { realm })).ok).toBe(true);
    const before = realm.store.audit.length;
    const none = await render({ tokenDelivery: 'none', format: 'nocloud', nodes: Array.from({ length: 300 }, (_, index) => `n${index}`) });
    expect(realm.store.audit.length).toBe(before + 1);
    expect((await verify(none.out, { realm })).rows.find(({ check }) => check === 'realm-token')?.detail).toBe('no token');
  });

  it('compresses for a platform, and refuses the one node whose name is too long for it', async () => {
    const { out, manifest } = await render({ target: 'ec2', agent: 'script' });
    expect(manifest).toMatchObject({ compression: 'gzip', target: 'ec2' });
    expect(await readdir(join(out, 'nodes'))).toContain('n1.user-data.gz');
    expect((await verify(out, { realm })).ok).toBe(true);
    let growing = 0;
    // gzip that packs the first node well and the others badly.
    const gzip = (bytes: Uint8Array) => (growing++ < 2 ? world.gzip(bytes) : new Uint8Array(20_000));
    const input = inputOf({ target: 'ec2', agent: 'script' });
    await expect(renderPackages(realm, input, { ...world, gzip }, () => undefined)).rejects.toEqual(refused('ERR_PACKAGE_SIZE'));
    expect(await systemFiles.stat(input.out)).toBeUndefined();
    expect((await render({ target: 'gcp' })).manifest).toMatchObject({ target: 'gcp' });
  });

  it('records the reasons of exceptions', async () => {
    const allowance = {
      tokenAllowance: { long_lived: 'ships by sea' },
      ttl: 86400 as Seconds,
      urlOutsideReason: 'lab',
      joinUrls: ['https://10.0.0.1'],
    };
    const { out, manifest } = await render(allowance);
    expect(manifest).toMatchObject({ token_override: { long_lived: 'ships by sea' }, url_override: { reason: 'lab' } });
    expect((await verify(out)).rows.find(({ check }) => check === 'rules')).toMatchObject({ result: 'warning' });
    expect((await verify(out)).ok).toBe(true);
  });

  it('gives the same bytes for the same realm, clock and random', async () => {
    const [first, second] = [await render({}, await copyOf(realm)), await render({}, await copyOf(realm))];
    expect(await readFile(join(first.out, INDEX_PATH))).toEqual(await readFile(join(second.out, INDEX_PATH)));
    expect(await readFile(join(first.out, BATCH_PATHS.signature))).toEqual(await readFile(join(second.out, BATCH_PATHS.signature)));
  });

  it('says what all share, and where one of them is', async () => {
    const { out, manifest } = await render({ format: 'nocloud' });
    const batch = await inspectBatch(systemFiles, out);
    expect(batch).toEqual({ manifest, nodes, first: 'nodes/n1/user-data' });
    expect((await inspectPackage({ files: systemFiles, gunzip }, join(out, batch.first))).model.onboarding.node).toBe('n1');
    await writeFile(join(out, INDEX_PATH), '');
    await expect(inspectBatch(systemFiles, out)).rejects.toEqual(refused('ERR_PACKAGE_MALFORMED'));
  });

  it('tells how far it is', async () => {
    const seen: number[] = [];
    const many = inputOf({ nodes: Array.from({ length: 600 }, (_, index) => `n${index}`) });
    await renderPackages(realm, many, world, (done) => seen.push(done));
    expect(seen).toEqual([256, 512, 600]);
    const verified: number[] = [];
    await verifyPackages(packageReader(realm), many.out, {}, (done) => verified.push(done));
    expect(verified).toEqual([256, 512]);
  });

  it('leaves nothing when minting, writing or the last commit fails', async () => {
    const failing = await copyOf(realm);
    const { store } = failing;
    let commits = 0;
    const refuse = (at: number) => ({
      ...failing,
      store: {
        ...store,
        commit: (change: Parameters<typeof store.commit>[0]) =>
          ++commits === at ? Promise.resolve({ ok: false as const, conflict: 'x' }) : store.commit(change),
      },
    });
    for (const at of [1, 2, 3]) {
      commits = 0;
      const input = inputOf({ nodes: Array.from({ length: 300 }, (_, index) => `n${index}`) });
      await expect(renderPackages(refuse(at), input, world, () => undefined)).rejects.toEqual(refused('ERR_STORE_CONFLICT'));
      expect(await systemFiles.stat(input.out)).toBeUndefined();
    }
    expect((await readdir(directory)).filter((name) => name.includes('.tmp-'))).toEqual([]);
  });

  it('leaves nothing when the disk fails, and takes no place that is taken', async () => {
    const stageTree: PackageWorld['stageTree'] = async (path) => {
      const tree = await world.stageTree(path);
      return {
        ...tree,
        write: () => {
          throw new TypeError('bug');
        },
      };
    };
    await expect(renderPackages(realm, inputOf(), { ...world, stageTree }, () => undefined)).rejects.toThrow(TypeError);
    await expect(render({ out: directory })).rejects.toEqual(refused('ERR_FILE_EXISTS'));
  });
});

const plain = (artifacts: readonly Artifact[]) => artifacts.map(({ path, bytes }) => [path, Buffer.from(bytes).toString('latin1')]);

describe('rendering many', () => {
  it.each(FORMATS)('gives the bytes of rendering one: %s', async (format: FormatName) => {
    const base = await packageModel({ onboarding: { node: 'first' } });
    const renderer = batchRenderer(format, base, ASSETS);
    for (const node of ['n1', 'a-much-longer-name.of-a_node']) {
      const token = new Secret(await tokenWith({ node, labels: { a: node } }));
      const model: PackageModel = { ...base, onboarding: { ...base.onboarding, node }, token };
      const made = renderer(node, token);
      expect(plain(made)).toEqual(plain(renderInspected(format, model, ASSETS)));
      for (const { bytes, sha256 = digestOf(bytes) } of made) expect(sha256).toBe(digestOf(bytes));
    }
    const bare = await packageModel({ onboarding: { node: 'first' }, token: null });
    const model = { ...bare, onboarding: { ...bare.onboarding, node: 'n1' } };
    expect(plain(batchRenderer(format, bare, ASSETS)('n1', undefined))).toEqual(plain(renderInspected(format, model, ASSETS)));
  });

  it('takes no text of the model for the place of a node', async () => {
    const labels = { a: '<joinery-batch-node>' };
    const base = await packageModel({ onboarding: { node: 'first' }, seedPeers: { peers: [{ address: 'n1:1', labels }] } });
    const token = base.token as Secret;
    const model = { ...base, onboarding: { ...base.onboarding, node: 'n1' } };
    expect(plain(batchRenderer('cloud-config', base, ASSETS)('n1', token))).toEqual(plain(renderInspected('cloud-config', model, ASSETS)));
  });

  it('cuts nothing off, however long a value is', async () => {
    const renderer = batchRenderer('cloud-config', await packageModel({ onboarding: { node: 'first' } }), ASSETS);
    expect(() => renderer('n1', new Secret('x'.repeat(9000)))).toThrow(refused('ERR_INTERNAL'));
  });

  it('is not believed when it tells another node, or another token', async () => {
    const model = await packageModel({ onboarding: { node: 'n1' } });
    const artifacts = renderInspected('tar', model, ASSETS);
    expect(() => assertFaithful('tar', model.onboarding, model.token, artifacts)).not.toThrow();
    expect(() => assertFaithful('tar', { ...model.onboarding, node: 'n2' }, model.token, artifacts)).toThrow(
      refused('ERR_PACKAGE_UNFAITHFUL'),
    );
    expect(() => assertFaithful('tar', model.onboarding, undefined, artifacts)).toThrow(refused('ERR_PACKAGE_UNFAITHFUL'));
  });

  it('gives the bytes of rendering a package', async () => {
    const { out } = await render({ nodes: ['n1'] }, await copyOf(realm));
    const one = await renderPackage(await copyOf(realm), { ...inputOf(), node: 'n1', out: fresh() }, world);
    const lines = async (path: string) => (await readFile(path, 'utf8')).replaceAll(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, 'TOKEN');
    expect(await lines(join(out, 'nodes/n1.user-data'))).toBe(await lines(join(one.out, 'user-data')));
  });
});

const withoutMember = (name: string) => (manifest: JsonObject) =>
  Object.fromEntries(Object.entries(manifest).filter(([member]) => member !== name)) as JsonObject;

describe('package verify of many', () => {
  it('finds a changed file, a missing one, a foreign one, a link and a wide mode', async () => {
    const { out } = await render();
    const file = join(out, 'nodes/n1.user-data');
    const bytes = await readFile(file);
    await writeFile(file, Buffer.concat([bytes, Buffer.from('\n')]));
    expect(await failures(out)).toEqual([['nodes', 'ERR_PACKAGE_INVALID']]);
    await rm(file);
    expect(await failures(out)).toEqual([['nodes', 'ERR_PACKAGE_MALFORMED']]);
    await symlink('/etc/hostname', file);
    expect(await failures(out)).toEqual([['nodes', 'ERR_PACKAGE_MALFORMED']]);
    await rm(file);
    await writeFile(file, bytes, { mode: 0o600 });
    await chmod(file, 0o640);
    expect(await failures(out)).toEqual([['nodes', 'ERR_PACKAGE_INVALID']]);
    expect(await failures(out, { ignoreModes: true })).toEqual([]);
    await chmod(file, 0o600);
    await writeFile(join(out, 'nodes/n9.user-data'), bytes);
    expect(await failures(out)).toEqual([['nodes', 'ERR_PACKAGE_MALFORMED']]);
    await rm(join(out, 'nodes/n9.user-data'));
    expect(await failures(out)).toEqual([]);
    await writeFile(join(out, 'extra'), '');
    expect(await failures(out)).toEqual([['files', 'ERR_PACKAGE_MALFORMED']]);
    await rm(join(out, 'extra'));
    await rm(join(out, 'trust'), { recursive: true });
    expect(await failures(out)).toEqual([['files', 'ERR_PACKAGE_MALFORMED']]);
  });

  it('finds a foreign file in the directory of a seed', async () => {
    const { out } = await render({ format: 'nocloud' });
    await writeFile(join(out, 'nodes/n1/network-config'), '');
    expect(await failures(out)).toEqual([['nodes', 'ERR_PACKAGE_MALFORMED']]);
    await rm(join(out, 'nodes/n1/network-config'));
    await mkdir(join(out, 'nodes/other'));
    expect(await failures(out)).toEqual([['nodes', 'ERR_PACKAGE_MALFORMED']]);
  });

  /** Changes the index and everything that hangs on it, but no signature. */
  async function reindexed(
    out: string,
    change: (index: string) => string | Promise<string>,
    manifestChange: (manifest: JsonObject) => JsonObject = (same) => same,
  ) {
    const index = await change(await readFile(join(out, INDEX_PATH), 'utf8'));
    const manifest = JSON.parse(await readFile(join(out, BATCH_PATHS.manifest), 'utf8')) as JsonObject;
    const changed = manifestChange({ ...manifest, index_sha256: digestOf(utf8(index)) });
    await writeFile(join(out, INDEX_PATH), index);
    await writeFile(join(out, BATCH_PATHS.manifest), jsonFile(changed));
    const sums = await readFile(join(out, BATCH_PATHS.sums), 'utf8');
    const nodeLines = index
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { path: string; sha256: string });
    const around = sums
      .split('\n')
      .filter((line) => line !== '' && !line.includes('  nodes/'))
      .map((line) => line.slice(66));
    const lines = await Promise.all(around.map(async (path) => `${digestOf(await readFile(join(out, path)))}  ${path}\n`));
    await writeFile(join(out, BATCH_PATHS.sums), nodeLines.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join('') + lines.join(''));
  }

  it('is refused when a file was changed with its digests, because nobody signed them', async () => {
    const { out } = await render();
    const [n1, n2] = [join(out, 'nodes/n1.user-data'), join(out, 'nodes/n2.rack.user-data')];
    await writeFile(n1, await readFile(n2));
    await reindexed(out, async (index) => index.replace(/("nodes\/n1\.user-data","sha256":")\w+/, `$1${digestOf(await readFile(n2))}`));
    // n2's document under n1's name, and the signature.
    expect(await failures(out)).toEqual([['nodes', 'ERR_PACKAGE_INVALID']]);
    await reindexed((await render()).out, (index) => index);
    const again = (await render()).out;
    await reindexed(
      again,
      (index) => index,
      (manifest) => ({ ...manifest, target: 'gcp' }),
    );
    expect(await failures(again)).toEqual([['signature', 'ERR_PACKAGE_MALFORMED']]);
  });

  it.each<[string, (index: string) => string, ((manifest: JsonObject) => JsonObject)?]>([
    ['another line', (index) => `${index}x\n`],
    ['another spelling', (index) => index.replace('{"node"', '{ "node"')],
    ['another path', (index) => index.replace('nodes/n1.user-data', 'nodes/../n1')],
    ['a node twice', (index) => index + (index.split('\n')[0] as string) + '\n'],
    ['a node less', (index) => index.split('\n').slice(1).join('\n')],
    ['nothing', () => ''],
  ])('is refused with an index that has %s', async (_, change) => {
    const { out } = await render();
    await reindexed(out, change);
    expect(await failures(out)).toEqual([['index', 'ERR_PACKAGE_MALFORMED']]);
  });

  it('is refused with sums or a digest of the index that are not those of the files', async () => {
    const { out } = await render();
    const sums = await readFile(join(out, BATCH_PATHS.sums), 'utf8');
    await writeFile(join(out, BATCH_PATHS.sums), `${sums}x`);
    expect(await failures(out)).toEqual([['index', 'ERR_PACKAGE_INVALID']]);
    await writeFile(join(out, INDEX_PATH), '');
    expect(await failures(out)).toEqual([['index', 'ERR_PACKAGE_INVALID']]);
    await writeFile(join(out, BATCH_PATHS.manifest), '{}\n');
    expect(await failures(out)).toEqual([['manifest', 'ERR_PACKAGE_MALFORMED']]);
  });

  it('is refused with what a manifest does not say', async () => {
    const cases: readonly [Partial<RenderPackagesInput>, (manifest: JsonObject) => JsonObject, string][] = [
      [{}, withoutMember('token'), 'ERR_PACKAGE_MALFORMED'],
      [{}, (manifest) => ({ ...manifest, role: 'control-plane' }), 'ERR_PACKAGE_INVALID'],
      [{ agent: 'script' }, (manifest) => ({ ...manifest, target: 'ec2' }), 'ERR_PACKAGE_SIZE'],
      [{ maxUses: 2, tokenAllowance: { multi_use: 'lab' } }, withoutMember('token_override'), 'ERR_PACKAGE_TOKEN'],
    ];
    for (const [input, change, code] of cases) {
      const { out } = await render(input);
      await reindexed(out, (index) => index, change);
      expect(await failures(out)).toEqual([['nodes', code]]);
    }
  });

  it('is refused with one node told something else than the others, and with a token that is none', async () => {
    const [first, other] = [await render(), await render({ envPrefix: 'GPUAAS' })];
    await writeFile(join(first.out, 'nodes/N_3.user-data'), await readFile(join(other.out, 'nodes/N_3.user-data')));
    await reindexed(first.out, async (index) =>
      index.replace(/("nodes\/N_3\.user-data","sha256":")\w+/, `$1${digestOf(await readFile(join(other.out, 'nodes/N_3.user-data')))}`),
    );
    expect(await failures(first.out)).toEqual([['nodes', 'ERR_PACKAGE_INVALID']]);
    const beside = await render({ tokenDelivery: 'file-later' });
    await writeFile(join(beside.out, 'nodes/n1.join-token'), 'no token\n');
    await reindexed(beside.out, (index) => index.replace(/("nodes\/n1\.join-token","sha256":")\w+/, `$1${digestOf(utf8('no token\n'))}`));
    expect(await failures(beside.out)).toEqual([['nodes', 'ERR_PACKAGE_MALFORMED']]);
  });

  it('does not mind a file that goes away while it looks', async () => {
    const { out } = await render();
    const files = { ...systemFiles, stat: async (path: string) => (path.endsWith(INDEX_PATH) ? undefined : systemFiles.stat(path)) };
    const { rows } = await verifyPackages({ ...packageReader(realm), files }, out, {});
    expect(rows[0]).toMatchObject({ check: 'files', result: 'failed', detail: expect.stringContaining(INDEX_PATH) as string });
  });

  it('knows of its first trust only what it is told', async () => {
    const { out } = await render();
    expect((await verify(out)).rows.find(({ check }) => check === 'first-trust')).toMatchObject({ result: 'warning' });
    expect(await failures(out, { trustDigest: '0'.repeat(64) as Digest })).toEqual([['first-trust', 'ERR_TRUST_FIRST_DIGEST']]);
    await writeFile(join(out, 'trust/node-cert-lifecycle.pem'), 'x');
    await reindexed(out, (index) => index);
    expect(await failures(out)).toEqual([['trust-manifests', 'ERR_PACKAGE_TRUST']]);
  });
});
