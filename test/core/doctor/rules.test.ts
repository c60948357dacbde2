import { describe, expect, it } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { judgeClock, judgeConfig, judgeTokenKeys, judgeTokens } from '../../../src/core/doctor/config.ts';
import { judgeFiles, NODE_FILES, REALM_FILES } from '../../../src/core/doctor/files.ts';
import { isAtLeast, sortFindings } from '../../../src/core/doctor/finding.ts';
import { judgeEnding } from '../../../src/core/doctor/horizon.ts';
import { type AuthorityFacts, judgeAuthority, judgeCertificates } from '../../../src/core/doctor/issuance.ts';
import { judgeKeys, keysNamedBy } from '../../../src/core/doctor/keys.ts';
import { judgeFleet, judgeNode, type NodeFacts } from '../../../src/core/doctor/node.ts';
import { judgeShared, judgeTrust, type TrustFacts } from '../../../src/core/doctor/trust.ts';
import { checkpointKey, formatVerifierKey } from '../../../src/core/audit/checkpoint.ts';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { publicJwk } from '../../../src/core/jwk.ts';
import { parseRealmConfig } from '../../../src/core/realm/config.ts';
import { type Instant, parseInstant } from '../../../src/core/time.ts';
import type { SignedManifest } from '../../../src/core/trust/manifest.ts';
import { testCa } from '../../fakes/anchors.ts';
import { signingKey, generatePrivateKey } from '../../../src/adapters/signatures.ts';

const NOW = parseInstant('2026-11-22T10:00:00Z') as Instant;
const DAY = 86400;
const later = (seconds: number): Instant => (NOW + seconds) as Instant;
const codes = (findings: readonly { code: string; severity: string }[]): string[] =>
  findings.map(({ code, severity }) => `${severity} ${code}`);

describe('files', () => {
  const entry = (mode: number, changes: object = {}) => ({
    kind: 'file' as const,
    mode,
    modifiedAt: 0 as Instant,
    identity: 'i',
    ...changes,
  });
  const realm = (path: string, mode: number, changes: object = {}) =>
    judgeFiles('/r', [{ path, entry: entry(mode, changes) }], REALM_FILES, NOW);

  it('are closed as formats.md says', () => {
    for (const path of ['state.db', 'keys/online/a.key', 'joinery.yaml', 'ca/root.crt', 'unknown']) expect(realm(path, 0o600)).toEqual([]);
    expect(realm('ca/root.crt', 0o644)).toEqual([]);
    expect(realm('unknown', 0o777)).toEqual([]);
    expect(realm('', 0o700, { kind: 'directory' })).toEqual([]);
  });

  it('are reported with the mode that they should have, and secrets with more', () => {
    const [open] = realm('keys/online/a.key', 0o644);
    expect(open).toMatchObject({
      code: 'file-mode',
      severity: 'critical',
      fix: { kind: 'mode', path: '/r/keys/online/a.key', mode: 0o600 },
    });
    expect(open?.what).toBe('expected mode 0600, found 0644: others may read it');
    expect(open?.next).toContain('think about who could have read it');
    expect(realm('joinery.yaml', 0o666)[0]).toMatchObject({ severity: 'critical', what: expect.stringContaining('others may change it') });
    expect(codes(realm('', 0o755, { kind: 'directory' }))).toEqual(['warn file-mode']);
    expect(codes(realm('keys', 0o777, { kind: 'directory' }))).toEqual(['critical file-mode']);
  });

  it('that are links, or old temporaries, are reported', () => {
    expect(codes(realm('state.db', 0o600, { kind: 'symlink' }))).toEqual(['critical file-kind']);
    const stale = 'joinery.yaml.tmp-0011223344556677';
    expect(realm(stale, 0o600)[0]).toMatchObject({ code: 'file-stale', fix: { kind: 'remove', path: `/r/${stale}` } });
    expect(realm(stale, 0o600, { modifiedAt: NOW - 60 })).toEqual([]);
    expect(realm(stale, 0o600, { kind: 'directory' })).toEqual([]);
    expect(codes(judgeFiles('/n', [{ path: 'secrets/join-token', entry: entry(0o640) }], NODE_FILES, NOW))).toEqual(['critical file-mode']);
  });
});

