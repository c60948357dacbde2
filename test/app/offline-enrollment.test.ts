import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { systemSwitches } from '../../src/adapters/switches.ts';
import { enrollOffline } from '../../src/app/enroll-offline.ts';
import { exportTrust } from '../../src/app/export-trust.ts';
import type { InstallWorld } from '../../src/app/install-identity.ts';
import { installOffline } from '../../src/app/install-offline.ts';
import { writeOnboarding } from '../../src/app/node-settings.ts';
import { requestOffline } from '../../src/app/request-offline.ts';
import { activeTrust } from '../../src/app/show-trust.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../../src/core/canonical-json.ts';
import type { Digest } from '../../src/core/digest.ts';
import { JoineryError } from '../../src/core/errors.ts';
import type { JoinReply } from '../../src/core/join/messages.ts';
import { answerFile, readAnswerFile } from '../../src/core/join/offline.ts';
import { Secret } from '../../src/core/secret.ts';
import type { Seconds } from '../../src/core/time.ts';
import { type Purpose, PURPOSES } from '../../src/core/trust/purpose.ts';
import { auditEvents, type JoinWorld, joinWorld } from '../fakes/join-realm.ts';

const root = mkdtempSync(join(tmpdir(), 'joinery-offline-'));
afterAll(() => rmSync(root, { recursive: true }));

let count = 0;

/** An authority, a node without a package, and a stick. */
async function scene() {
  const world = await joinWorld();
  const base = join(root, String(++count));
  const [directory, stick] = [join(base, 'node'), join(base, 'stick')];
  mkdirSync(stick, { recursive: true });
  const { files, clock, verifySignature, random } = world.realm;
  const node: InstallWorld = { files, clock, verifySignature, random, switches: systemSwitches, keys: portableKeys, actor: 'tester' };
  const digests = await Promise.all(
    PURPOSES.map(async (purpose) => [purpose, (await activeTrust(world.realm, purpose)).signed.digest] as const),
  );
  return { ...world, node, directory, stick, firstDigests: Object.fromEntries(digests) as Partial<Record<Purpose, Digest>> };
}

type Scene = Awaited<ReturnType<typeof scene>>;

async function ask({ node, directory, stick, mint }: Scene, token?: string, again = false, name = 'n1') {
  return requestOffline(node, {
    directory,
    token: new Secret(token ?? (await mint({ node: name }))),
    out: stick,
    wishes: { cluster: 'prod', node_id: name },
    again,
  });
}

const carried = (stick: string, ending: string) =>
  readdirSync(stick)
    .filter((name) => name.endsWith(ending))
    .map((name) => ({ what: name, bytes: new Uint8Array(readFileSync(join(stick, name))) }));

const enroll = ({ service, stick }: Scene) => enrollOffline(service, carried(stick, '.request.json'), stick);

const install = ({ node, directory, stick, firstDigests }: Scene, urls: readonly string[] = []) =>
  installOffline(node, { directory, answers: carried(stick, '.answer.json'), firstDigests, urls });

