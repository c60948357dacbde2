import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemFiles } from '../../src/adapters/files.ts';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { systemSwitches } from '../../src/adapters/switches.ts';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { type InstallIdentity, installIdentity, type InstallWorld } from '../../src/app/install-identity.ts';
import { joinHints } from '../../src/app/join-hints.ts';
import { readNodeIdentity, scheduleOf, switchIdentity } from '../../src/app/node-identity.ts';
import { assertWritableSettings, readOnboarding, writeOnboarding } from '../../src/app/node-settings.ts';
import { nodeStatus } from '../../src/app/node-status.ts';
import { forgetPendingKey, pendingKey } from '../../src/app/pending-key.ts';
import { JoineryError } from '../../src/core/errors.ts';
import type { JoinReply } from '../../src/core/join/messages.ts';
import type { Files, Switches } from '../../src/core/ports.ts';
import { Secret } from '../../src/core/secret.ts';
import { plus } from '../../src/core/time.ts';
import { joinWorld, type JoinWorld, peerAt } from '../fakes/join-realm.ts';

let realm: JoinWorld;
beforeAll(async () => {
  realm = await joinWorld();
});

const places: string[] = [];
afterEach(() => {
  for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true });
});
function place(): string {
  const parent = mkdtempSync(join(tmpdir(), 'joinery-install-'));
  places.push(parent);
  return join(parent, 'node');
}

function worldWith(changes: Partial<InstallWorld> = {}): InstallWorld {
  return {
    files: systemFiles,
    switches: systemSwitches,
    keys: portableKeys,
    random: systemRandom,
    clock: realm.realm.clock,
    verifySignature,
    actor: 'test',
    ...changes,
  };
}
const world = (): InstallWorld => worldWith();

interface Joined {
  readonly input: InstallIdentity;
  readonly reply: JoinReply;
}

/** What a server answers to the pending key of a directory. */
async function answered(directory: string, changes: Partial<InstallIdentity> = {}): Promise<Joined> {
  if (!existsSync(directory)) mkdirSync(directory);
  const { key, pem, csr } = await pendingKey(world(), directory, 'join');
  const reply = await acceptJoin(realm.service, { token: await realm.mint(), csr }, peerAt());
  const { trustDigests } = await joinHints(realm.realm, 'prod');
  const input: InstallIdentity = {
    directory,
    operation: 'join',
    reply,
    key: { spki: key.spki, pem },
    expected: { cluster: 'prod', role: 'worker' },
    firstDigests: trustDigests,
    ...changes,
  };
  return { input, reply };
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'accepted',
    (error: unknown) => (error instanceof JoineryError ? error.code : String(error)),
  );
const mode = (path: string): string => (statSync(path).mode & 0o7777).toString(8);
const checksOf = async (directory: string): Promise<string[]> =>
  (await nodeStatus(world(), directory)).checks.map(({ check, result }) => `${check} ${result}`);

