import { describe, expect, it } from 'vitest';
import { activateTrust } from '../../src/app/activate-trust.ts';
import { collectSignatures, exportProposal, signProposal } from '../../src/app/cosign-trust.ts';
import { exportTrust, exportTrustStore, TRUST_FORMATS } from '../../src/app/export-trust.ts';
import { readOffers } from '../../src/app/node-trust.ts';
import { publishTrust } from '../../src/app/publish-trust.ts';
import { resetTrustChain } from '../../src/app/reset-trust.ts';
import { retireTrust } from '../../src/app/retire-trust.ts';
import { rollbackTrust } from '../../src/app/rollback-trust.ts';
import { diffTrust, listTrust, showTrust } from '../../src/app/show-trust.ts';
import { trustHistory } from '../../src/app/trust-history.ts';
import { trustIndex } from '../../src/app/trust-index.ts';
import { createTrustKey, listTrustKeys, revokeTrustKey, rotateTrustKey } from '../../src/app/trust-keys.ts';
import { versionKey } from '../../src/app/trust-records.ts';
import { verifyTrust } from '../../src/app/verify-trust.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../../src/core/canonical-json.ts';
import { digestOf } from '../../src/core/digest.ts';
import { utf8 } from '../../src/core/encoding.ts';
import type { Pkcs12Contents } from '../../src/core/key-ports.ts';
import { Secret } from '../../src/core/secret.ts';
import { historyPage } from '../../src/core/trust/history-html.ts';
import { parseTrustIndex } from '../../src/core/trust/index-document.ts';
import { testCa } from '../fakes/anchors.ts';
import { auditOf, refusalOf, trustRealm, type TrustRealm } from './trust-realm.ts';

const first = await testCa('web-root');
const second = await testCa('web-root-2');
const nodeRoot = await testCa('node-root');
const purpose = 'control-plane-https';
const DAY = 86400;

const newRealm = () => trustRealm({ first, second, 'node-root': nodeRoot });
async function release(realm: TrustRealm, cas: readonly string[], extra: object = {}) {
  const published = await publishTrust(realm, { purpose, cas, pems: [], ...extra });
  await activateTrust(realm, { purpose, version: published.version });
  return published;
}
const activate = (realm: TrustRealm, version: number) => activateTrust(realm, { purpose, version });
const chainOf = async (realm: TrustRealm) => readOffers(utf8((await exportTrust(realm, purpose, 'chain')).text), 'chain');

describe('rollbackTrust', () => {
  it('publishes a new version with the content of an older one, and the reason', async () => {
    const realm = await newRealm();
    await release(realm, ['first']);
    await release(realm, ['second']);
    const back = await rollbackTrust(realm, { purpose, to: 1, reason: 'second root is faulty', grace: DAY });
    expect(back).toMatchObject({ version: 3, replaces: 2 });
    await activate(realm, 3);
    const { manifest } = await showTrust(realm, purpose);
    expect(manifest.reason).toBe('second root is faulty');
    expect(manifest.anchors.map((anchor) => anchor.phase).toSorted()).toEqual(['phasing-in', 'phasing-out']);
    expect(auditOf(realm).find((record) => record['event'] === 'bootstrap_trust.rollback')).toMatchObject({
      reason: 'second root is faulty',
      details: { trust_bundle_version: 3, replaces_version: 2 },
    });
    expect((await rollbackTrust(realm, { purpose, to: 1, reason: 'again' })).anchors).toHaveLength(2);
  });
});

describe('retireTrust', () => {
  it('drops what is phasing out, after the grace window', async () => {
    const realm = await newRealm();
    await release(realm, ['first']);
    expect((await refusalOf(retireTrust(realm, { purpose, force: false }))).code).toBe('ERR_TRUST_NOTHING_TO_RETIRE');
    await release(realm, ['second'], { grace: 30 * DAY });
    expect((await refusalOf(retireTrust(realm, { purpose, force: false }))).code).toBe('ERR_TRUST_GRACE');
    expect(auditOf(realm).at(-1)).toMatchObject({ event: 'bootstrap_trust.retire', result: 'refused', reason: 'ERR_TRUST_GRACE' });
    expect((await refusalOf(retireTrust(realm, { purpose, force: true }))).message).toContain('--reason');
    expect(await retireTrust(realm, { purpose, force: true, reason: 'root 1 leaked' })).toMatchObject({ version: 3 });
    realm.clock.advance(30 * DAY);
    const retired = await retireTrust(realm, { purpose, force: false, expires: DAY });
    expect(retired.anchors.map(({ subject, change, phase }) => [subject, change, phase])).toEqual([
      ['CN=web-root-2', 'kept', 'active'],
      ['CN=web-root', 'removed', undefined],
    ]);
    expect(auditOf(realm).at(-1)).toMatchObject({ event: 'bootstrap_trust.retire', subject: `${purpose}/4` });
  });
});

