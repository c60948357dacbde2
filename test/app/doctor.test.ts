import { appendFileSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemDisk } from '../../src/adapters/disk.ts';
import { applyTrust } from '../../src/app/apply-trust.ts';
import { make } from '../core/trust/signing.ts';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { signCheckpoint } from '../../src/app/checkpoint-audit.ts';
import { createCheckpointKey } from '../../src/app/checkpoint-key.ts';
import { fixFindings } from '../../src/app/doctor-fix.ts';
import { examineFleet, examineNode, type NodeExamination } from '../../src/app/doctor-node.ts';
import { examineRealm, type RealmExamination } from '../../src/app/doctor-realm.ts';
import { mintSecretToken } from '../../src/app/mint-secret-token.ts';
import { auditEvent, commit } from '../../src/app/realm.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import type { Versioned } from '../../src/core/ports.ts';
import { HORIZONS } from '../../src/core/doctor/horizon.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import { testCa } from '../fakes/anchors.ts';
import { type FakeFile, type MemoryDisk, memoryDisk } from '../fakes/memory-disk.ts';
import { fakeClock } from '../fakes/clock.ts';
import { type PackageRealm, packageRealm } from '../fakes/package-realm.ts';
import { systemFiles } from '../../src/adapters/files.ts';

const codes = (findings: readonly { code: string; where: string }[]): string[] => findings.map(({ code, where }) => `${code} ${where}`);