describe('installing', () => {
  test('makes the node directory, with the modes of its files', async () => {
    const directory = place();
    const { input } = await answered(directory);
    const installed = await installIdentity(world(), input);
    expect(installed.generation).toBe(1);
    expect(installed.trust.map(({ purpose, version }) => [purpose, version])).toEqual([
      ['control-plane-https', 1],
      ['node-cert-lifecycle', 1],
    ]);
    expect(readdirSync(directory).sort()).toEqual(['identity', 'pending', 'seed-peers.json', 'status.json', 'trust']);
    expect(['identity', 'identity/gen-1', 'pending'].map((path) => mode(join(directory, path)))).toEqual(['755', '755', '700']);
    expect(['node.key', 'node.crt', 'chain.crt', 'meta.json'].map((file) => mode(join(directory, 'identity/gen-1', file)))).toEqual([
      '600',
      '644',
      '644',
      '644',
    ]);
    const identity = await readNodeIdentity(world(), directory);
    expect(identity).toMatchObject({ generation: 'gen-1', meta: { cluster: 'prod', role: 'worker' } });
    expect(identity && scheduleOf(identity, realm.realm.clock.now()).state).toBe('fresh');
  });

  test('keeps two generations, and sweeps what kills have left', async () => {
    const directory = place();
    const { input } = await answered(directory);
    await installIdentity(world(), input);
    mkdirSync(join(directory, 'identity/.gen-2.dead'));
    writeFileSync(join(directory, 'identity/.gen-2.dead/node.key'), 'half');
    writeFileSync(join(directory, 'identity/notes'), 'of a person');
    await installIdentity(world(), input);
    await installIdentity(world(), input);
    expect(readdirSync(join(directory, 'identity')).sort()).toEqual(['current', 'gen-2', 'gen-3', 'notes']);
    expect(readlinkSync(join(directory, 'identity/current'))).toBe('gen-3');
  });

  test('what cannot be swept is left to the next run', async () => {
    const directory = place();
    const { input } = await answered(directory);
    await installIdentity(world(), input);
    mkdirSync(join(directory, 'identity/.gen-9.busy/deeper'), { recursive: true });
    expect((await installIdentity(world(), input)).generation).toBe(2);
    expect(readdirSync(join(directory, 'identity'))).toContain('.gen-9.busy');
  });

  test('two runs at once install one after the other, or one of them is told', async () => {
    const directory = place();
    const { input } = await answered(directory);
    await installIdentity(world(), input);
    const { meta } = (await readNodeIdentity(world(), directory)) as NonNullable<Awaited<ReturnType<typeof readNodeIdentity>>>;
    const identity = { key: input.key.pem, certificatePem: input.reply.certificate_pem, chainPem: input.reply.chain_pem, meta };
    const results = await Promise.all(Array.from({ length: 4 }, () => codeOf(switchIdentity(world(), directory, identity))));
    expect(results.filter((result) => result !== 'accepted' && !result.startsWith('ERR_FILE_'))).toEqual([]);
    expect(results).toContain('accepted');
    expect(await readNodeIdentity(world(), directory)).toBeDefined();
  });

  test('writes nothing that it refuses: another digest, another environment, an older server', async () => {
    const directory = place();
    const { input } = await answered(directory);
    const digests = { 'control-plane-https': input.firstDigests?.['node-cert-lifecycle'], 'node-cert-lifecycle': 'ab'.repeat(32) };
    expect(await codeOf(installIdentity(world(), { ...input, firstDigests: digests as never }))).toBe('ERR_TRUST_FIRST_DIGEST');
    expect(await codeOf(installIdentity(world(), { ...input, environment: { environment_name: 'another' } }))).toBe(
      'ERR_TRUST_ENVIRONMENT',
    );
    expect(await codeOf(installIdentity(world(), { ...input, expected: { node: 'another' } }))).toBe('ERR_REPLY_IDENTITY');
    expect(existsSync(join(directory, 'trust'))).toBe(false);
    expect(existsSync(join(directory, 'identity'))).toBe(false);
  });
});