describe('a node without a network', () => {
  it('asks, is answered, and installs: the key never leaves it, the token is used once, the audit log says how', async () => {
    const world = await scene();
    const requested = await ask(world);
    expect(requested).toMatchObject({ state: 'requested', request: { node_id: 'n1' } });
    const [request] = readdirSync(world.stick);
    expect(statSync(join(world.stick, request as string)).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(world.stick, request as string), 'utf8')).not.toContain('PRIVATE KEY');
    const [enrolled] = await enroll(world);
    expect(enrolled).toMatchObject({ result: 'accepted', reply: { node_id: 'n1', role: 'worker', audit_id: 'set-up' } });
    const installed = await install(world, ['https://boot.control.example.internal:9443']);
    expect(installed).toMatchObject({ state: 'installed', generation: 1 });
    expect(readFileSync(join(world.directory, 'joinery.env'), 'utf8')).toContain("JOINERY_CLUSTER='prod'");
    const accepted = (await auditEvents(world.realm)).find(({ event }) => event === 'join.accept');
    expect(accepted).toMatchObject({ actor: { name: 'operator' }, details: { transport: 'offline' } });
  });

  it('may do each step twice: the same request, the same certificate, the same identity', async () => {
    const world = await scene();
    const token = await world.mint({ node: 'n1' });
    const files = [await ask(world, token), await ask(world, token)];
    expect(files[0]).toMatchObject({ file: (files[1] as { file: string }).file });
    const [first, second] = [await enroll(world), await enroll(world)];
    expect(first).toEqual(second);
    await install(world);
    expect(await install(world)).toMatchObject({ state: 'already-installed', identity: { generation: 'gen-1' } });
    expect(await ask(world, token)).toMatchObject({ state: 'already-joined' });
  });

  it('asks again with a new token when it must', async () => {
    const world = await scene();
    await ask(world);
    await enroll(world);
    await install(world);
    await ask(world, await world.mint({ node: 'n1', allowReentry: true }), true);
    expect((await enroll(world)).map(({ result }) => result).sort()).toEqual(['accepted', 'accepted']);
    expect(await install(world)).toMatchObject({ state: 'installed', generation: 2 });
  });

  it('takes the answer for its own key among others, and none for another', async () => {
    const [one, other] = [await scene(), await scene()];
    await ask(one);
    await ask({ ...one, directory: other.directory }, undefined, false, 'n2');
    await enroll(one);
    const answers = carried(one.stick, '.answer.json');
    const mine = await install(one);
    expect(mine.state).toBe('installed');
    const strangers = { ...one, directory: join(root, 'third') };
    await requestOffline(strangers.node, {
      directory: strangers.directory,
      token: new Secret('a.b.c'),
      out: other.stick,
      wishes: {},
      again: false,
    });
    await expect(
      installOffline(one.node, { directory: strangers.directory, answers, firstDigests: one.firstDigests, urls: [] }),
    ).rejects.toMatchObject({
      code: 'ERR_REPLY_KEY',
    });
  });

  it('finds its answer beside files that are cut off or no answers, and says what is wrong where there is nothing else', async () => {
    const world = await scene();
    await ask(world);
    await enroll(world);
    const [answer] = carried(world.stick, '.answer.json') as [{ readonly what: string; readonly bytes: Uint8Array }];
    const cut = { what: 'a.answer.json', bytes: answer.bytes.subarray(0, 100) };
    const { node, directory, firstDigests } = world;
    const from = (answers: readonly (typeof answer)[]) => installOffline(node, { directory, answers, firstDigests, urls: [] });
    await expect(from([cut])).rejects.toMatchObject({ code: 'ERR_JSON_MALFORMED' });
    expect(await from([cut, answer, { what: 'z.answer.json', bytes: new Uint8Array() }])).toMatchObject({ state: 'installed' });
  });

  it.each([['n1'], [undefined]])('asks for what its package says (node %s), and takes nothing else', async (name) => {
    const world = await scene();
    const { node, directory, stick } = world;
    await ask(world);
    const { reply } = (await enroll(world))[0] as { reply: JoinReply };
    await install(world);
    await writeOnboarding(node, directory, { reply, urls: ['https://boot.control.example.internal:9443'], node: name });
    const token = await world.mint({ node: 'n1', allowReentry: true });
    const requested = await requestOffline(node, { directory, token: new Secret(token), out: stick, wishes: {}, again: true });
    const asked = { cluster: 'prod', requested_role: 'worker', environment: 'platform_control', ...(name && { node_id: name }) };
    expect(requested).toMatchObject({ request: asked });
    await enroll(world);
    expect(await install(world)).toMatchObject({ state: 'installed', generation: 2 });
  });

  it('has nothing to install before it has asked', async () => {
    const world = await scene();
    await expect(install(world)).rejects.toMatchObject({ code: 'ERR_NODE_NOT_JOINED' });
  });

  it('installs nothing of an answer that was changed on the way', async () => {
    const world = await scene();
    await ask(world);
    await enroll(world);
    const [{ what, bytes }] = carried(world.stick, '.answer.json') as [{ what: string; bytes: Uint8Array }];
    const reply = readAnswerFile(bytes, what);
    const other = await scene();
    const changes: readonly [string, object][] = [
      ['ERR_REPLY_IDENTITY', { identity: `${reply.identity}0` }],
      [
        'ERR_REPLY_IDENTITY',
        { certificate_pem: reply.certificate_pem, identity: 'spiffe://control.example.internal/joinery/admin/mallory' },
      ],
      ['ERR_REPLY_UNTRUSTED', { chain_pem: '' }],
      ['ERR_REPLY_VALIDITY', { expires_at: '2036-01-01T00:00:00Z' }],
      ['ERR_TRUST_FIRST_DIGEST', { trust: await chainsOf(other) }],
    ];
    for (const [code, change] of changes) {
      const changed = answerFile({ ...reply, ...change }, world.realm.clock.now());
      const answers = [{ what: 'changed', bytes: changed.bytes }];
      const attempt = installOffline(world.node, { directory: world.directory, answers, firstDigests: world.firstDigests, urls: [] });
      await expect(attempt).rejects.toMatchObject({ code });
      expect(readdirSync(world.directory)).toEqual(['pending']);
    }
    expect((await install(world)).state).toBe('installed');
  });
});