describe('trust keys', () => {
  it('rotate: the next version is signed by old and new, and the chain still holds', async () => {
    const realm = await newRealm();
    const digest = (await release(realm, ['first'])).digest;
    const before = await listTrustKeys(realm, purpose);
    expect(before.signers.map(({ name, status, here }) => [name, status, here])).toEqual([
      ['working', 'current', true],
      ['spare', 'current', true],
    ]);
    await rotateTrustKey(realm, { purpose, name: 'working', type: 'p256' });
    await rotateTrustKey(realm, { purpose, name: before.signers[1]?.kid as string });
    await release(realm, ['first']);
    await release(realm, ['first']);
    const offers = await chainOf(realm);
    expect(verifyTrust(realm, { purpose, offers, firstDigest: digest as never })).toMatchObject({ first: 1, version: 3, steps: 3 });
    const difference = await diffTrust(realm, purpose, 1, 2);
    expect([difference.signersAdded.length, difference.signersRemoved.length]).toEqual([2, 2]);
    expect(difference).toMatchObject({ from: { version: 1 }, to: { version: 2 }, changes: [{ change: 'kept' }] });
    expect(
      auditOf(realm)
        .filter((record) => record['event'] === 'bootstrap_trust.signer')
        .at(-1)?.['details'],
    ).toMatchObject({ change: 'rotated' });
  });

  it('are added and revoked within a threshold that can be met', async () => {
    const realm = await newRealm();
    await release(realm, ['first']);
    expect((await refusalOf(createTrustKey(realm, { purpose, name: 'spare' }))).code).toBe('ERR_TRUST_SIGNER_EXISTS');
    expect(await createTrustKey(realm, { purpose, name: 'third', minSignatures: 2 })).toMatchObject({ minSignatures: 2 });
    expect(await release(realm, ['first'])).toMatchObject({ signatures: 2, minSignatures: 2 });
    await revokeTrustKey(realm, { purpose, name: 'working' });
    const keys = realm.vault.keys.size;
    expect((await refusalOf(revokeTrustKey(realm, { purpose, name: 'spare' }))).code).toBe('ERR_INPUT_MALFORMED');
    expect((await refusalOf(createTrustKey(realm, { purpose, name: 'fourth', minSignatures: 4 }))).code).toBe('ERR_INPUT_MALFORMED');
    expect((await refusalOf(createTrustKey(realm, { purpose, name: 'fourth', minSignatures: 0 }))).code).toBe('ERR_INPUT_MALFORMED');
    expect((await refusalOf(revokeTrustKey(realm, { purpose, name: 'working' }))).code).toBe('ERR_KEY_NOT_FOUND');
    expect(realm.vault.keys.size).toBe(keys);
    await revokeTrustKey(realm, { purpose, name: 'spare', minSignatures: 1 });
    expect(await release(realm, ['first'])).toMatchObject({ minSignatures: 1 });
    for (let index = 0; index < 15; index++) await createTrustKey(realm, { purpose, name: `signer-${index}` });
    expect((await refusalOf(createTrustKey(realm, { purpose, name: 'one-too-many' }))).message).toContain('17 signers');
  });
});

