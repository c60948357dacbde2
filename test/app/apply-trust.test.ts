import { linkSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemFiles } from '../../src/adapters/files.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { applyTrust, resetTrust, revertTrust } from '../../src/app/apply-trust.ts';
import { endpointTrust, readNodeState, readOffers } from '../../src/app/node-trust.ts';
import { collectOffers } from '../../src/app/trust-documents.ts';
import { trustStatus } from '../../src/app/trust-status.ts';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import { digestOf } from '../../src/core/digest.ts';
import type { Files } from '../../src/core/ports.ts';
import { chainDocument } from '../../src/core/trust/chain.ts';
import type { Purpose } from '../../src/core/trust/purpose.ts';
import { testCa } from '../fakes/anchors.ts';
import { fakeClock } from '../fakes/clock.ts';
import { make, type Made, newKey, nodeRoot, webRoot, YEAR } from '../core/trust/signing.ts';
import { refusalOf } from './trust-realm.ts';
import { PROMPT_MS } from '../fakes/patience.ts';

const CPH = 'control-plane-https';
const NCL = 'node-cert-lifecycle';
const DAY = 86400;
const newRoot = await testCa('web-root-2');
const shortRoot = await testCa('short-root', { notAfter: '2026-12-01T00:00:00Z' });
const grace = { replaces: undefined, grace: 30 * DAY } as const;

const one = await make();
const two = await make({ ...grace, replaces: one, anchors: [newRoot.certificate] });
const three = await make({ replaces: two, anchors: [newRoot.certificate] });
const node = await make({ purpose: NCL, anchors: [nodeRoot.certificate] });

let directory: string;
let clock: ReturnType<typeof fakeClock>;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'joinery-trust-'));
  clock = fakeClock();
});
afterEach(() => rmSync(directory, { recursive: true }));

const world = (files: Files = systemFiles) => ({ files, clock, verifySignature, actor: 'agent' });
const paths = <P extends Purpose>(purpose: P) => ({
  purpose,
  path: join(directory, `${purpose}.pem`),
  statePath: join(directory, 'state.json'),
});
const offers = (...made: Made[]) => made.map(({ version }, index) => ({ version, what: `document ${index}` }));
const apply = (made: Made[], extra: object = {}, files?: Files) =>
  applyTrust(world(files), { ...paths(CPH), offers: offers(...made), firstDigest: one.signed.digest, ...extra });
const applyNode = (extra: object = {}) =>
  applyTrust(world(), { ...paths(NCL), offers: offers(node), firstDigest: node.signed.digest, ...extra });
const snapshot = () =>
  ['state.json', `${CPH}.pem`, `${CPH}.manifest.json`, `${NCL}.pem`].map((name) => {
    try {
      return readFileSync(join(directory, name), 'utf8');
    } catch {
      return undefined;
    }
  });
const pem = (purpose: Purpose = CPH) => readFileSync(join(directory, `${purpose}.pem`), 'utf8');
const document = (...made: Made[]) => canonicalJson(chainDocument(made.map(({ version }) => version)));