describe('a realm', () => {
  let realm: PackageRealm;
  let disk: MemoryDisk;
  let input: RealmExamination;

  beforeEach(async () => {
    realm = await packageRealm();
    const { writes, audit } = await createCheckpointKey(realm);
    await commit(realm.store, { checks: [], writes, audit });
    await signCheckpoint(realm);
    const keys = [...realm.vault.keys.keys()].map((file): [string, FakeFile] => [`/realm/${file}`, {}]);
    disk = memoryDisk(Object.fromEntries([['/realm/state.db', {}], ['/realm/ca/web-root.crt', {}], ...keys]));
    input = {
      directory: '/realm',
      disk,
      now: realm.clock.now(),
      format: () => Promise.resolve({ found: 1, current: 1 }),
      open: () => Promise.resolve(realm),
      openKeys: true,
      keychain: undefined,
      horizons: HORIZONS,
    };
  });

  const examine = async (changes: Partial<RealmExamination> = {}) => codes(await examineRealm({ ...input, ...changes }));
  const write = (key: string, value: object) => commit(realm.store, { checks: [], writes: [{ key, value: value as never }], audit: [] });

  it('is well as it is made', async () => {
    expect(await examine()).toEqual([]);
  });

  it('whose parts are gone, open or cut is told so, and the other checks go on', async () => {
    const [first] = [...realm.vault.keys.keys()];
    disk.files.delete(`/realm/${first}`);
    disk.files.set('/realm/state.db', { mode: 0o644 });
    realm.store.audit.length = 1;
    expect(await examine({ openKeys: false })).toEqual(['file-mode /realm/state.db', `key-missing ${first}`, 'audit-tampered audit log']);
  });

  it('is looked at without following links, and with files that vanish meanwhile', async () => {
    disk.files.set('/realm/policies', { target: '/etc' });
    const { look } = disk;
    disk.look = (path) => (path === '/realm/ca/web-root.crt' ? Promise.resolve(undefined) : look(path));
    expect(await examine()).toEqual(['file-kind /realm/policies']);
  });

  it('that cannot be opened, or is of another format, is examined from outside', async () => {
    const open = () => Promise.reject(new JoineryError('ERR_REALM_MALFORMED', 'damaged'));
    expect(await examine({ open })).toEqual(['check-failed realm']);
    for (const found of [0, 2])
      expect(await examine({ open, format: () => Promise.resolve({ found, current: 1 }) })).toEqual(['realm-format state.db']);
    const format = () => Promise.reject(new JoineryError('ERR_REALM_NOT_FOUND', 'no state.db', { hint: 'run joinery init' }));
    expect(await examineRealm({ ...input, format })).toMatchObject([{ code: 'check-failed', next: 'run joinery init' }]);
    await expect(examineRealm({ ...input, open: () => Promise.reject(new Error('a bug')) })).rejects.toThrow('a bug');
  });

  it('whose keys are not those of its records is told so', async () => {
    const keys = [...realm.vault.keys.keys()];
    realm.vault.keys.set(keys[0] as string, realm.vault.keys.get(keys[1] as string) as never);
    expect(await examine()).toEqual([`key-mismatch ${keys[0]}`]);
    realm.vault.keys.delete(keys[0] as string);
    expect(await examine()).toEqual([`key-mismatch ${keys[0]}`]);
    const open = () => Promise.reject(new JoineryError('ERR_USAGE', 'no passphrase'));
    await expect(
      examineRealm({ ...input, open: () => Promise.resolve({ ...realm, vault: { ...realm.vault, open } }) }),
    ).resolves.toMatchObject([{ code: 'check-failed', where: 'keys' }]);
    const damaged = () => Promise.reject(new JoineryError('ERR_KEY_MALFORMED', 'damaged', { hint: 'look' }));
    const found = await examineRealm({ ...input, open: () => Promise.resolve({ ...realm, vault: { ...realm.vault, open: damaged } }) });
    expect(found[0]).toMatchObject({ code: 'key-mismatch', what: 'damaged', next: 'look' });
  });

  it('with records of many areas is read past those that name no keys', async () => {
    for (let index = 0; index < 3; index++)
      await write(`token-use/x/${index}`, { reference: { custody: 'online', file: 'keys/online/no.key', type: 'p256' } });
    await write('key-rewrap/online', { at: 1, keys: 1 });
    const { list } = realm.store;
    realm.store.list = (prefix, page) => list(prefix, { ...page, limit: 2 });
    await write('zz', { key: { custody: 'online', file: [...realm.vault.keys.keys()][0], type: 'p256' } });
    expect(await examine()).toEqual(['key-rewrap keys/online']);
  });

  it('is told about certificates, lists and shared certificates that end', async () => {
    const at = realm.clock.now();
    const record = {
      serial: '0'.repeat(32),
      ca: 'node-root',
      profile: 'server',
      subject: 'CN=web',
      sans: [],
      spki_pin: '',
      fingerprint: '',
      not_before: at - 100 * 86400,
      not_after: at + 86400,
      issued_at: at,
      certificate: '',
    };
    await write(`cert/${record.serial}`, record);
    await write(`cert/${'1'.repeat(32)}`, { ...record, serial: '1'.repeat(32), revoked: { at, reason: 'unspecified' } });
    const shared = await testCa('cluster', { notBefore: '2026-01-01T00:00:00Z', notAfter: '2026-11-24T00:00:00Z' });
    const key = { custody: 'online', file: [...realm.vault.keys.keys()].at(-1), type: 'p256' };
    const cluster = (pem: string) => ({
      schema: 'joinery/cluster/1',
      name: 'edge',
      role: 'worker',
      phase: 'stable',
      sequence: 1,
      phase_sequence: 1,
      authorities: ['node-root'],
      certificate: { serial: 'ab', ca: 'node-root', generation: 1, pem, key, issued_at: at, not_after: at },
      names: [],
      superseded: [],
      token: 't',
      members: [],
      evicted: [],
    });
    await write('cluster/edge', cluster(shared.pem));
    expect(await examine({ openKeys: false })).toEqual([
      `cert-expiry certificate ${record.serial}`,
      'cert-expiry certificate ab',
      'crl-missing authority node-root',
    ]);
    disk.files.set('/realm/ca/node-root.crl', { text: 'no list' });
    expect(await examine({ openKeys: false })).toEqual(['check-failed authorities']);
    await write('cluster/edge', cluster(''));
    disk.files.delete('/realm/ca/node-root.crl');
    expect(await examine({ openKeys: false })).toEqual(['check-failed authorities']);
  });

  it('is told about tokens without an end, however many there are', async () => {
    const { grant } = await mintSecretToken(realm, {
      dialect: { format: 'kubeadm' },
      cluster: 'prod',
      role: 'worker',
      ttl: null,
      maxUses: null,
    });
    const key = `token/kubeadm/${grant.id}`;
    const { value } = (await realm.store.get(key)) as Versioned;
    const text = JSON.stringify(value);
    const ids = Array.from({ length: 500 }, (_, index) => `a${String(index).padStart(5, '0')}`);
    const writes = ids.map((id) => ({ key: `token/kubeadm/${id}`, value: JSON.parse(text.replaceAll(grant.id, id)) as JsonObject }));
    await commit(realm.store, { checks: [], writes, audit: [] });
    const found = await examine({ openKeys: false });
    expect([found.length, found[0]]).toEqual([501, 'token-endless kubeadm token a00000']);
  });

  it('is told about keys without encryption, and a log without heads or with a long tail', async () => {
    await write('realm', { schema: 'joinery/realm/1', realm_id: 'r', created_at: 0, plaintext_keys: true });
    expect(await examine()).toEqual(['realm-plaintext keys']);
    const event = auditEvent(realm, { event: 'token.mint', subject: 's' });
    await commit(realm.store, { checks: [], writes: [], audit: Array.from({ length: 1000 }, () => event) });
    expect(await examine()).toEqual(['realm-plaintext keys', 'audit-uncovered audit log']);
    const bare = await packageRealm();
    const { writes, audit } = await createCheckpointKey(bare);
    await commit(bare.store, { checks: [], writes, audit });
    expect(await examine({ open: () => Promise.resolve(bare), openKeys: false })).toContain('audit-uncovered audit log');
  });

  it('is told about policies that are not there, or that others may change', async () => {
    const clusters = [
      { name: 'a', roles: ['w'], policy: 'policies/a.yaml' },
      { name: 'b', roles: ['w'], policy: '/etc/b.yaml' },
      { name: 'c', roles: ['w'] },
    ];
    const policy = { require_signed: true, signers: [] };
    const open = () => Promise.resolve({ ...realm, config: { ...realm.config, clusters, policy } });
    disk.files.set('/etc/b.yaml', { mode: 0o666 });
    expect(await examine({ open })).toEqual(['file-missing /realm/policies/a.yaml', 'file-mode /etc/b.yaml']);
  });

  it('is told about the keychain when it is asked for', async () => {
    const keychain = {
      library: 'test',
      get: (account: string) => Promise.resolve(account.endsWith('online') ? new Secret('x') : undefined),
      set: undefined as never,
      delete: undefined as never,
    };
    expect(await examine({ keychain: () => Promise.resolve(keychain) })).toEqual(['keychain test']);
    const none = (hint?: string) => () =>
      Promise.reject(new JoineryError('ERR_KEYCHAIN_UNAVAILABLE', 'none', hint === undefined ? {} : { hint }));
    expect(await examine({ keychain: none() })).toEqual(['keychain keychain']);
    expect(await examine({ keychain: none('start one') })).toEqual(['keychain keychain']);
    expect(await examine({ keychain: () => Promise.reject(new JoineryError('ERR_FILE_ACCESS', 'x')) })).toEqual(['check-failed keychain']);
  });

  it('without trust is not asked for it', async () => {
    const bare = await packageRealm({ withoutTrust: true });
    const { writes, audit } = await createCheckpointKey(bare);
    const noSigners = ['control-plane-https', 'node-cert-lifecycle'].map((purpose) => ({
      key: `trust/${purpose}/signers`,
      delete: true as const,
    }));
    await commit(bare.store, { checks: [], writes: [...writes, ...noSigners], audit });
    await signCheckpoint(bare);
    const files = [...bare.vault.keys.keys()].map((file): [string, FakeFile] => [`/realm/${file}`, {}]);
    const found = await examine({ open: () => Promise.resolve(bare), disk: memoryDisk(Object.fromEntries(files)) });
    expect(found.filter((finding) => !finding.startsWith('key-orphan'))).toEqual([]);
    await commit(bare.store, { checks: [], writes: [{ key: 'trust/control-plane-https/signers', value: {} }], audit: [] });
    expect(await examine({ open: () => Promise.resolve(bare) })).toContain('check-failed trust');
  });
});