async function chainsOf({ realm }: JoinWorld): Promise<JsonObject> {
  const chains = await Promise.all(
    PURPOSES.map(async (purpose) => [purpose, JSON.parse((await exportTrust(realm, purpose, 'chain')).text) as JsonValue]),
  );
  return Object.fromEntries(chains) as JsonObject;
}

describe('the authority of requests on a stick', () => {
  it('decides on each for itself, and tells the operator why', async () => {
    const world = await scene();
    await ask(world);
    await ask({ ...world, directory: `${world.directory}-2` }, 'no.valid.token');
    writeFileSync(join(world.stick, 'broken.request.json'), canonicalJson({ schema: 'joinery/join-request/1' }));
    const results = await enroll(world);
    expect(results.map((each) => (each.result === 'refused' ? each.error.code : each.reply.audit_id)).sort()).toEqual([
      'ERR_REQUEST_MALFORMED',
      expect.stringMatching(/^ERR_TOKEN_/) as string,
      expect.stringMatching(/^set-up\.\d$/) as string,
    ]);
    expect(carried(world.stick, '.answer.json')).toHaveLength(1);
  });

  it('gives a token one node and one key', async () => {
    const world = await scene();
    const token = await world.mint({ node: 'n1' });
    await ask(world, token);
    await enroll(world);
    const thief = { ...world, directory: `${world.directory}-2`, stick: `${world.stick}-2` };
    mkdirSync(thief.stick);
    await ask(thief, token);
    expect(await enroll(thief)).toMatchObject([{ result: 'refused', error: { code: 'ERR_TOKEN_REPLAYED' } }]);
    world.realm.clock.advance(200_000 as Seconds);
    const late = { ...world, directory: `${world.directory}-3`, stick: `${world.stick}-3` };
    mkdirSync(late.stick);
    await ask(late, token);
    expect(await enroll(late)).toMatchObject([{ result: 'refused', error: { code: 'ERR_TOKEN_EXPIRED' } }]);
  });

  it('goes on after a request that could not be taken', async () => {
    const world = await scene();
    await ask(world);
    const error = new JoineryError('ERR_INPUT_TOO_LARGE', 'a.request.json: too large');
    const requests = [{ what: 'a.request.json', error }, ...carried(world.stick, '.request.json')];
    expect(await enrollOffline(world.service, requests, world.stick)).toMatchObject([
      { what: 'a.request.json', result: 'refused', error: { code: 'ERR_INPUT_TOO_LARGE' } },
      { result: 'accepted' },
    ]);
  });

  it('stops at what would meet the next request too', async () => {
    const world = await scene();
    await ask(world);
    const full = { ...world.realm.files, replace: () => Promise.reject(new JoineryError('ERR_FILE_DISK_FULL', 'stick: full')) };
    const realm = { ...world.realm, files: full };
    const requests = carried(world.stick, '.request.json');
    await expect(enrollOffline({ ...world.service, realm }, requests, world.stick)).rejects.toMatchObject({ code: 'ERR_FILE_DISK_FULL' });
    // The use was recorded; the same request gets its certificate again.
    expect(await enroll(world)).toMatchObject([{ result: 'accepted' }]);
    const store = { ...world.realm.store, get: () => Promise.reject(new JoineryError('ERR_STORE_BUSY', 'state.db: busy')) };
    const busy = { ...world.service, realm: { ...world.realm, store } };
    await expect(enrollOffline(busy, requests, world.stick)).rejects.toMatchObject({ code: 'ERR_STORE_BUSY' });
  });
});