describe('applyTrust', () => {
  it('makes first trust from a digest, with exactly the bytes of the manifest', async () => {
    const applied = await apply([one]);
    expect(applied).toMatchObject({ from: undefined, version: 1, floor: 1, steps: 1, healed: false, expired: false });
    expect(digestOf(Buffer.from(pem()))).toBe(one.signed.manifest.sha256_fingerprint);
    const state = JSON.parse(readFileSync(join(directory, 'state.json'), 'utf8')) as unknown;
    expect(state).toMatchObject({
      schema: 'joinery/trust-state/1',
      purposes: {
        [CPH]: { held: 1, floor: 1, digest: one.signed.digest, fingerprint: applied.fingerprint, updated_at: '2026-11-22T10:00:00Z' },
      },
    });
  });

  it('walks on from what it holds, and says when nothing is new', async () => {
    await apply([one]);
    expect(await apply([three, two])).toMatchObject({ from: 1, version: 3, steps: 2 });
    expect(await apply([one, two, three], { firstDigest: undefined })).toMatchObject({ from: 3, version: 3, steps: 0 });
    expect(await apply([])).toMatchObject({ steps: 0, healed: false });
  });

  it('reaches version 400 in one call, in less than a second a hundred versions', async () => {
    const all = [one];
    for (let version = 2; version <= 400; version++) all.push(await make({ replaces: all.at(-1) }));
    const gap = all.filter((made) => made !== all[200]);
    await apply([one]);
    expect(await apply(gap)).toMatchObject({ version: 200, missing: { after: 200, version: 201, before: 202 } });
    const start = performance.now();
    expect(await apply(all)).toMatchObject({ from: 200, version: 400, missing: undefined });
    expect(performance.now() - start).toBeLessThan(PROMPT_MS);
  }, 60_000);

  it('changes nothing when it refuses', async () => {
    await apply([one, two]);
    const before = snapshot();
    const forged = await make({ replaces: two, signers: [newKey()] });
    for (const made of [forged, one, await make({ replaces: one, reason: 'another' })]) {
      await refusalOf(apply([made]));
      expect(snapshot()).toEqual(before);
    }
    clock.advance(2 * YEAR);
    expect((await refusalOf(apply([three]))).code).toBe('ERR_TRUST_EXPIRED');
    expect(snapshot()).toEqual(before);
    expect(await apply([])).toMatchObject({ expired: true, version: 2 });
  });

  it('writes to a new path when it is told one, and knows it from then on', async () => {
    await apply([one]);
    const path = join(directory, 'elsewhere.pem');
    expect(await apply([], { path })).toMatchObject({ steps: 0, version: 1 });
    expect(readFileSync(path, 'utf8')).toBe(pem());
    expect((await readNodeState(world(), join(directory, 'state.json'))).purposes[CPH]?.path).toBe(path);
  });

  it('continues from the state that an onboarding package renders, which names no path', async () => {
    await apply([one]);
    const state = JSON.parse(readFileSync(join(directory, 'state.json'), 'utf8')) as { purposes: Record<string, Record<string, unknown>> };
    const { held, floor, digest, fingerprint, updated_at } = state.purposes[CPH] as Record<string, unknown>;
    writeFileSync(
      join(directory, 'state.json'),
      JSON.stringify({ ...state, purposes: { [CPH]: { held, floor, digest, fingerprint, updated_at } } }),
    );
    expect(await apply([two])).toMatchObject({ from: 1, version: 2 });
  });

  it.each([
    ['a state that is not JSON', 'state.json', '{', 'ERR_JSON_MALFORMED'],
    ['a state of another schema', 'state.json', '{"schema":"x","purposes":{}}', 'ERR_TRUST_STATE_MALFORMED'],
    ['manifests that are damaged', `${CPH}.manifest.json`, '{}', 'ERR_TRUST_STATE_MALFORMED'],
    ['manifests of other versions', `${CPH}.manifest.json`, document(three), 'ERR_TRUST_STATE_MALFORMED'],
  ])('refuses %s', async (_what, name, text, code) => {
    await apply([one]);
    writeFileSync(join(directory, name), text);
    expect((await refusalOf(apply([two]))).code).toBe(code);
  });

  it('passes on what is no refusal', async () => {
    await apply([one]);
    const broken: Files = {
      ...systemFiles,
      read: (path, max) => (path.endsWith('manifest.json') ? Promise.reject(new TypeError('bug')) : systemFiles.read(path, max)),
    };
    await expect(apply([two], {}, broken)).rejects.toThrow(TypeError);
  });
});

describe('a kill at any point of apply', () => {
  /** Files whose n-th replacement never happens, nor any after it. */
  function dying(after: number): Files {
    let left = after;
    return { ...systemFiles, replace: (...args) => (left-- > 0 ? systemFiles.replace(...args) : Promise.reject(new Error('killed'))) };
  }

  it.each([0, 1, 2])('after %i writes leaves the old file or the new one, and heals at the next run', async (writes) => {
    await apply([one]);
    await expect(apply([two], {}, dying(writes))).rejects.toThrow('killed');
    expect([one, two].map((made) => made.signed.manifest.bundle_pem)).toContain(pem());
    const again = await apply([two]);
    expect(again).toMatchObject({ version: 2, healed: writes === 2 });
    expect(pem()).toBe(two.signed.manifest.bundle_pem);
    expect(await trustStatus(world(), join(directory, 'state.json'))).toMatchObject([{ version: 2, problems: [] }]);
  });

  it('heals without any document, and after somebody edited the file', async () => {
    await apply([one]);
    await expect(apply([two], {}, dying(2))).rejects.toThrow('killed');
    expect(await apply([])).toMatchObject({ version: 2, healed: true });
    writeFileSync(join(directory, `${CPH}.pem`), nodeRoot.pem);
    expect(await trustStatus(world(), join(directory, 'state.json'))).toMatchObject([{ problems: ['file-changed'] }]);
    expect(await apply([])).toMatchObject({ healed: true });
    expect(pem()).toBe(two.signed.manifest.bundle_pem);
  });
});