describe('repairs', () => {
  it('are done one by one, and what fails is said', async () => {
    const disk = memoryDisk({ '/a': { mode: 0o644 }, '/b': {} }, ['/c']);
    const finding = (fix?: object) =>
      ({ code: 'file-mode', severity: 'warn', where: '', what: '', next: '', ...(fix && { fix }) }) as never;
    const fixes = [
      { kind: 'mode', path: '/a', mode: 0o600 },
      { kind: 'remove', path: '/b' },
      { kind: 'remove', path: '/c' },
    ];
    const done = await fixFindings(disk, [finding(), ...fixes.map(finding)]);
    expect(done.map(({ failed }) => failed)).toEqual([undefined, undefined, '/c: expected to read or write it, found EIO']);
    expect([disk.files.get('/a')?.mode, disk.files.has('/b')]).toEqual([0o600, false]);
    const broken = { ...disk, remove: () => Promise.reject(new Error('a bug')) };
    await expect(fixFindings(broken, [finding(fixes[1])])).rejects.toThrow('a bug');
  });
});

describe('a node', async () => {
  const root = await testCa('root');
  const web = await testCa('web');
  const key = portableKeys.generate('p256');
  const leaf = await testCa('n1', {
    key: key.signing(),
    leaf: true,
    issuer: root,
    notBefore: '2026-11-22T00:00:00Z',
    notAfter: '2026-11-23T00:00:00Z',
  });
  const good = async (at: string): Promise<Record<string, FakeFile>> => ({
    [`${at}/joinery.env`]: { mode: 0o644 },
    [`${at}/trust/control-plane-https.pem`]: { mode: 0o644, text: web.pem },
    [`${at}/trust/node-cert-lifecycle.pem`]: { mode: 0o644, text: root.pem },
    [`${at}/identity/current`]: { target: 'gen-2' },
    [`${at}/identity/gen-2/node.key`]: { text: await key.toPem(undefined) },
    [`${at}/identity/gen-2/node.crt`]: { mode: 0o644, text: leaf.pem },
  });
  const worldOf = (disk: MemoryDisk): NodeExamination => ({
    disk,
    keys: portableKeys,
    clock: fakeClock(),
    verifySignature,
    actor: 'a',
    // `trust status` reads by the other port; there is no state here.
    files: { ...systemFiles, stat: () => Promise.resolve(undefined) },
    horizon: undefined,
  });
  const examine = async (changes: Record<string, FakeFile | undefined>) => {
    const disk = memoryDisk(await good('/n'));
    for (const [path, file] of Object.entries(changes))
      if (file === undefined) disk.files.delete(path);
      else disk.files.set(path, file);
    return examineNode(worldOf(disk), '/n');
  };

  it('that joined is well', async () => {
    expect((await examine({})).findings).toEqual([]);
  });

  it('is told what is wrong with its files', async () => {
    const { findings } = await examine({
      '/n/identity/gen-2/node.key': { mode: 0o644, text: await key.toPem(undefined) },
      '/n/secrets/join-token': {},
      '/n/pending/node.key': { modifiedAt: 1 },
    });
    expect(codes(findings)).toEqual([
      'file-mode /n/identity/gen-2/node.key',
      'node-token /n/secrets/join-token',
      'node-pending /n/pending',
    ]);
    const linked = await examine({
      '/n/trust/node-cert-lifecycle.pem': { mode: 0o644, text: web.pem, identity: 'file:/n/trust/control-plane-https.pem' },
    });
    expect(codes(linked.findings)).toContain('trust-shared /n/trust');
    expect(codes((await examine({ '/n/identity/gen-2/node.key': undefined })).findings)).toEqual(['key-mismatch /n']);
    expect(codes((await examine({ '/n/identity/current': undefined })).findings)).toEqual(['node-identity /n']);
  });

  it('whose identity is not whole is told so', async () => {
    const encrypted = { text: await key.toPem(new Secret('correct horse battery')) };
    const cases: Record<string, FakeFile | undefined>[] = [
      { '/n/identity/current': { target: '/elsewhere' } },
      { '/n/identity/current': { text: '' } },
      { '/n/identity/gen-2/node.crt': { mode: 0o644 } },
      { '/n/identity/gen-2/node.key': encrypted },
    ];
    for (const changes of cases) {
      const examined = await examine(changes);
      expect([codes(examined.findings), examined.facts]).toEqual([['check-failed /n'], undefined]);
    }
  });

  it('is told about its trust, as its state has it', async () => {
    const made = await make();
    const home = mkdtempSync(join(tmpdir(), 'joinery-doctor-'));
    mkdirSync(join(home, 'trust'));
    const world = { ...worldOf(memoryDisk({})), disk: systemDisk, files: systemFiles };
    const path = join(home, 'trust/control-plane-https.pem');
    const input = {
      purpose: 'control-plane-https',
      path,
      statePath: join(home, 'trust/state.json'),
      firstDigest: made.signed.digest,
    } as const;
    await applyTrust(world, { ...input, offers: [{ version: made.version, what: 'a document' }] });
    expect(codes((await examineNode(world, home)).findings)).toEqual([`node-identity ${home}`]);
    appendFileSync(path, '\n');
    expect(codes((await examineNode(world, home)).findings)).toEqual([
      `trust-changed ${home}, control-plane-https version 1`,
      `node-identity ${home}`,
    ]);
  });

  it('must be there', async () => {
    await expect(examineNode(worldOf(memoryDisk({})), '/n')).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
    await expect(examineFleet(worldOf(memoryDisk({})), '/f')).rejects.toMatchObject({ code: 'ERR_FILE_NOT_FOUND' });
  });

  it('is compared with the others of a fleet', async () => {
    const broken = { '/f/c/identity/current': { target: 'x' } };
    const disk = memoryDisk({ ...(await good('/f/a')), ...(await good('/f/b')), ...broken, '/f/readme': {} });
    const { nodes, findings } = await examineFleet(worldOf(disk), '/f');
    expect(nodes).toBe(3);
    expect(codes(findings)).toEqual(['fleet-key /f/b', 'check-failed /f/c']);
  });
});
