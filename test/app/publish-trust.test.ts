import { describe, expect, it } from 'vitest';
import { activateTrust } from '../../src/app/activate-trust.ts';
import { publishTrust } from '../../src/app/publish-trust.ts';
import { activeTrust, listTrust, showTrust } from '../../src/app/show-trust.ts';
import { latestKey, signersKey, versionKey } from '../../src/app/trust-records.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { digestOf } from '../../src/core/digest.ts';
import { utf8 } from '../../src/core/encoding.ts';
import { parseChain } from '../../src/core/trust/chain.ts';
import { testCa } from '../fakes/anchors.ts';
import { auditOf, refusalOf, trustRealm, type TrustRealm } from './trust-realm.ts';

const webRoot = await testCa('web-root');
const webRoot2 = await testCa('web-root-2');
const nodeRoot = await testCa('node-root');
const issuing = await testCa('issuing', { issuer: nodeRoot });
const old = await testCa('old-root', { notAfter: '2026-06-01T00:00:00Z' });
const cross = await testCa('node-root', { issuer: webRoot, key: nodeRoot.key });

const CPH = 'control-plane-https';
const NCL = 'node-cert-lifecycle';
const newRealm = () => trustRealm({ 'web-root': webRoot, 'web-root-2': webRoot2, 'node-root': nodeRoot, issuing, old });
const pems = (...cas: { pem: string }[]) => cas.map(({ pem }, index) => ({ text: pem, what: `file-${index}.pem` }));

async function publishAndActivate(realm: TrustRealm, ...cas: string[]) {
  const published = await publishTrust(realm, { purpose: CPH, cas, pems: [] });
  await activateTrust(realm, { purpose: CPH, version: published.version });
  return published;
}