describe('signing on two machines', () => {
  it('goes as a file from one to the other and back', async () => {
    const [here, there] = [await newRealm(), await trustRealm()];
    const [remote] = (await listTrustKeys(there, purpose)).signers;
    await createTrustKey(here, { purpose, name: 'bob', jwk: remote?.jwk, minSignatures: 2 });
    expect((await refusalOf(createTrustKey(here, { purpose, name: 'bob-2', jwk: remote?.jwk }))).code).toBe('ERR_TRUST_SIGNER_EXISTS');
    await revokeTrustKey(here, { purpose, name: 'spare' });
    expect((await listTrustKeys(here, purpose)).signers.at(-1)).toMatchObject({ name: 'bob', here: false });
    const published = await publishTrust(here, { purpose, cas: ['first'], pems: [] });
    expect(published).toMatchObject({ signatures: 1, minSignatures: 2 });
    expect((await refusalOf(activate(here, 1))).code).toBe('ERR_TRUST_THRESHOLD');

    const proposal = await exportProposal(here, purpose, 1);
    expect(proposal).toMatchObject({ version: 1, digest: published.digest, signatures: 1, anchors: [{ subject: 'CN=web-root' }] });
    const signed = await signProposal(there, proposal.document as JsonValue, 'proposal.json');
    expect(signed).toMatchObject({ signatures: 2, minSignatures: 2, digest: published.digest });
    expect(auditOf(there).at(-1)).toMatchObject({ event: 'bootstrap_trust.sign', subject: `${purpose}/1` });
    expect((await refusalOf(signProposal(there, signed.document as JsonValue, 'proposal.json'))).code).toBe('ERR_TRUST_SIGNER_UNKNOWN');
    const refused = { event: 'bootstrap_trust.sign', result: 'refused', details: { purpose, trust_bundle_version: 1 } };
    expect(auditOf(there).at(-1)).toMatchObject({ ...refused, reason: 'ERR_TRUST_SIGNER_UNKNOWN' });

    expect(await collectSignatures(here, signed.document as JsonValue, 'proposal.json')).toMatchObject({ signatures: 2 });
    expect(await collectSignatures(here, signed.document as JsonValue, 'proposal.json')).toMatchObject({ signatures: 2 });
    expect(await activate(here, 1)).toMatchObject({ version: 1 });

    await publishTrust(here, { purpose, cas: ['second'], pems: [] });
    const next = await signProposal(there, (await exportProposal(here, purpose, 2)).document as JsonValue, 'proposal.json');
    expect(await collectSignatures(here, next.document as JsonValue, 'x')).toMatchObject({ signatures: 2 });
    const other = await trustRealm({ first });
    await publishTrust(other, { purpose, cas: ['first'], pems: [] });
    expect((await refusalOf(collectSignatures(other, signed.document as JsonValue, 'x'))).code).toBe('ERR_TRUST_VERSION_CHANGED');
    expect(auditOf(other).at(-1)).toMatchObject({ ...refused, reason: 'ERR_TRUST_VERSION_CHANGED' });
  });

  it('takes a former key where the version names none', async () => {
    const realm = await newRealm();
    await release(realm, ['first']);
    await rotateTrustKey(realm, { purpose, name: 'working' });
    await rotateTrustKey(realm, { purpose, name: 'spare' });
    await publishTrust(realm, { purpose, cas: ['first'], pems: [] });
    let proposal = (await exportProposal(realm, purpose, 2)).document;
    // Signed by one new key and one former; the second new key and the second former one follow.
    for (let index = 0; index < 2; index++) proposal = (await signProposal(realm, proposal as JsonValue, 'x')).document;
    expect((await refusalOf(signProposal(realm, proposal as JsonValue, 'x'))).code).toBe('ERR_TRUST_SIGNER_UNKNOWN');
  });
});

describe('resetTrustChain', () => {
  it('begins a new chain above a number, with whatever signers there are', async () => {
    const realm = await newRealm();
    await release(realm, ['first']);
    await createTrustKey(realm, { purpose, name: 'new' });
    for (const name of ['working', 'spare']) await revokeTrustKey(realm, { purpose, name });
    const reset = await resetTrustChain(realm, { purpose, cas: ['second'], pems: [], reason: 'the vault burned', above: 500 });
    expect(reset).toMatchObject({ version: 501, replaces: undefined });
    expect((await listTrust(realm, purpose)).map(({ version, state }) => [version, state])).toEqual([
      [1, 'active'],
      [501, 'published'],
    ]);
    await resetTrustChain(realm, { purpose, cas: ['second'], pems: [], reason: 'again', expires: DAY });
    await activate(realm, 502);
    expect((await refusalOf(activate(realm, 501))).code).toBe('ERR_TRUST_NOT_NEWER');
    expect((await listTrust(realm, purpose)).map(({ state }) => state)).toEqual(['superseded', 'abandoned', 'active']);
    expect(await chainOf(realm)).toHaveLength(1);
  });

  it('works where nothing was ever active', async () => {
    const realm = await newRealm();
    await resetTrustChain(realm, { purpose, cas: ['second'], pems: [], reason: 'a new beginning' });
    expect((await listTrust(realm, purpose)).map(({ state }) => state)).toEqual(['published']);
    expect(await activate(realm, 1)).toMatchObject({ version: 1 });
  });
});