describe('a kill at any step', () => {
  class Killed extends Error {}

  /** The first `steps` changes happen, and then no more: a process that was killed. */
  function killedAfter(steps: number): { readonly world: InstallWorld; taken(): number } {
    let taken = 0;
    const step = <A extends readonly unknown[], R>(work: (...args: A) => Promise<R>) => {
      return (...args: A): Promise<R> => {
        if (taken >= steps) return Promise.reject(new Killed());
        taken += 1;
        return work(...args);
      };
    };
    const files: Files = {
      ...systemFiles,
      create: step(systemFiles.create),
      replace: step(systemFiles.replace),
      makeDirectory: step(systemFiles.makeDirectory),
      remove: step(systemFiles.remove),
      removeDirectory: step(systemFiles.removeDirectory),
    };
    const switches: Switches = { ...systemSwitches, move: step(systemSwitches.move), point: step(systemSwitches.point) };
    return { world: worldWith({ files, switches }), taken: () => taken };
  }

  test('leaves the old identity or the new one, and the next run finishes', async () => {
    const directory = place();
    const { input } = await answered(directory);
    await installIdentity(world(), input);
    const seen = new Set<string>();
    for (let steps = 0; ; steps++) {
      const killed = killedAfter(steps);
      const before = (await readNodeIdentity(world(), directory))?.generation;
      const done = await installIdentity(killed.world, input).then(
        () => true,
        (error: unknown) => {
          expect(error).toBeInstanceOf(Killed);
          return false;
        },
      );
      const after = (await readNodeIdentity(world(), directory))?.generation;
      seen.add(after === before ? 'old' : 'new');
      expect((await checksOf(directory)).filter((row) => row.endsWith('failed'))).toEqual([]);
      await installIdentity(world(), input);
      if (done) break;
    }
    expect([...seen].sort()).toEqual(['new', 'old']);
    expect(readdirSync(join(directory, 'identity')).length).toBe(3);
  });

  test('of a first join leaves no identity or a whole one', async () => {
    const { input: first } = await answered(place());
    for (let steps = 0; steps < 40; steps++) {
      const input = { ...first, directory: place() };
      const { directory } = input;
      mkdirSync(directory);
      const killed = killedAfter(steps);
      const done = await codeOf(installIdentity(killed.world, input));
      const identity = await readNodeIdentity(world(), directory);
      if (identity === undefined) expect(done).not.toBe('accepted');
      await installIdentity(world(), input);
      expect((await checksOf(directory)).filter((row) => !row.endsWith('ok'))).toEqual([]);
      if (done === 'accepted') return;
    }
    throw new Error('expected the install to have an end');
  });
});

describe('the pending key', () => {
  test('is kept for its purpose, and thrown away for another or when it cannot be read', async () => {
    const directory = place();
    mkdirSync(directory);
    const first = await pendingKey(world(), directory, 'join');
    expect(mode(join(directory, 'pending/node.key'))).toBe('600');
    expect(Buffer.from((await pendingKey(world(), directory, 'join')).key.spki)).toEqual(Buffer.from(first.key.spki));
    const second = await pendingKey(world(), directory, '0a');
    expect(Buffer.from(second.key.spki)).not.toEqual(Buffer.from(first.key.spki));
    for (const broken of ['half', await portableKeys.generate('p256').toPem(new Secret('twelve characters'))]) {
      writeFileSync(join(directory, 'pending/node.key'), broken);
      expect(Buffer.from((await pendingKey(world(), directory, '0a')).key.spki)).not.toEqual(Buffer.from(second.key.spki));
    }
    await forgetPendingKey(world(), directory);
    expect(readdirSync(join(directory, 'pending'))).toEqual([]);
    writeFileSync(join(directory, 'pending/node.key'), first.pem.reveal());
    expect(Buffer.from((await pendingKey(world(), directory, 'join')).key.spki)).not.toEqual(Buffer.from(first.key.spki));
  });

  test('of two runs at once is one', async () => {
    for (let round = 0; round < 5; round++) {
      const directory = place();
      mkdirSync(directory);
      const keys = await Promise.all(Array.from({ length: 4 }, () => pendingKey(world(), directory, 'join')));
      expect(new Set(keys.map(({ pem }) => pem.reveal())).size).toBe(1);
    }
  });

  test('of a run that is late is that of the first one', async () => {
    const directory = place();
    mkdirSync(directory);
    let first: string | undefined;
    const late: typeof systemFiles = {
      ...systemFiles,
      // The other run makes its key after this one has looked, and before it makes its own.
      makeDirectory: async (...args) => {
        first = (await pendingKey(world(), directory, 'join')).pem.reveal();
        return systemFiles.makeDirectory(...args);
      },
    };
    expect((await pendingKey(worldWith({ files: late }), directory, 'join')).pem.reveal()).toBe(first);
    expect(first).toBeDefined();
  });

  test('is forgotten for its own purpose alone', async () => {
    const directory = place();
    mkdirSync(directory);
    await pendingKey(world(), directory, 'join');
    await forgetPendingKey(world(), directory, '0a');
    expect(readdirSync(join(directory, 'pending'))).toContain('node.key');
    await forgetPendingKey(world(), directory, 'join');
    expect(readdirSync(join(directory, 'pending'))).toEqual([]);
  });

  test('that cannot be written is told of', async () => {
    const directory = place();
    mkdirSync(directory);
    const refuse = () => Promise.reject(new JoineryError('ERR_FILE_DISK_FULL', 'no'));
    expect(await codeOf(pendingKey(worldWith({ files: { ...systemFiles, create: refuse } }), directory, 'join'))).toBe(
      'ERR_FILE_DISK_FULL',
    );
    const exists = () => Promise.reject(new JoineryError('ERR_FILE_EXISTS', 'no'));
    expect(await codeOf(pendingKey(worldWith({ files: { ...systemFiles, create: exists } }), directory, 'join'))).toBe('ERR_FILE_EXISTS');
  });
});

