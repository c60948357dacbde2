/** What somebody with a pen knife does to the trust of a node: spellings of paths, edited states, hostile sticks, wrong clocks. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemFiles } from '../../src/adapters/files.ts';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { type ApplyTrust, applyTrust, resetTrust } from '../../src/app/apply-trust.ts';
import { collectOffers } from '../../src/app/trust-documents.ts';
import { trustStatus } from '../../src/app/trust-status.ts';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import { chainDocument } from '../../src/core/trust/chain.ts';
import type { Purpose } from '../../src/core/trust/purpose.ts';
import { fakeClock } from '../fakes/clock.ts';
import { make, type Made, newKey, nodeRoot, webRoot } from '../core/trust/signing.ts';
import { refusalOf } from './trust-realm.ts';

const CPH = 'control-plane-https';
const NCL = 'node-cert-lifecycle';

const one = await make();
const two = await make({ replaces: one });
const node = await make({ purpose: NCL, anchors: [nodeRoot.certificate] });

let directory: string;
let clock: ReturnType<typeof fakeClock>;
const at = (name: string) => join(directory, name);
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'joinery-trust-attack-'));
  clock = fakeClock();
});
afterEach(() => rmSync(directory, { recursive: true }));

const world = () => ({ files: systemFiles, clock, verifySignature, actor: 'agent' });
const offers = (...made: Made[]) => made.map(({ version }, index) => ({ version, what: `document ${index}` }));
const paths = <P extends Purpose>(purpose: P) => ({ purpose, path: at(`${purpose}.pem`), statePath: at('state.json') });
const apply = (made: Made[], extra: Partial<ApplyTrust> = {}) =>
  applyTrust<Purpose>(world(), { ...paths(CPH), offers: offers(...made), firstDigest: one.signed.digest, ...extra });
const applyNode = (extra: Partial<ApplyTrust> = {}) =>
  applyTrust<Purpose>(world(), { ...paths(NCL), offers: offers(node), firstDigest: node.signed.digest, ...extra });

describe('a path under another spelling', () => {
  // The directory under a second name: what is written there is written here.
  const alias = (name: string) => {
    mkdirSync(at('real'), { recursive: true });
    symlinkSync(at('real'), at('alias'));
    return at(`alias/${name}`);
  };

  it('is not the state, nor the manifests of either purpose', async () => {
    const statePath = at('real/state.json');
    for (const path of [
      alias('state.json'),
      at(`alias/${CPH}.manifest.json`),
      at(`alias/${NCL}.manifest.json`),
      at('real/../real/state.json'),
    ]) {
      const before = await refusalOf(apply([one], { path, statePath }));
      expect(before.code).toBe('ERR_TRUST_PATH_SHARED');
    }
    await applyNode({ path: at('real/ncl.pem'), statePath });
    const manifests = readFileSync(at(`real/${NCL}.manifest.json`), 'utf8');
    for (const path of [at('alias/state.json'), at(`real/${NCL}.manifest.json`)]) {
      expect((await refusalOf(apply([one], { path, statePath }))).code).toBe('ERR_TRUST_PATH_SHARED');
    }
    expect(readFileSync(at(`real/${NCL}.manifest.json`), 'utf8')).toBe(manifests);
  });

  it("is not the other purpose's, even while that is gone", async () => {
    const path = alias('one.pem');
    await applyNode({ path: at('real/one.pem') });
    rmSync(at('real/one.pem'));
    expect((await refusalOf(apply([one], { path }))).code).toBe('ERR_TRUST_PATH_SHARED');
    expect(await apply([one], { path: at('one.pem') })).toMatchObject({ version: 1 });
  });
});

describe('a state that was edited', () => {
  type Entry = Record<string, unknown>;
  const edit = (change: Entry) => {
    const state = JSON.parse(readFileSync(at('state.json'), 'utf8')) as { purposes: Record<string, Entry> };
    writeFileSync(at('state.json'), JSON.stringify({ ...state, purposes: { [CPH]: { ...state.purposes[CPH], ...change } } }));
  };

  it.each([
    ['a floor lowered', { floor: 1 }],
    ['a held version changed', { held: 1 }],
    ['a fingerprint changed', { fingerprint: 'a'.repeat(64) }],
    ['a floor below what is held', { floor: 1, floor_digest: one.signed.digest }],
  ])('is found: %s', async (_what, change) => {
    await apply([one, two]);
    edit(change);
    expect((await refusalOf(apply([two]))).code).toBe('ERR_TRUST_STATE_MALFORMED');
    expect((await refusalOf(trustStatus(world(), at('state.json')))).code).toBe('ERR_TRUST_STATE_MALFORMED');
  });
});

describe('an environment that the operator names', () => {
  it('counts on a node that trusts something already', async () => {
    await apply([one]);
    expect((await refusalOf(apply([two], { environment: { environment_name: 'prod' } }))).code).toBe('ERR_TRUST_ENVIRONMENT');
  });
});

describe('a disk that lost the manifests of both purposes', () => {
  const lose = () => {
    for (const purpose of [CPH, NCL]) rmSync(at(`${purpose}.manifest.json`));
  };
  const reset = (made: Made) =>
    resetTrust<Purpose>(world(), { ...paths(made.signed.manifest.purpose), offers: offers(made), firstDigest: made.signed.digest });

  it('comes back by two resets, with the anchors still apart', async () => {
    await apply([one]);
    await applyNode();
    const shared = await make({ version: 2, anchors: [nodeRoot.certificate] });
    expect((await refusalOf(reset(shared))).code).toBe('ERR_TRUST_ANCHOR_SHARED');
    lose();
    expect((await refusalOf(reset(shared))).code).toBe('ERR_TRUST_ANCHOR_SHARED');
    expect(await reset(await make({ version: 2 }))).toMatchObject({ version: 2 });
    expect(await reset(await make({ version: 2, purpose: NCL, anchors: [nodeRoot.certificate], signers: [newKey()] }))).toMatchObject({
      version: 2,
    });
    expect(await trustStatus(world(), at('state.json'))).toHaveLength(2);
  });

  it('does not take a PEM that somebody changed for the anchors of the other purpose', async () => {
    await apply([one]);
    await applyNode();
    lose();
    writeFileSync(paths(NCL).path, webRoot.pem);
    expect(await reset(await make({ version: 2 }))).toMatchObject({ version: 2 });
  });
});

describe('a stick', () => {
  const collect = () => collectOffers({ files: systemFiles, download: () => Promise.reject(new Error('no network')) }, [directory], CPH);

  it('with a pipe on it does not hang the node', async () => {
    execFileSync('mkfifo', [at(`${CPH}.json`)]);
    expect((await refusalOf(collect())).code).toBe('ERR_FILE_NOT_FOUND');
  });

  it('holds no more than one document may, in however many files', async () => {
    const text = canonicalJson(chainDocument([one.version]));
    const files = {
      ...systemFiles,
      read: (_path: string, max: number) => Promise.resolve(Buffer.from(text.padEnd(Math.min(max, 40_000_000)))),
    };
    for (const name of ['a', 'b', 'c']) writeFileSync(at(`${CPH}.${name}.json`), '');
    const limits: number[] = [];
    await refusalOf(
      collectOffers(
        {
          files: {
            ...files,
            read: (path, max) => (limits.push(max), max < 40_000_000 ? systemFiles.read('/dev/zero', max) : files.read(path, max)),
          },
          download: () => Promise.reject(new Error('no network')),
        },
        [directory],
        CPH,
      ),
    );
    expect(limits).toEqual([67_108_864, 27_108_864]);
  });
});

describe('a clock behind', () => {
  it('is reported: nothing can expire by it', async () => {
    await apply([one, two]);
    clock.advance(-1);
    expect(await trustStatus(world(), at('state.json'))).toMatchObject([{ problems: ['clock-behind'] }]);
    clock.advance(1);
    expect(await trustStatus(world(), at('state.json'))).toMatchObject([{ problems: [] }]);
  });
});