describe('findings', () => {
  it('are ordered by how bad they are', () => {
    const of = (severity: 'info' | 'warn' | 'critical') => ({ code: 'keychain', severity, where: '', what: '', next: '' }) as const;
    expect(sortFindings([of('info'), of('critical'), of('warn')]).map(({ severity }) => severity)).toEqual(['critical', 'warn', 'info']);
    expect(isAtLeast(of('warn'), 'critical')).toBe(false);
    expect(isAtLeast(of('critical'), 'warn')).toBe(true);
  });
});

describe('an end', () => {
  const ending = (from: number, until: number, now = NOW) => {
    const horizon = { warn: 90 * DAY, critical: 14 * DAY };
    return judgeEnding({ code: 'ca-expiry', where: 'w', what: 'thing', from: later(from), until: later(until), next: 'n', horizon }, now);
  };

  it('is warned about in time, by its horizon and by its life', () => {
    expect(ending(-3650 * DAY, 100 * DAY)).toEqual([]);
    expect(codes(ending(-3650 * DAY, 80 * DAY))).toEqual(['warn ca-expiry']);
    expect(codes(ending(-3650 * DAY, 10 * DAY))).toEqual(['critical ca-expiry']);
    // A day's life: nothing is wrong in its first two thirds.
    expect(ending(-DAY / 2, DAY / 2)).toEqual([]);
    expect(codes(ending(-0.7 * DAY, 0.3 * DAY))).toEqual(['warn ca-expiry']);
    expect(codes(ending(-0.96 * DAY, 0.04 * DAY))).toEqual(['critical ca-expiry']);
  });

  it('may have been, or its beginning still to come', () => {
    expect(ending(-DAY, -1)[0]?.what).toContain('found its end at 2026-11-22T09:59:59Z');
    expect(ending(DAY, 2 * DAY)[0]?.what).toContain('found one from 2026-11-23T10:00:00Z on');
  });
});