describe('the two purposes on a node', () => {
  it('live side by side in one state', async () => {
    await apply([one]);
    await applyNode();
    expect((await trustStatus(world(), join(directory, 'state.json'))).map((status) => status.purpose)).toEqual([CPH, NCL]);
    expect(await trustStatus(world(), join(directory, 'state.json'), { purpose: NCL })).toHaveLength(1);
  });

  it.each([
    ['the same path', () => ({ path: paths(CPH).path }), 'other purpose'],
    [
      'a symbolic link',
      () => (symlinkSync(paths(CPH).path, join(directory, 'link.pem')), { path: join(directory, 'link.pem') }),
      'symlink',
    ],
    ['a hard link', () => (linkSync(paths(CPH).path, join(directory, 'hard.pem')), { path: join(directory, 'hard.pem') }), 'the same file'],
    ['a directory', () => ({ path: directory }), 'directory'],
    ['the state', () => ({ path: paths(CPH).statePath }), 'the state'],
    ['the manifests', () => ({ path: join(directory, `${NCL}.manifest.json`) }), 'the state'],
  ])('never share %s', async (_what, extra, text) => {
    await apply([one]);
    const input = extra();
    const before = snapshot();
    const error = await refusalOf(applyNode(input));
    expect(error.code).toBe('ERR_TRUST_PATH_SHARED');
    expect(error.message).toContain(text);
    expect(snapshot()).toEqual(before);
  });

  it('never share an anchor, unless a manifest gives the reason', async () => {
    await apply([one]);
    const shared = await make({ purpose: NCL, anchors: [webRoot.certificate] });
    const extra = (made: Made) => ({ offers: offers(made), firstDigest: made.signed.digest });
    expect((await refusalOf(applyNode(extra(shared)))).code).toBe('ERR_TRUST_ANCHOR_SHARED');
    const meant = await make({ purpose: NCL, anchors: [webRoot.certificate], sharedAnchorReason: 'a lab' });
    await applyNode(extra(meant));
    expect(await apply([two])).toMatchObject({ version: 2 });
  });
});

describe('revertTrust', () => {
  const revert = () => revertTrust(world(), paths(CPH));

  it('returns one step within the grace window; floor stays, and the next walk goes on from it', async () => {
    await apply([one, two]);
    expect(await revert()).toMatchObject({ from: 2, version: 1, floor: 2 });
    expect(pem()).toBe(one.signed.manifest.bundle_pem);
    expect(await apply([one, two])).toMatchObject({ version: 1, floor: 2, steps: 0 });
    expect((await refusalOf(revert())).message).toContain('one step only');
    expect((await refusalOf(apply([one]))).code).toBe('ERR_TRUST_ROLLBACK');
    expect(await apply([three])).toMatchObject({ from: 1, version: 3, floor: 3 });
    const { history } = (await readNodeState(world(), join(directory, 'state.json'))).purposes[CPH] as unknown as { history: object[] };
    expect(history).toMatchObject([
      { event: 'apply', version: 2, actor: 'agent' },
      { event: 'revert', version: 1 },
      { event: 'apply', version: 3 },
    ]);
  });

  it.each([
    ['nothing is held', async () => Promise.resolve(), 'expected a version'],
    ['there is no previous version', async () => apply([one]), 'previous version'],
    ['there is no grace window', async () => apply([one, two, three]), 'grace window in version 3'],
    ['the grace window is over', async () => apply([one, two]).then(() => clock.advance(31 * DAY)), 'grace window until'],
    [
      'the version dropped an anchor',
      async () =>
        apply([
          one,
          await make({
            replaces: one,
            anchors: [newRoot.certificate],
            change: (manifest) => ({ ...manifest, grace_until: '2026-12-22T10:00:00Z' }),
          }),
        ]),
      'CN=web-root',
    ],
  ])('is refused when %s', async (_what, prepare, text) => {
    await prepare();
    const before = snapshot();
    const error = await refusalOf(revert());
    expect(error.code).toBe('ERR_TRUST_REVERT');
    expect(error.message).toContain(text);
    expect(snapshot()).toEqual(before);
  });

  it('is refused to an anchor that has expired', async () => {
    const first = await make({ anchors: [shortRoot.certificate] });
    const second = await make({ replaces: first, anchors: [newRoot.certificate], grace: 30 * DAY });
    await apply([first, second], { firstDigest: first.signed.digest });
    clock.advance(15 * DAY);
    expect((await refusalOf(revert())).message).toContain('CN=short-root');
    expect(await trustStatus(world(), join(directory, 'state.json'))).toMatchObject([{ problems: ['anchor-expired'] }]);
  });
});