describe('exportTrust', () => {
  it('carries activated versions only', async () => {
    const realm = await newRealm();
    expect((await refusalOf(exportTrust(realm, purpose, 'pem'))).code).toBe('ERR_TRUST_NOT_ACTIVATED');
    const one = await release(realm, ['first']);
    await publishTrust(realm, { purpose, cas: ['second'], pems: [] });
    await release(realm, ['second']);
    const exported = Object.fromEntries(
      await Promise.all(TRUST_FORMATS.map(async (format) => [format, await exportTrust(realm, purpose, format)] as const)),
    );
    expect(exported['chain']).toMatchObject({ version: 3, firstDigest: one.digest, name: `${purpose}.chain.json` });
    expect((await chainOf(realm)).length).toBe(2);
    const { manifest } = await showTrust(realm, purpose);
    expect(exported['pem']?.text).toBe(manifest.bundle_pem);
    expect(exported['sha256sum']?.text).toBe(`${digestOf(utf8(manifest.bundle_pem))}  ${purpose}.pem\n`);
    expect(JSON.parse(exported['spiffe']?.text as string)).toMatchObject({ spiffe_sequence: 3, keys: [{ use: 'x509-svid' }] });
    expect(JSON.parse(exported['spiffe-map']?.text as string)).toHaveProperty(['trust_domains', 'lab.example.internal']);
  });

  it('writes a trust store through the port', async () => {
    const realm = await newRealm();
    await release(realm, ['first']);
    const write = (contents: Pkcs12Contents) =>
      Promise.resolve(utf8(`${contents.friendlyName} ${contents.certificates.length} ${contents.password.reveal()}`));
    const { bytes, version } = await exportTrustStore(realm, { purpose, password: new Secret('changeit'), write });
    expect([Buffer.from(bytes).toString(), version]).toEqual([`${purpose} 1 changeit`, 1]);
  });

  it('finds a record without its activation', async () => {
    const realm = await newRealm();
    await release(realm, ['first']);
    await release(realm, ['second']);
    const { activation: _activation, ...record } = realm.store.dump()[versionKey(purpose, 1)] as JsonObject;
    await realm.store.commit({ checks: [], writes: [{ key: versionKey(purpose, 1), value: record }], audit: [] });
    expect((await refusalOf(exportTrust(realm, purpose, 'chain'))).code).toBe('ERR_REALM_MALFORMED');
  });
});

describe('verifyTrust and the index', () => {
  async function released() {
    const realm = await newRealm();
    await release(realm, ['first']);
    await release(realm, ['second'], { grace: DAY });
    await publishTrust(realm, { purpose, cas: ['first'], pems: [] });
    await publishTrust(realm, { purpose: 'node-cert-lifecycle', cas: ['node-root'], pems: [] });
    const index = parseTrustIndex(JSON.parse(canonicalJson(await trustIndex(realm))) as JsonValue, 'index');
    return { realm, index, offers: await chainOf(realm) };
  }

  it('agree for what was exported', async () => {
    const { realm, index, offers } = await released();
    expect(index.versions).toHaveLength(4);
    expect(canonicalJson(await trustIndex(realm))).toBe(canonicalJson(await trustIndex(realm)));
    expect(verifyTrust(realm, { purpose, offers, index })).toMatchObject({ first: 1, version: 2, problems: [], missing: undefined });
    expect(verifyTrust(realm, { purpose, offers })).toMatchObject({ problems: [] });
  });

  it('tell what is missing, changed and too much', async () => {
    const { realm, index, offers } = await released();
    expect(verifyTrust(realm, { purpose, offers: offers.slice(0, 1), index }).problems).toEqual([{ version: 2, problem: 'missing' }]);
    const [one, ...rest] = index.versions;
    const changed = { ...index, versions: [{ ...one, manifest_digest: digestOf(utf8('x')) }, ...rest.slice(1)] } as typeof index;
    expect(verifyTrust(realm, { purpose, offers, index: changed }).problems).toEqual([
      { version: 1, problem: 'changed' },
      { version: 2, problem: 'not in the index' },
    ]);
    expect((await refusalOf(Promise.resolve().then(() => verifyTrust(realm, { purpose, offers: [] })))).code).toBe('ERR_USAGE');
    const elsewhere = { ...index, environment_name: 'prod' };
    expect((await refusalOf(Promise.resolve().then(() => verifyTrust(realm, { purpose, offers, index: elsewhere })))).code).toBe(
      'ERR_TRUST_ENVIRONMENT',
    );
  });
});

describe('the history page', () => {
  it('shows every anchor and version, and holds nothing from outside', async () => {
    const evil = await testCa('<script>alert("1")</script>&\'');
    const realm = await trustRealm({ first, evil });
    await release(realm, ['first']);
    realm.clock.advance(DAY);
    await release(realm, ['evil'], { grace: DAY, reason: 'a <b>reason</b>' });
    realm.clock.advance(DAY);
    const page = historyPage(await trustHistory(realm, purpose));
    expect(page).toContain('CN=web-root');
    expect(page).toContain('class="phasing-out"');
    expect(page).toContain('a &lt;b&gt;reason&lt;/b&gt;');
    expect(page).not.toMatch(/<script|<b>|https?:|url\(|@import|javascript:/i);
    expect(page).toContain("default-src 'none'");
  });
});