describe('an identity that is damaged', () => {
  async function installed(): Promise<string> {
    const directory = place();
    await installIdentity(world(), (await answered(directory)).input);
    return directory;
  }

  test.each<[string, (current: string) => void | Promise<void>]>([
    ['a missing file', (current) => rmSync(join(current, 'node.key'))],
    ['another key', async (current) => writeFileSync(join(current, 'node.key'), await portableKeys.generate('p256').toPem(undefined))],
    [
      'an encrypted key',
      async (current) =>
        writeFileSync(join(current, 'node.key'), await portableKeys.generate('p256').toPem(new Secret('twelve characters'))),
    ],
    ['no certificate', (current) => writeFileSync(join(current, 'node.crt'), '')],
    ['another document', (current) => writeFileSync(join(current, 'meta.json'), '{}')],
  ])('%s is told by name', async (_what, damage) => {
    const directory = await installed();
    await damage(join(directory, 'identity/gen-1'));
    expect(await codeOf(readNodeIdentity(world(), directory))).toBe('ERR_NODE_DIRECTORY');
    expect(await checksOf(directory)).toContain('identity failed');
  });

  test('a link to another place is refused, and a directory in its place', async () => {
    const directory = await installed();
    const current = join(directory, 'identity/current');
    rmSync(current);
    symlinkSync('../elsewhere', current);
    expect(await codeOf(readNodeIdentity(world(), directory))).toBe('ERR_NODE_DIRECTORY');
    rmSync(current);
    mkdirSync(current);
    expect(await codeOf(readNodeIdentity(world(), directory))).toBe('ERR_FILE_ACCESS');
  });

  test('a switch while it is read gives the new one', async () => {
    const directory = await installed();
    let first = true;
    const switches: Switches = {
      ...systemSwitches,
      target: async (path) => {
        if (!first) return systemSwitches.target(path);
        first = false;
        return 'gen-7';
      },
    };
    expect((await readNodeIdentity(worldWith({ switches }), directory))?.generation).toBe('gen-1');
  });

  test('a key that may not be read is another matter', async () => {
    const directory = await installed();
    const refuse = () => Promise.reject(new JoineryError('ERR_FILE_ACCESS', 'no'));
    expect(await codeOf(readNodeIdentity(worldWith({ files: { ...systemFiles, read: refuse } }), directory))).toBe('ERR_FILE_ACCESS');
  });
});