describe('resetTrust', () => {
  const other = [newKey()];
  const reset = (made: Made) => resetTrust(world(), { ...paths(CPH), offers: offers(made), firstDigest: made.signed.digest });

  it('begins anew above the floor, with other signers (TUF: fast-forward recovery)', async () => {
    await apply([one, two]);
    const anew = await make({ signers: other, version: 5 });
    expect(await apply([anew])).toMatchObject({ steps: 0, version: 2, missing: { after: 2, version: undefined, before: 5 } });
    expect(await reset(anew)).toMatchObject({ from: 2, version: 5, floor: 5 });
    const { history } = (await readNodeState(world(), join(directory, 'state.json'))).purposes[CPH] as unknown as { history: object[] };
    expect(history.at(-1)).toMatchObject({ event: 'reset', version: 5 });
  });

  it('never goes below the floor, and works where nothing is held or the manifests are lost', async () => {
    await apply([one, two]);
    const low = await make({ signers: other });
    expect((await refusalOf(reset(low))).code).toBe('ERR_TRUST_ROLLBACK');
    rmSync(join(directory, `${CPH}.manifest.json`));
    expect(await reset(await make({ signers: other, version: 3 }))).toMatchObject({ version: 3 });
    rmSync(join(directory, 'state.json'));
    expect(await reset(low)).toMatchObject({ from: undefined, version: 1 });
  });
});

describe('two at once', () => {
  it('never lower the floor: the slower one is told to run again', async () => {
    await apply([one]);
    let raced = false;
    const slow: Files = {
      ...systemFiles,
      read: async (...args) => {
        const bytes = await systemFiles.read(...args);
        if (!raced && args[0].endsWith('manifest.json')) {
          raced = true;
          await apply([two, three]);
        }
        return bytes;
      },
    };
    expect((await refusalOf(apply([two], {}, slow))).code).toBe('ERR_STORE_CONFLICT');
    expect(await apply([])).toMatchObject({ version: 3, healed: false });
  });

  it('find the endpoints of the platform by what is held', async () => {
    expect(await endpointTrust(world(), join(directory, 'state.json'))).toBeUndefined();
    await apply([one]);
    expect(await endpointTrust(world(), join(directory, 'state.json'))).toBe(one.signed.manifest.bundle_pem);
  });
});

describe('trustStatus', () => {
  it('names what is wrong', async () => {
    expect(await trustStatus(world(), join(directory, 'state.json'))).toEqual([]);
    await apply([one]);
    clock.advance(2 * DAY);
    const state = join(directory, 'state.json');
    expect(await trustStatus(world(), state, { maxAge: DAY })).toMatchObject([{ problems: ['not-updated'] }]);
    expect(await trustStatus(world(), state, { maxAge: 3 * DAY })).toMatchObject([{ problems: [], updatedAt: '2026-11-22T10:00:00Z' }]);
    clock.advance(YEAR);
    rmSync(join(directory, `${CPH}.pem`));
    expect(await trustStatus(world(), state)).toMatchObject([{ problems: ['expired', 'file-changed'] }]);
  });
});

describe('documents', () => {
  const source = {
    files: systemFiles,
    download: (url: string) => Promise.resolve(Buffer.from(url.endsWith('two') ? document(one, two) : document(one))),
  };

  it('come from files and from directories', async () => {
    writeFileSync(join(directory, `${CPH}.chain.json`), document(one, two));
    writeFileSync(join(directory, `${NCL}.chain.json`), document(node));
    writeFileSync(join(directory, 'notes.json'), '{}');
    expect(await collectOffers(source, [`${directory}/`], CPH)).toHaveLength(2);
    expect(await collectOffers(source, [join(directory, `${NCL}.chain.json`)], NCL)).toHaveLength(1);
    expect(await collectOffers(source, ['https://boot.example.internal/two', 'http://boot.example.internal/one'], CPH)).toHaveLength(3);
    const error = await refusalOf(collectOffers(source, [mkdtempSync(join(directory, 'empty-'))], CPH));
    expect(error.code).toBe('ERR_FILE_NOT_FOUND');
  });

  it('are strict', () => {
    expect(() => readOffers(Buffer.from('{"schema":"joinery/trust-chain/1","versions":[]}'), 'x')).toThrow('1 to 10000');
    expect(() => readOffers(Buffer.from('{"schema":"joinery/trust-chain/1","schema":"x"}'), 'x')).toThrow('duplicate');
  });
});