describe('publishTrust', () => {
  it('publishes version 1 from authorities and PEM files, with its audit record', async () => {
    const realm = await newRealm();
    const published = await publishTrust(realm, { purpose: CPH, cas: ['web-root'], pems: pems(webRoot2), reason: 'first trust' });
    expect(published).toMatchObject({
      purpose: CPH,
      version: 1,
      replaces: undefined,
      signatures: 1,
      minSignatures: 1,
      expiresAt: '2027-11-22T10:00:00Z',
    });
    expect(published.anchors.map(({ change, phase }) => ({ change, phase }))).toEqual(
      [1, 2].map(() => ({ change: 'added', phase: 'active' })),
    );
    const { manifest } = await showTrust(realm, CPH, 1);
    expect(manifest.sha256_fingerprint).toBe(digestOf(utf8(manifest.bundle_pem)));
    expect(manifest.signers).toHaveLength(2);
    expect(auditOf(realm).at(-1)).toMatchObject({
      event: 'bootstrap_trust.publish',
      subject: `${CPH}/1`,
      actor: { name: 'alice', verified: false },
      environment: 'lab',
      correlation_id: 'test-1',
      result: 'ok',
      reason: 'first trust',
      details: { purpose: CPH, trust_bundle_version: 1, fingerprint: published.fingerprint, digest: published.digest },
    });
  });

  it('is not active, and leaves the realm nowhere, before it is activated', async () => {
    const realm = await newRealm();
    await publishTrust(realm, { purpose: CPH, cas: ['web-root'], pems: [] });
    expect((await refusalOf(activeTrust(realm, CPH))).code).toBe('ERR_TRUST_NOT_ACTIVATED');
    expect((await refusalOf(showTrust(realm, CPH))).code).toBe('ERR_TRUST_NOT_ACTIVATED');
    await activateTrust(realm, { purpose: CPH, version: 1 });
    const { signed, document } = await activeTrust(realm, CPH);
    expect(signed.manifest.trust_bundle_version).toBe(1);
    expect(parseChain(document, 'document')).toHaveLength(1);
  });

  it('keeps the anchors that are left out for the grace window', async () => {
    const realm = await newRealm();
    const first = await publishAndActivate(realm, 'web-root');
    const second = await publishTrust(realm, { purpose: CPH, cas: ['web-root-2'], pems: [], grace: 30 * 86400 });
    expect(second).toMatchObject({ version: 2, replaces: 1, graceUntil: '2026-12-22T10:00:00Z' });
    const phases = Object.fromEntries(second.anchors.map(({ subject, change, phase }) => [subject, `${change} ${phase}`]));
    expect(phases).toEqual({ 'CN=web-root': 'kept phasing-out', 'CN=web-root-2': 'added phasing-in' });
    const { manifest, changes } = await showTrust(realm, CPH, 2);
    expect(manifest).toMatchObject({ replaces_version: 1, replaces_digest: first.digest });
    expect(changes).toEqual(second.anchors);
    expect(auditOf(realm).at(-1)?.['details']).toMatchObject({ replaces_version: 1 });
  });

  it('takes phases that are said, by name and by fingerprint', async () => {
    const realm = await newRealm();
    const [before] = (await publishAndActivate(realm, 'web-root')).anchors;
    const both = { purpose: CPH, cas: ['web-root', 'web-root-2'], pems: [] } as const;
    const phasesIn = async (more: Partial<Parameters<typeof publishTrust>[1]>) =>
      Object.fromEntries((await publishTrust(realm, { ...both, ...more })).anchors.map(({ subject, phase }) => [subject, phase]));
    expect(await phasesIn({ phases: [{ anchor: 'web-root-2', phase: 'phasing-in' }] })).toEqual({
      'CN=web-root': 'active',
      'CN=web-root-2': 'phasing-in',
    });
    const leaving = [
      { anchor: before?.fingerprint as string, phase: 'phasing-out' },
      { anchor: 'web-root-2', phase: 'active' },
    ] as const;
    expect(await phasesIn({ grace: 60, phases: leaving })).toEqual({ 'CN=web-root': 'phasing-out', 'CN=web-root-2': 'active' });
    expect((await refusalOf(publishTrust(realm, { ...both, phases: leaving }))).message).toContain('expected --grace beside phasing-out');
    const other = [{ anchor: '0'.repeat(64), phase: 'active' }] as const;
    expect((await refusalOf(publishTrust(realm, { ...both, phases: other }))).message).toContain(
      '--phase: expected an anchor of the new version',
    );
    const unknown = [{ anchor: 'nobody', phase: 'active' }] as const;
    expect((await refusalOf(publishTrust(realm, { ...both, phases: unknown }))).code).toBe('ERR_CA_NOT_FOUND');
  });

  it('drops the anchors that are left out without a grace window, and shows them', async () => {
    const realm = await newRealm();
    await publishAndActivate(realm, 'web-root');
    const second = await publishTrust(realm, { purpose: CPH, cas: ['web-root-2'], pems: [] });
    expect(second.anchors.map(({ subject, change, phase }) => [subject, change, phase])).toEqual([
      ['CN=web-root-2', 'added', 'active'],
      ['CN=web-root', 'removed', undefined],
    ]);
    await activateTrust(realm, { purpose: CPH, version: 2 });
    const third = await publishTrust(realm, { purpose: CPH, cas: ['web-root-2'], pems: [], grace: 60 });
    expect(third.anchors.map(({ change, phase }) => [change, phase])).toEqual([['kept', 'active']]);
  });

  it.each([
    ['an intermediate', { cas: ['issuing'] }, 'ERR_TRUST_NOT_ANCHOR', '--ca issuing'],
    ['an expired anchor', { cas: ['old'] }, 'ERR_TRUST_ANCHOR_EXPIRED', 'CN=old-root'],
    ['garbage', { cas: [], pems: [{ text: 'garbage', what: 'x.pem' }] }, 'ERR_PEM_MALFORMED', 'x.pem'],
  ])('refuses %s, and records the refusal', async (_what, input, code, text) => {
    const realm = await newRealm();
    const error = await refusalOf(publishTrust(realm, { purpose: CPH, pems: [], ...input }));
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
    expect(auditOf(realm).at(-1)).toMatchObject({
      event: 'bootstrap_trust.publish',
      result: 'refused',
      reason: code,
      details: { purpose: CPH },
    });
    expect(await listTrust(realm, CPH)).toEqual([]);
  });

  it.each([
    ['no anchor', {}, 'ERR_USAGE', 'neither'],
    ['an unknown authority', { cas: ['web-rot'] }, 'ERR_CA_NOT_FOUND', '--ca'],
    ['grace without an active version', { cas: ['web-root'], grace: 60 }, 'ERR_USAGE', '--grace'],
  ])('says what is wrong with %s', async (_what, input, code, text) => {
    const realm = await newRealm();
    const error = await refusalOf(publishTrust(realm, { purpose: CPH, cas: [], pems: [], ...input }));
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
    expect(auditOf(realm).filter((record) => record['result'] === 'refused')).toEqual([]);
  });

  it('refuses more anchors than a bundle may hold', async () => {
    const key = webRoot.key;
    const many = [];
    for (let index = 0; index < 101; index++) many.push(await testCa(`root-${index}`, { key }));
    expect((await refusalOf(publishTrust(await newRealm(), { purpose: CPH, cas: [], pems: pems(...many) }))).code).toBe(
      'ERR_INPUT_TOO_LARGE',
    );
  });

  it('publishes once when two ask at the same time', async () => {
    const realm = await newRealm();
    const results = await Promise.allSettled([1, 2].map(() => publishTrust(realm, { purpose: CPH, cas: ['web-root'], pems: [] })));
    expect(results.map((result) => result.status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(await listTrust(realm, CPH)).toHaveLength(1);
  });

  it('needs signers, and the key of one', async () => {
    const realm = await newRealm();
    realm.vault.keys.clear();
    expect((await refusalOf(publishTrust(realm, { purpose: CPH, cas: ['web-root'], pems: [] }))).code).toBe('ERR_KEY_NOT_FOUND');
    const record = realm.store.dump()[signersKey(CPH)] as { signers: JsonObject[] };
    const signers = record.signers.map(({ key: _key, ...signer }) => signer);
    await realm.store.commit({ checks: [], writes: [{ key: signersKey(CPH), value: { ...record, signers } }], audit: [] });
    expect((await refusalOf(publishTrust(realm, { purpose: CPH, cas: ['web-root'], pems: [] }))).hint).toContain('trust sign');
    await realm.store.commit({ checks: [], writes: [{ key: signersKey(CPH), delete: true }], audit: [] });
    expect((await refusalOf(publishTrust(realm, { purpose: CPH, cas: ['web-root'], pems: [] }))).hint).toContain('joinery init');
  });

  it('stops when no version number is left, and when a record is damaged', async () => {
    const realm = await newRealm();
    const write = (key: string, value: JsonObject) => realm.store.commit({ checks: [], writes: [{ key, value }], audit: [] });
    await write(latestKey(CPH), { version: 2147483647, digest: 'a'.repeat(64) });
    expect((await refusalOf(publishTrust(realm, { purpose: CPH, cas: ['web-root'], pems: [] }))).code).toBe('ERR_TRUST_FAST_FORWARD');
    await write(latestKey(CPH), { version: 0 });
    expect((await refusalOf(publishTrust(realm, { purpose: CPH, cas: ['web-root'], pems: [] }))).code).toBe('ERR_REALM_MALFORMED');
  });
});

describe('the two purposes', () => {
  it('never share an anchor, published or active', async () => {
    const realm = await newRealm();
    await publishAndActivate(realm, 'web-root');
    await publishTrust(realm, { purpose: CPH, cas: ['web-root-2'], pems: [] });
    for (const name of ['web-root', 'web-root-2']) {
      const error = await refusalOf(publishTrust(realm, { purpose: NCL, cas: [name], pems: [] }));
      expect(error).toMatchObject({ code: 'ERR_TRUST_ANCHOR_SHARED', details: { how: 'same key' } });
    }
  });

  it.each([
    ['issued by it', { issuer: 'web', subject: 'node' }],
    ['issues it', { issuer: 'node', subject: 'web' }],
  ])('never certify each other through another certificate: %s', async (how, { subject }) => {
    const realm = await trustRealm({ 'web-root': webRoot, 'node-root': nodeRoot, cross });
    const [first, second] = subject === 'node' ? ([CPH, NCL] as const) : ([NCL, CPH] as const);
    const ca = { [CPH]: 'web-root', [NCL]: 'node-root' };
    await publishTrust(realm, { purpose: first, cas: [ca[first]], pems: [] });
    const error = await refusalOf(publishTrust(realm, { purpose: second, cas: [ca[second]], pems: [] }));
    expect(error).toMatchObject({ code: 'ERR_TRUST_ANCHOR_SHARED', details: { how } });
  });

  it('share one for a reason, which stands in the manifest', async () => {
    const realm = await newRealm();
    await publishAndActivate(realm, 'web-root');
    await publishTrust(realm, { purpose: NCL, cas: ['web-root'], pems: [], sharedAnchorReason: 'one lab, one root' });
    await activateTrust(realm, { purpose: NCL, version: 1 });
    expect((await showTrust(realm, NCL)).manifest.shared_anchor_reason).toBe('one lab, one root');
  });

  it('are not one history: a version of one is not found in the other', async () => {
    const realm = await newRealm();
    const { version } = await publishAndActivate(realm, 'web-root');
    expect((await refusalOf(activateTrust(realm, { purpose: NCL, version }))).code).toBe('ERR_TRUST_NOT_FOUND');
    const record = realm.store.dump()[versionKey(CPH, 1)] as JsonObject;
    await realm.store.commit({ checks: [], writes: [{ key: versionKey(NCL, 1), value: record }], audit: [] });
    expect((await refusalOf(activateTrust(realm, { purpose: NCL, version }))).code).toBe('ERR_TRUST_PURPOSE');
  });
});

describe('activateTrust', () => {
  it('activates with a signed statement and its audit record', async () => {
    const realm = await newRealm();
    const published = await publishTrust(realm, { purpose: CPH, cas: ['web-root'], pems: [] });
    const activated = await activateTrust(realm, { purpose: CPH, version: 1 });
    expect(activated).toMatchObject({ version: 1, digest: published.digest, replaces: undefined, activatedAt: '2026-11-22T10:00:00Z' });
    expect(auditOf(realm).at(-1)).toMatchObject({ event: 'bootstrap_trust.activate', subject: `${CPH}/1`, result: 'ok' });
    expect(realm.store.dump()[`trust/${CPH}/active`]).toEqual({ version: 1, digest: published.digest });
  });

  it('refuses what is expired, active already, or beside the chain', async () => {
    const realm = await newRealm();
    await publishTrust(realm, { purpose: CPH, cas: ['web-root'], pems: [], expires: 60 });
    realm.clock.advance(60);
    expect((await refusalOf(activateTrust(realm, { purpose: CPH, version: 1 }))).code).toBe('ERR_TRUST_EXPIRED');
    expect(auditOf(realm).at(-1)).toMatchObject({ result: 'refused', reason: 'ERR_TRUST_EXPIRED', details: { trust_bundle_version: 1 } });
    await publishAndActivate(realm, 'web-root');
    const again = await refusalOf(activateTrust(realm, { purpose: CPH, version: 2 }));
    expect(again).toMatchObject({ code: 'ERR_TRUST_NOT_NEWER' });
    expect(again.message).toContain('the active version itself');
    expect((await refusalOf(activateTrust(realm, { purpose: CPH, version: 1 }))).message).toContain('replaces none');
    await publishTrust(realm, { purpose: CPH, cas: ['web-root'], pems: [] });
    await publishAndActivate(realm, 'web-root', 'web-root-2');
    const beside = await refusalOf(activateTrust(realm, { purpose: CPH, version: 3 }));
    expect(beside.message).toContain('expected a version that replaces 4');
    const states = (await listTrust(realm, CPH)).map(({ version, state, expired }) => [version, state, expired]);
    expect(states).toEqual([
      [1, 'abandoned', true],
      [2, 'superseded', false],
      [3, 'abandoned', false],
      [4, 'active', false],
    ]);
  });

  it('refuses the first version beside none', async () => {
    const realm = await newRealm();
    await publishAndActivate(realm, 'web-root');
    await publishTrust(realm, { purpose: CPH, cas: ['web-root'], pems: [] });
    await realm.store.commit({ checks: [], writes: [{ key: `trust/${CPH}/active`, delete: true }], audit: [] });
    expect((await refusalOf(activateTrust(realm, { purpose: CPH, version: 2 }))).message).toContain(
      'replaces none, which is active, found one that replaces 1',
    );
  });

  it('refuses a version with too few signatures', async () => {
    const realm = await newRealm();
    const record = realm.store.dump()[signersKey(CPH)] as { signers: JsonObject[] };
    const [first, second] = record.signers as [JsonObject, JsonObject];
    const { key: _key, ...elsewhere } = second;
    const value = { min_signatures: 2, signers: [first, elsewhere] };
    await realm.store.commit({ checks: [], writes: [{ key: signersKey(CPH), value }], audit: [] });
    expect(await publishTrust(realm, { purpose: CPH, cas: ['web-root'], pems: [] })).toMatchObject({ signatures: 1, minSignatures: 2 });
    expect((await refusalOf(activateTrust(realm, { purpose: CPH, version: 1 }))).code).toBe('ERR_TRUST_THRESHOLD');
  });
});