describe('the status of a node', () => {
  test('of a node that has not joined', async () => {
    const directory = place();
    mkdirSync(directory);
    const status = await nodeStatus(world(), directory);
    expect(status).toMatchObject({ ok: false, identity: undefined, last: undefined, trust: [] });
    expect(status.checks.map(({ result }) => result)).toEqual(['failed', 'skipped', 'skipped', 'skipped', 'failed', 'failed', 'ok']);
  });

  test('tells of what is due, over, left behind, and under another authority', async () => {
    const directory = place();
    const { input } = await answered(directory);
    await installIdentity(world(), input);
    mkdirSync(join(directory, 'secrets'));
    writeFileSync(join(directory, 'secrets/join-token'), 't');
    const { clock } = realm.realm;
    const at = (seconds: number) => worldWith({ clock: { now: () => plus(clock.now(), seconds) } });
    const rows = async (seconds: number) =>
      (await nodeStatus(at(seconds), directory)).checks.map(({ check, result }) => `${check} ${result}`);
    expect(await rows(0)).toContain('token warning');
    expect(await rows(80_000)).toEqual(expect.arrayContaining(['certificate ok', 'renewal warning']));
    expect(await rows(90_000)).toEqual(expect.arrayContaining(['certificate failed', 'path failed']));
    expect(await rows(400 * 86_400)).toEqual(expect.arrayContaining(['node-cert-lifecycle failed']));
    const metaPath = join(directory, 'identity/gen-1/meta.json');
    const { renew_after: _, ...meta } = JSON.parse(readFileSync(metaPath, 'utf8')) as Record<string, unknown>;
    writeFileSync(metaPath, JSON.stringify(meta));
    expect(await rows(0)).toContain('renewal ok');
    writeFileSync(join(directory, 'status.json'), '{"by":"another program"}');
    expect((await nodeStatus(world(), directory)).last).toBeUndefined();
    rmSync(join(directory, 'trust'), { recursive: true });
    expect(await rows(0)).toEqual(expect.arrayContaining(['path failed', 'control-plane-https failed']));
  });

  test('a bug is no row', async () => {
    const directory = place();
    mkdirSync(directory);
    writeFileSync(join(directory, 'status.json'), '{}');
    const read = () => Promise.reject(new TypeError('a bug'));
    await expect(nodeStatus(worldWith({ files: { ...systemFiles, read } }), directory)).rejects.toThrow(TypeError);
  });
});

describe('settings of a node', () => {
  test('are written once, as a package would have, and read again', async () => {
    const directory = place();
    const { input, reply } = await answered(directory);
    await installIdentity(world(), input);
    const urls = ['https://boot.control.example.internal:9443'];
    await writeOnboarding(world(), directory, { reply, urls, node: 'n1' });
    const onboarding = await readOnboarding(world(), directory);
    expect(onboarding).toMatchObject({ cluster: 'prod', role: 'worker', node: 'n1', join_urls: urls, directory });
    await writeOnboarding(world(), directory, { reply, urls: ['https://elsewhere.example'], node: undefined });
    expect(await readOnboarding(world(), directory)).toEqual(onboarding);
    rmSync(join(directory, 'onboarding.json'));
    await writeOnboarding(world(), directory, { reply, urls, node: undefined });
    expect((await readOnboarding(world(), directory))?.node).toBeUndefined();
  });

  test('of another directory are refused, and such as could not be written before the join', async () => {
    const directory = place();
    const { input, reply } = await answered(directory);
    await installIdentity(world(), input);
    await writeOnboarding(world(), directory, { reply, urls: ['https://boot.lab.example'], node: undefined });
    const other = place();
    mkdirSync(other);
    writeFileSync(join(other, 'onboarding.json'), readFileSync(join(directory, 'onboarding.json')));
    expect(await codeOf(readOnboarding(world(), other))).toBe('ERR_NODE_DIRECTORY');
    expect(() => assertWritableSettings(world(), '/var/lib/joinery', ['https://BOOT.lab.example'])).toThrow(
      expect.objectContaining({ code: 'ERR_PACKAGE_MALFORMED' }),
    );
    expect(() => assertWritableSettings(world(), '/with space', ['https://boot.lab.example'])).toThrow(
      expect.objectContaining({ code: 'ERR_PACKAGE_MALFORMED' }),
    );
    assertWritableSettings(world(), '/var/lib/joinery', ['https://boot.lab.example']);
  });
});

test('hints for a join: the URLs of the flags or the cluster, and the digests of what is active', async () => {
  const hints = await joinHints(realm.realm, 'prod');
  expect(hints.urls).toEqual(['https://boot.control.example.internal:9443']);
  expect((await joinHints(realm.realm, 'Edge', ['https://x.example'])).urls).toEqual(['https://x.example']);
  expect(await codeOf(joinHints(realm.realm, 'Edge'))).toBe('ERR_NODE_NO_URL');
  expect(Object.keys(hints.trustDigests)).toEqual(['control-plane-https', 'node-cert-lifecycle']);
});