describe('keys', () => {
  it('are found wherever a record names them, with the public key that stands beside', async () => {
    const ca = await testCa('root');
    const ed = signingKey(generatePrivateKey('ed25519'));
    const reference = (file: string) => ({ custody: 'online', file, type: 'p256' });
    const record = {
      text: 'x',
      none: null,
      list: [
        { key: reference('keys/online/a.key'), certificate_pem: ca.pem },
        { key: reference('keys/online/b.key'), jwk: { ...publicJwk(ed.spki) } },
      ],
      deep: { reference: reference('keys/online/c.key'), verifier_key: formatVerifierKey(checkpointKey('o', ed.spki)) },
      bare: { reference: reference('keys/online/d.key') },
      bad: { reference: reference('keys/online/e.key'), pem: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
      gone: undefined,
    };
    const named = keysNamedBy('r', record as unknown as JsonObject);
    const spkiOf = (file: string) => named.find((key) => key.reference.file === `keys/online/${file}.key`)?.spki;
    expect(named).toHaveLength(5);
    expect(spkiOf('a')).toEqual(ca.certificate.spki);
    expect([spkiOf('b'), spkiOf('c')]).toEqual([ed.spki, ed.spki]);
    expect([spkiOf('d'), spkiOf('e')]).toEqual([undefined, undefined]);
  });

  it('are each in one record, and each in one file', () => {
    const named = (custody: 'offline' | 'online', file: string) => ({
      record: 'ca/x',
      reference: { custody, file, type: 'p256' as const },
      spki: undefined,
    });
    const [root, online] = [named('offline', 'keys/offline/root.key'), named('online', 'keys/online/a.key')];
    const none = { rewrapped: [], pending: [] };
    expect(judgeKeys([root, online], { files: ['keys/offline/root.key', 'keys/online/a.key'], ...none })).toEqual([]);
    expect(codes(judgeKeys([root], { files: ['keys/offline/b.key'], ...none }))).toEqual(['critical key-missing', 'warn key-orphan']);
    // A copy for a server.
    expect(judgeKeys([root, online], { files: ['keys/online/a.key'], ...none })).toEqual([]);
    const rewrap = { rewrapped: ['keys/online/a.key.rewrapped', 'keys/offline/b.key.rewrapped'], pending: ['online'] };
    expect(judgeKeys([online], { files: ['keys/online/a.key'], ...rewrap }).map(({ where }) => where)).toEqual([
      'keys/online',
      'keys/offline/b.key.rewrapped',
    ]);
  });

  it('may be programming errors, which are not swallowed', () => {
    const beside = { key: { custody: 'online', file: 'f', type: 'p256' } };
    Object.defineProperty(beside, 'jwk', {
      get: () => {
        throw new Error('a bug');
      },
    });
    expect(() => keysNamedBy('r', beside)).toThrow('a bug');
  });
});

describe('authorities', async () => {
  const root = (await testCa('root', { notBefore: '2026-01-01T00:00:00Z', notAfter: '2036-01-01T00:00:00Z' })).certificate;
  const facts = (changes: Partial<AuthorityFacts> = {}): AuthorityFacts => ({
    name: 'root',
    certificate: root,
    revoked: false,
    isRoot: true,
    custody: 'offline',
    revocations: 0,
    list: undefined,
    ...changes,
  });
  const list = (thisUpdate: number, nextUpdate: number) => ({
    file: 'ca/root.crl',
    crl: { thisUpdate: later(thisUpdate), nextUpdate: later(nextUpdate) } as never,
  });

  it('are well, or end soon, or stand online where a root should not', () => {
    expect(judgeAuthority(facts(), NOW)).toEqual([]);
    const soon = parseInstant('2035-12-20T00:00:00Z') as Instant;
    expect(judgeAuthority(facts(), soon)[0]).toMatchObject({ severity: 'critical', next: expect.stringContaining('new root') });
    expect(judgeAuthority(facts({ isRoot: false }), soon)[0]?.next).toContain('under its parent');
    expect(judgeAuthority(facts({ revoked: true, custody: 'online' }), soon)).toEqual([]);
    expect(codes(judgeAuthority(facts({ custody: 'online' }), NOW))).toEqual(['warn key-online']);
  });

  it('keep their revocation lists fresh', () => {
    expect(codes(judgeAuthority(facts({ revocations: 2 }), NOW))).toEqual(['warn crl-missing']);
    expect(judgeAuthority(facts({ revocations: 2, list: list(-DAY, 6 * DAY) }), NOW)).toEqual([]);
    expect(codes(judgeAuthority(facts({ list: list(-6 * DAY, DAY) }), NOW))).toEqual(['warn crl-expiry']);
    expect(codes(judgeAuthority(facts({ list: list(-8 * DAY, -DAY) }), NOW))).toEqual(['critical crl-expiry']);
  });
});

describe('issued certificates', () => {
  const certificate = (serial: string, from: number, until: number, renews?: string) => ({
    serial,
    subject: `CN=${serial}`,
    notBefore: later(from),
    notAfter: later(until),
    renews,
  });

  it('are warned about, unless they were replaced, live shortly, or ended long ago', () => {
    const soon = certificate('a', -300 * DAY, 5 * DAY);
    expect(codes(judgeCertificates([soon], NOW))).toEqual(['warn cert-expiry']);
    expect(judgeCertificates([soon, certificate('b', 0, 365 * DAY, 'a')], NOW)).toEqual([]);
    expect(judgeCertificates([certificate('c', -0.9 * DAY, 0.1 * DAY), certificate('d', -400 * DAY, -40 * DAY)], NOW)).toEqual([]);
  });

  it('are counted when there are many', () => {
    const many = Array.from({ length: 25 }, (_, index) => certificate(String(index), -300 * DAY, 5 * DAY));
    const findings = judgeCertificates(many, NOW);
    expect(findings).toHaveLength(21);
    expect(findings.at(-1)?.what).toBe('5 more certificates have ended or will soon');
  });
});

describe('trust', async () => {
  const anchor = (await testCa('web')).certificate;
  const signed = (changes: object = {}, phase = 'active'): SignedManifest =>
    ({
      manifest: {
        trust_bundle_version: 3,
        published_at: '2026-01-01T00:00:00Z',
        expires_at: '2027-12-01T00:00:00Z',
        anchors: [{ phase }],
        ...changes,
      },
      anchors: [anchor],
    }) as unknown as SignedManifest;
  const facts = (changes: Partial<TrustFacts> = {}): TrustFacts => ({
    purpose: 'control-plane-https',
    latest: 3,
    active: signed(),
    signers: { required: 1, current: 2, online: 0 },
    ...changes,
  });

  it('is active, not expired, and past its grace windows', () => {
    expect(judgeTrust(facts(), NOW)).toEqual([]);
    expect(codes(judgeTrust(facts({ active: signed({ expires_at: '2026-11-23T00:00:00Z' }) }), NOW))).toEqual(['critical trust-expiry']);
    expect(codes(judgeTrust(facts({ active: undefined }), NOW))).toEqual(['warn trust-inactive']);
    expect(judgeTrust(facts({ active: undefined, latest: 0 }), NOW)).toEqual([]);
    const leaving = signed({ grace_until: '2026-11-01T00:00:00Z' }, 'phasing-out');
    expect(codes(judgeTrust(facts({ active: leaving }), NOW))).toEqual(['warn trust-grace']);
    expect(judgeTrust(facts({ active: signed({ grace_until: '2027-11-01T00:00:00Z' }, 'phasing-out') }), NOW)).toEqual([]);
    expect(judgeTrust(facts({ active: signed({}, 'phasing-out') }), NOW)).toEqual([]);
  });

  it('has anchors that live', () => {
    const end = parseInstant('2035-12-30T00:00:00Z') as Instant;
    const fresh = signed({ published_at: '2035-12-29T00:00:00Z', expires_at: '2036-12-30T00:00:00Z' });
    expect(codes(judgeTrust(facts({ active: fresh }), end))).toEqual(['critical anchor-expiry']);
  });

  it('has signers enough, one to spare, and none online', () => {
    const signers = (required: number, current: number, online = 0) =>
      codes(judgeTrust(facts({ signers: { required, current, online } }), NOW));
    expect(signers(2, 1)).toEqual(['critical trust-threshold']);
    expect(signers(1, 1)).toEqual(['warn trust-threshold']);
    expect(signers(1, 3, 1)).toEqual(['critical key-online']);
    expect(judgeTrust(facts({ signers: undefined }), NOW)).toEqual([]);
  });

  it('is apart, or shared for a reason that was recorded', () => {
    const shared = [{ anchor, how: 'same key' as const }];
    expect(codes(judgeShared(shared, undefined))).toEqual(['critical trust-shared']);
    expect(judgeShared(shared, 'one small cluster')[0]).toMatchObject({
      severity: 'info',
      what: expect.stringContaining('one small cluster'),
    });
  });
});

describe('configuration, clock and tokens', () => {
  const config = (changes: JsonObject = {}) =>
    parseRealmConfig(
      {
        schema: 'joinery/realm-config/1',
        environment: { name: 'lab', domain: 'l.example' },
        trust_domain: 'l.example',
        clusters: [],
        ...changes,
      },
      't',
    );

  it('names what a configuration allows', () => {
    const key = { ...publicJwk(signingKey(generatePrivateKey('ed25519')).spki) };
    const prod = { name: 'prod', roles: ['worker'], policy: 'policies/prod.yaml' };
    expect(judgeConfig(config())).toEqual([]);
    expect(judgeConfig(config({ clusters: [prod], policy: { require_signed: true, signers: [key] } }))).toEqual([]);
    const admins = ['a', 'b', 'c'].map((name) => ({ name, may: ['token.mint', 'cert.revoke'] }));
    const smelly = config({
      token: { max_lifetime: 30 * DAY },
      clusters: [{ ...prod, node_lifetime: 90 * DAY }],
      server: { omnirelay: { key_file: 'k' }, tokens: true, alerts: { webhook: 'http://alerts.example/x' } },
      admins,
    });
    expect(judgeConfig(smelly).map(({ where }) => where)).toEqual([
      'joinery.yaml, token.max_lifetime',
      'joinery.yaml, clusters[0].node_lifetime',
      'joinery.yaml, clusters[0].policy',
      'joinery.yaml, server.omnirelay',
      'joinery.yaml, server.tokens',
      'joinery.yaml, server.alerts.webhook',
      'joinery.yaml, admins',
    ]);
  });

  it('holds the clock against what was recorded', () => {
    expect(judgeClock(undefined, NOW)).toEqual([]);
    expect(judgeClock(later(30), NOW)).toEqual([]);
    expect(codes(judgeClock(later(120), NOW))).toEqual(['critical clock-behind']);
  });

  it('names tokens without an end', () => {
    const token = (expiresAt: Instant | null, maxUses: number | null) => ({ format: 'secure' as const, id: 'i', expiresAt, maxUses });
    expect(judgeTokens([token(NOW, null)])).toEqual([]);
    expect(codes(judgeTokens([token(null, null), token(null, 3)]))).toEqual(['warn token-endless', 'info token-endless']);
  });

  it('names token keys that are missing, old or in the wrong place', () => {
    const key = (state: string, age: number, custody: 'offline' | 'online' = 'offline') => ({
      kid: 'k',
      state,
      createdAt: later(-age),
      custody,
    });
    expect(codes(judgeTokenKeys([key('standby', 0)], false, NOW))).toEqual(['info token-key']);
    expect(judgeTokenKeys([key('active', DAY)], false, NOW)).toEqual([]);
    expect(codes(judgeTokenKeys([key('active', 400 * DAY, 'online')], false, NOW))).toEqual(['warn token-key', 'warn key-online']);
    expect(judgeTokenKeys([key('active', DAY, 'online')], true, NOW)).toEqual([]);
  });
});

describe('nodes', async () => {
  const web = await testCa('web');
  const root = await testCa('root');
  const leaf = await testCa('n1', {
    issuer: root,
    leaf: true,
    ipAddress: '10.0.0.1',
    notBefore: '2026-11-22T00:00:00Z',
    notAfter: '2026-11-23T00:00:00Z',
  });
  const twin = await testCa('n1', { issuer: root, leaf: true, ipAddress: '10.0.0.1' });
  const nameless = await testCa('n2', { issuer: root, leaf: true });
  const node = (where: string, changes: Partial<NodeFacts> = {}): NodeFacts => ({
    where,
    identity: { certificate: leaf.certificate, chain: [], keyPin: leaf.certificate.pin },
    anchors: { 'control-plane-https': [web.certificate], 'node-cert-lifecycle': [root.certificate] },
    trust: [{ purpose: 'control-plane-https', version: 2, problems: [] }],
    onePemFile: false,
    holdsToken: false,
    pendingSince: undefined,
    ...changes,
  });
  const judge = (changes: Partial<NodeFacts> = {}, now = NOW) =>
    codes(judgeNode(node('/n'), now, verifySignature).concat(judgeNode(node('/n', changes), now, verifySignature)));

  it('are well in the first two thirds of a certificate, and overdue after', () => {
    expect(judge()).toEqual([]);
    expect(codes(judgeNode(node('/n'), later(8 * 3600), verifySignature))).toEqual(['warn node-renewal']);
    expect(codes(judgeNode(node('/n'), later(2 * DAY), verifySignature))).toEqual(['critical node-renewal']);
    const horizon = { warn: 60, critical: 30 };
    expect(judgeNode(node('/n'), later(8 * 3600), verifySignature, horizon)).toEqual([]);
  });

  it('have their own key, a path, and no token any more', () => {
    expect(judge({ identity: { certificate: leaf.certificate, chain: [], keyPin: root.certificate.pin } })).toEqual([
      'critical key-mismatch',
    ]);
    expect(judge({ identity: { certificate: leaf.certificate, chain: [], keyPin: undefined } })).toEqual(['critical key-mismatch']);
    expect(judge({ anchors: { 'control-plane-https': [], 'node-cert-lifecycle': [web.certificate] } })).toEqual(['critical node-chain']);
    expect(judge({ holdsToken: true })).toEqual(['warn node-token']);
    expect(judge({ identity: undefined })).toEqual(['warn node-identity']);
    expect(judge({ identity: undefined, holdsToken: true })).toEqual(['warn node-identity']);
    expect(judge({ pendingSince: later(-60) })).toEqual([]);
    expect(judge({ pendingSince: later(-7200) })).toEqual(['warn node-pending']);
  });

  it('keep the purposes apart, and their trust in order', () => {
    expect(judge({ onePemFile: true })).toEqual(['critical trust-shared']);
    expect(judge({ anchors: { 'control-plane-https': [root.certificate], 'node-cert-lifecycle': [root.certificate] } })).toEqual([
      'critical trust-shared',
    ]);
    const problems = ['expired', 'file-changed', 'anchor-expired', 'clock-behind', 'not-updated'];
    expect(judge({ trust: [{ purpose: 'node-cert-lifecycle', version: 1, problems }] })).toEqual([
      'warn trust-expiry',
      'critical trust-changed',
      'warn anchor-expiry',
      'critical clock-behind',
    ]);
  });

  it('differ from each other', () => {
    const other = { certificate: twin.certificate, chain: [], keyPin: twin.certificate.pin };
    const behind = [{ purpose: 'control-plane-https' as const, version: 1, problems: [] }];
    expect(judgeFleet([node('/a'), node('/b', { identity: undefined })])).toEqual([]);
    const third = { certificate: nameless.certificate, chain: [], keyPin: undefined };
    const findings = judgeFleet([node('/a'), node('/b'), node('/c', { identity: other, trust: behind }), node('/d', { identity: third })]);
    expect(findings.map(({ code, where }) => `${code} ${where}`)).toEqual(['fleet-key /b', 'fleet-identity /c', 'fleet-trust /c']);
  });
});
