import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { confirmClusterMember, addClusterMember } from '../../src/app/cluster-members.ts';
import { answerContent, sealAgain } from '../../src/app/cluster-answers.ts';
import { readCa } from '../../src/app/ca-records.ts';
import { openCaKey } from '../../src/app/create-ca.ts';
import { clusterStatus } from '../../src/app/cluster-status.ts';
import { evictMember } from '../../src/app/evict-member.ts';
import { initCluster } from '../../src/app/init-cluster.ts';
import { issueCrl } from '../../src/app/issue-crl.ts';
import { previewClusterCa, rotateClusterCa } from '../../src/app/rotate-cluster-ca.ts';
import { endClusterOverlap, rotateClusterCert } from '../../src/app/rotate-cluster-cert.ts';
import { revokeCertificate } from '../../src/app/revoke-certificate.ts';
import { rotateClusterToken } from '../../src/app/rotate-cluster-token.ts';
import { unsealAnswer } from '../../src/app/unseal-answer.ts';
import { verifyGrant } from '../../src/app/verify-grant.ts';
import { certificatesIn, signAnswer } from '../../src/core/cluster/answer.ts';
import { Secret } from '../../src/core/secret.ts';
import { parsePem } from '../../src/core/encoding.ts';
import { parseRevocationList } from '../../src/core/x509/crl.ts';
import { OID } from '../../src/core/x509/oids.ts';
import { validatePath } from '../../src/core/x509/path.ts';
import { seconds } from '../../src/core/time.ts';
import { testCa } from '../fakes/anchors.ts';
import { auditEvents, type ClusterRealm, clusterOfThree, clusterRealm, newNode, refusal } from './cluster-realm.ts';

const jweOf = (directory: string, node: string): string => {
  const file = readdirSync(directory).find((name) => name.endsWith(`-${node}.jwe`)) as string;
  return readFileSync(join(directory, file), 'utf8');
};

const verifies = ({ realm }: ClusterRealm, certificatePem: string, caPem: string, crl?: Uint8Array): boolean => {
  const [leaf] = certificatesIn(certificatePem, 'leaf');
  return validatePath({
    leaf: leaf!,
    intermediates: [],
    anchors: certificatesIn(caPem, 'ca'),
    at: realm.clock.now(),
    verifySignature: realm.verifySignature,
    purpose: OID.clientAuth,
    ...(crl && { crls: [parseRevocationList(crl)] }),
  }).ok;
};

describe('initCluster', () => {
  it('makes authority, certificate for both purposes and a reusable token that never ends, in one commit', async () => {
    const { realm } = await clusterRealm();
    const { record, authority, token, tokenExpiresAt, warnings } = await initCluster(realm, {
      name: 'prod',
      names: ['dns:db.lab.example.internal', 'ip:10.0.0.7'],
    });
    const [leaf] = certificatesIn(record.certificate.pem, 'leaf');
    expect(leaf?.extensions.extKeyUsage).toEqual([OID.serverAuth, OID.clientAuth]);
    expect(leaf?.subject.text).toBe('CN=prod,O=lab');
    expect(leaf?.extensions.subjectAltName).toHaveLength(5);
    expect(leaf?.issuer.text).toBe(authority.subject.text);
    expect(authority.extensions.basicConstraints?.pathLenConstraint).toBe(0);
    expect(token.reveal().split(':')[1]).toBe(authority.fingerprint);
    expect(tokenExpiresAt).toBeNull();
    expect(warnings).toEqual([]);
    expect(auditEvents(realm)).toEqual(['ca.create', 'cert.issue', 'token.mint', 'cert.cluster_init']);
    for (let use = 0; use < 2; use++) {
      const { grant } = await verifyGrant(realm, { token: token.reveal(), cluster: 'prod' });
      expect(grant).toMatchObject({ maxUses: null, role: 'server' });
    }
    expect(existsSync(join(realm.directory, 'ca/prod-ca.crt'))).toBe(true);
  });

  it('obeys the terms of the token', async () => {
    const { realm } = await clusterRealm(['server', 'client']);
    const made = await initCluster(realm, {
      name: 'prod',
      names: [],
      role: 'client',
      ca: 'own-ca',
      keyType: 'ed25519',
      ttl: seconds(3600),
      tokenTtl: seconds(60),
      tokenUses: 3,
    });
    expect(made.tokenExpiresAt).toBe(realm.clock.now() + 60);
    expect(made.record).toMatchObject({ role: 'client', authorities: ['own-ca'] });
  });

  it('says what shortens the certificate', async () => {
    const { realm } = await clusterRealm();
    const { warnings } = await initCluster(realm, { name: 'prod', names: [], ttl: seconds(20 * 31536000) });
    expect(warnings).toEqual([expect.stringContaining('ends with its issuer') as string]);
  });

  it('refuses what it cannot do, and leaves nothing behind', async () => {
    const { realm } = await clusterRealm(['a', 'b']);
    await expect(initCluster(realm, { name: 'nowhere', names: [] })).rejects.toEqual(refusal('ERR_CLUSTER_UNKNOWN'));
    await expect(initCluster(realm, { name: 'prod', names: [] })).rejects.toEqual(refusal('ERR_USAGE', '--role: expected one of a, b'));
    await expect(initCluster(realm, { name: 'prod', role: 'a', names: ['dns:-bad-'] })).rejects.toEqual(refusal('ERR_CERTIFICATE_NAME'));
    await expect(initCluster(realm, { name: 'prod', role: 'nobody', names: [] })).rejects.toEqual(refusal('ERR_ROLE_UNKNOWN'));
    expect(Object.keys(realm.store.dump())).toEqual(['realm']);
    expect(realm.vault.keys.size).toBe(0);
    expect(existsSync(join(realm.directory, 'ca/prod-ca.crt'))).toBe(false);
    await initCluster(realm, { name: 'prod', role: 'a', names: [] });
    await expect(initCluster(realm, { name: 'prod', role: 'a', names: [] })).rejects.toEqual(refusal('ERR_CLUSTER_EXISTS'));
  });

  it('removes its keys when another process was first', async () => {
    const { realm } = await clusterRealm();
    realm.store.beforeCommit = async () => {
      realm.store.beforeCommit = undefined;
      await realm.store.commit({ checks: [], writes: [{ key: 'ca/prod-ca', value: {} }], audit: [] });
    };
    await expect(initCluster(realm, { name: 'prod', names: [] })).rejects.toEqual(refusal('ERR_STORE_CONFLICT'));
    expect(realm.vault.keys.size).toBe(0);
  });
});

describe('members', () => {
  it('are added once, and only with a P-256 key', async () => {
    const made = await clusterOfThree();
    const { realm, nodes } = made;
    const [first] = nodes;
    await expect(addClusterMember(realm, { node: 'node-1', key: (await newNode('x')).jwk })).rejects.toEqual(
      refusal('ERR_CLUSTER_MEMBER_EXISTS', 'which is one'),
    );
    await expect(addClusterMember(realm, { node: 'node-9', key: first.jwk })).rejects.toEqual(
      refusal('ERR_CLUSTER_MEMBER_EXISTS', 'the key of node-1'),
    );
    const okp = { kty: 'OKP', crv: 'Ed25519', x: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' } as const;
    await expect(addClusterMember(realm, { node: 'node-9', key: okp })).rejects.toEqual(refusal('ERR_KEY_MALFORMED', 'P-256'));
    await expect(confirmClusterMember(realm, { node: 'node-9' })).rejects.toEqual(refusal('ERR_CLUSTER_MEMBER_UNKNOWN'));
    await expect(confirmClusterMember(realm, { node: 'zzz' })).rejects.toMatchObject({ hint: 'joinery cluster status shows the members' });
    await expect(confirmClusterMember(realm, { node: 'node-1', sequence: 2 })).rejects.toEqual(refusal('ERR_USAGE', 'at most 1'));
    expect((await confirmClusterMember(realm, { node: 'node-1', sequence: 1 })).members[0]?.confirmed).toBe(1);
  });

  it('need a cluster that is known and named', async () => {
    const { realm } = await clusterRealm();
    await expect(confirmClusterMember(realm, { node: 'a' })).rejects.toEqual(refusal('ERR_CLUSTER_NOT_INITIALIZED', 'found none'));
    await initCluster(realm, { name: 'prod', names: [] });
    await initCluster(realm, { name: 'test', names: [] });
    await expect(confirmClusterMember(realm, { node: 'a' })).rejects.toEqual(refusal('ERR_USAGE', 'expected one of prod, test'));
    await expect(confirmClusterMember(realm, { node: 'a', cluster: 'other' })).rejects.toEqual(
      refusal('ERR_CLUSTER_NOT_INITIALIZED', 'known: prod, test'),
    );
    expect(await clusterStatus(realm)).toHaveLength(2);
    expect(await clusterStatus(realm, 'test')).toHaveLength(1);
  });
});

describe('answers', () => {
  it('give a member authority, certificate and key, verified by the hash of its token, then by what it holds', async () => {
    const made = await clusterOfThree();
    const { realm, world, member, nodes, caFingerprint } = made;
    const [one] = nodes;
    const [first, second] = [made.place(), made.place()];
    await sealAgain(realm, world, { node: 'node-1', out: first });
    expect(readdirSync(first)).toEqual(['prod-1-node-1.jwe']);
    const held = made.place();
    const unsealed = await unsealAnswer(member, { answer: jweOf(first, 'node-1'), key: one.key, caFingerprint, out: held });
    expect(unsealed.answer).toMatchObject({ cluster: 'prod', node: 'node-1', sequence: 1, generation: 1 });
    expect(unsealed.answer).not.toHaveProperty('key_pem');
    expect(statSync(join(held, 'cluster.key')).mode & 0o777).toBe(0o600);
    expect(parsePem(readFileSync(join(held, 'cluster.key'), 'utf8'))[0]?.label).toBe('PRIVATE KEY');
    const { record, answers } = await rotateClusterCert(realm, world, { out: second });
    expect(answers.map(({ node }) => node)).toEqual(['node-1', 'node-2', 'node-3']);
    expect(auditEvents(realm).slice(-2)).toEqual(['cert.renew', 'cert.cluster_rotate']);
    const next = made.place();
    const { certificate } = await unsealAnswer(member, { answer: jweOf(second, 'node-1'), key: one.key, held, out: next });
    expect(certificate.serialNumber).toBe(record.certificate.serial);
    // One authority and one shared key: the old key is no longer in the realm.
    expect(realm.vault.keys.size).toBe(2);
    // The old one still stands.
    expect(verifies(made, readFileSync(join(held, 'cluster.crt'), 'utf8'), readFileSync(join(next, 'ca.pem'), 'utf8'))).toBe(true);
    await expect(unsealAnswer(member, { answer: jweOf(first, 'node-1'), key: one.key, held: next, out: made.place() })).rejects.toEqual(
      refusal('ERR_CLUSTER_ANSWER_OLD'),
    );
    await expect(unsealAnswer(member, { answer: jweOf(second, 'node-1'), key: one.key, held, out: next })).rejects.toEqual(
      refusal('ERR_FILE_EXISTS'),
    );
  });

  it('are refused to another key, by another authority, for another node, and without anything trusted', async () => {
    const made = await clusterOfThree();
    const { realm, world, member, nodes, caFingerprint } = made;
    const [one, two] = nodes;
    const out = made.place();
    await sealAgain(realm, world, { out });
    const unseal = (input: Partial<Parameters<typeof unsealAnswer>[1]>) =>
      unsealAnswer(member, { answer: jweOf(out, 'node-1'), key: one.key, caFingerprint, out: made.place(), ...input });
    await expect(unseal({ key: two.key })).rejects.toEqual(refusal('ERR_CLUSTER_ANSWER_KEY'));
    await expect(unseal({ answer: 'not a jwe' })).rejects.toEqual(refusal('ERR_CLUSTER_ANSWER'));
    await expect(unseal({ answer: jweOf(out, 'node-1').replace(/.{22}\n$/, 'A'.repeat(22)) })).rejects.toEqual(
      refusal('ERR_CLUSTER_ANSWER_KEY'),
    );
    await expect(unseal({ caFingerprint: '0'.repeat(64) })).rejects.toEqual(refusal('ERR_CLUSTER_ANSWER_UNTRUSTED'));
    await expect(unseal({ caFingerprint: undefined })).rejects.toEqual(refusal('ERR_USAGE', '--held'));
    const held = made.place();
    await unseal({ out: held });
    await expect(unseal({ answer: jweOf(out, 'node-2'), key: two.key, held, caFingerprint: undefined })).rejects.toEqual(
      refusal('ERR_CLUSTER_ANSWER_UNTRUSTED', 'node-1 of cluster prod'),
    );
    await expect(unseal({ answer: jweOf(out, 'node-1'), held })).rejects.toEqual(refusal('ERR_CLUSTER_ANSWER_OLD'));
  });

  it('are refused when what they hold does not work', async () => {
    const { realm, member, nodes, world, ...made } = await clusterOfThree();
    const [one] = nodes;
    const { record } = await sealAgain(realm, world, { out: made.place() });
    const content = await answerContent(realm, record, 'node-1');
    const key = await openCaKey(realm, await readCa(realm, 'prod-ca', 'test'));
    const unseal = async (change: Partial<typeof content>) =>
      unsealAnswer(member, {
        answer: await world.sealJwe(Buffer.from(await signAnswer({ ...content, ...change }, key)), one.jwk),
        key: one.key,
        caFingerprint: made.caFingerprint,
        out: made.place(),
      });
    await expect(unseal({ certificate_pem: '' })).rejects.toEqual(refusal('ERR_CLUSTER_ANSWER', 'expected a certificate'));
    await expect(unseal({ key_pem: one.key.reveal() })).rejects.toEqual(refusal('ERR_CERTIFICATE_KEY'));
    const encrypted = await member.portableKeys.generate('p256').toPem(new Secret('a long passphrase'));
    await expect(unseal({ key_pem: encrypted })).rejects.toEqual(refusal('ERR_KEY_PASSPHRASE'));
    await expect(unseal({ certificate_pem: (await testCa('other')).pem })).rejects.toEqual(refusal('ERR_CERTIFICATE_UNTRUSTED'));
  });

  it('need a place, before anything is changed', async () => {
    const made = await clusterOfThree();
    const before = made.realm.store.dump();
    await expect(rotateClusterCert(made.realm, made.world, {})).rejects.toEqual(refusal('ERR_USAGE', '--out'));
    await expect(rotateClusterCert(made.realm, made.world, { out: made.realm.directory })).rejects.toEqual(refusal('ERR_FILE_EXISTS'));
    await expect(sealAgain(made.realm, made.world, { node: 'node-7', out: made.place() })).rejects.toEqual(
      refusal('ERR_CLUSTER_MEMBER_UNKNOWN'),
    );
    expect(made.realm.store.dump()).toEqual(before);
  });
});

describe('overlap', () => {
  it('ends with the revocation of what was superseded', async () => {
    const { realm, world } = await clusterRealm();
    const { record: first } = await initCluster(realm, { name: 'prod', names: [] });
    await rotateClusterCert(realm, world, { overlap: seconds(3600) });
    expect((await clusterStatus(realm))[0]?.notes).toEqual([]);
    await expect(endClusterOverlap(realm, { force: false })).rejects.toEqual(refusal('ERR_CLUSTER_WOULD_BREAK', 'end of the overlap'));
    realm.clock.advance(3600);
    expect((await clusterStatus(realm))[0]?.notes).toEqual([expect.stringContaining('overlap of 1 old') as string]);
    const { revoked, record } = await endClusterOverlap(realm, { force: false });
    expect(revoked).toEqual([first.certificate.serial]);
    expect(record.superseded).toEqual([]);
    const crl = await issueCrl(realm, { name: 'prod-ca' });
    expect([...parseRevocationList(crl.der).revoked.keys()]).toEqual(revoked);
    await rotateClusterCert(realm, world, {});
    expect((await endClusterOverlap(realm, { force: true })).revoked).toHaveLength(1);
  });
});

describe('clusterStatus', () => {
  it('tells a shared certificate that somebody revoked, and a record that is gone', async () => {
    const { realm } = await clusterRealm();
    const { record } = await initCluster(realm, { name: 'prod', names: [] });
    await revokeCertificate(realm, { serial: record.certificate.serial });
    expect((await clusterStatus(realm))[0]?.notes).toEqual([expect.stringContaining('is revoked') as string]);
    await realm.store.commit({ checks: [], writes: [{ key: `cert/${record.certificate.serial}`, delete: true }], audit: [] });
    expect((await clusterStatus(realm))[0]?.notes).toEqual([]);
  });
});

describe('rotateClusterToken', () => {
  it('stops the old token and mints one for the same authority', async () => {
    const made = await clusterOfThree();
    const { token } = await rotateClusterToken(made.realm, { ttl: seconds(600), maxUses: 2 });
    expect(token.reveal().split(':')[1]).toBe(made.caFingerprint);
    await expect(verifyGrant(made.realm, { token: made.token, cluster: 'prod' })).rejects.toEqual(refusal('ERR_TOKEN_REVOKED'));
    expect((await verifyGrant(made.realm, { token: token.reveal(), cluster: 'prod' })).grant.maxUses).toBe(2);
    expect(auditEvents(made.realm).slice(-3)).toEqual(['token.revoke', 'token.mint', 'cert.cluster_token']);
  });
});

describe('the rotation of the authority', () => {
  const confirmAll = async ({ realm }: ClusterRealm) => {
    for (const node of ['node-1', 'node-2', 'node-3']) await confirmClusterMember(realm, { node });
  };

  it('goes through its phases, and an evicted node is out', async () => {
    const made = await clusterOfThree();
    const { realm, world, member, nodes, caFingerprint } = made;
    const [one, , three] = nodes;
    const first = made.place();
    await sealAgain(realm, world, { out: first });
    const [heldOne, heldThree] = [made.place(), made.place()];
    await unsealAnswer(member, { answer: jweOf(first, 'node-1'), key: one.key, caFingerprint, out: heldOne });
    await unsealAnswer(member, { answer: jweOf(first, 'node-3'), key: three.key, caFingerprint, out: heldThree });
    const oldCertificate = readFileSync(join(heldThree, 'cluster.crt'), 'utf8');

    const evictedOut = made.place();
    const evicted = await evictMember(realm, world, { node: 'node-3', reason: 'stolen', out: evictedOut });
    expect(evicted.answers.map(({ node }) => node)).toEqual(['node-1', 'node-2']);
    expect(evicted.warnings).toEqual([expect.stringContaining('joinery ca crl prod-ca') as string]);
    expect(evicted.record.evicted).toMatchObject([{ node: 'node-3', reason: 'stolen' }]);
    expect(auditEvents(realm).slice(-6)).toEqual([
      'cert.renew',
      'cert.revoke',
      'token.revoke',
      'token.mint',
      'token.revoke',
      'cert.cluster_evict',
    ]);
    // Neither its key comes back, nor its token works, nor does its certificate where lists are checked.
    await expect(addClusterMember(realm, { node: 'node-4', key: three.jwk })).rejects.toEqual(refusal('ERR_CLUSTER_EVICTED'));
    await expect(verifyGrant(realm, { token: made.token, cluster: 'prod' })).rejects.toEqual(refusal('ERR_TOKEN_REVOKED'));
    const caPem = readFileSync(join(heldThree, 'ca.pem'), 'utf8');
    const crl = await issueCrl(realm, { name: 'prod-ca' });
    expect(verifies(made, oldCertificate, caPem)).toBe(true);
    expect(verifies(made, oldCertificate, caPem, crl.der)).toBe(false);

    const outs = [evictedOut];
    for (const step of ['trust-new', 'issue-new', 'retire-old'] as const) {
      const out = made.place();
      const result = await rotateClusterCa(realm, world, { step, out, force: false });
      outs.push(out);
      expect(result.findings.filter(({ severity }) => severity !== 'warning')).toEqual([]);
      expect(result.token === undefined).toBe(step !== 'issue-new');
      for (const node of ['node-1', 'node-2']) await confirmClusterMember(realm, { node });
    }
    // The member that stays follows every answer.
    let held = heldOne;
    for (const out of outs) {
      const next = made.place();
      await unsealAnswer(member, { answer: jweOf(out, 'node-1'), key: one.key, held, out: next });
      held = next;
    }
    const [newCa, newCertificate] = [readFileSync(join(held, 'ca.pem'), 'utf8'), readFileSync(join(held, 'cluster.crt'), 'utf8')];
    expect(verifies(made, newCertificate, newCa)).toBe(true);
    expect(certificatesIn(newCa, 'ca')).toHaveLength(1);
    // The node that is out: its old certificate verifies no more, and neither its own key nor the old shared one opens an answer.
    expect(verifies(made, oldCertificate, newCa)).toBe(false);
    const sharedKey = { reveal: () => readFileSync(join(heldThree, 'cluster.key'), 'utf8') } as (typeof three)['key'];
    for (const out of outs) {
      for (const file of readdirSync(out)) {
        const answer = readFileSync(join(out, file), 'utf8');
        for (const key of [three.key, sharedKey])
          await expect(unsealAnswer(member, { answer, key, held: heldThree, out: made.place() })).rejects.toEqual(
            refusal('ERR_CLUSTER_ANSWER_KEY'),
          );
      }
    }
    const [status] = await clusterStatus(realm);
    expect(status).toMatchObject({ record: { phase: 'stable', authorities: ['prod-ca-2'], superseded: [] }, notes: [] });
  });

  it('evicts without a reason, and the last member', async () => {
    const { realm, world } = await clusterRealm();
    await initCluster(realm, { name: 'prod', names: [] });
    await addClusterMember(realm, { node: 'only', key: (await newNode('only')).jwk });
    const { answers, record, revoked } = await evictMember(realm, world, { node: 'only' });
    expect([answers, record.members, revoked.length]).toEqual([[], [], 1]);
    expect(record.evicted[0]).not.toHaveProperty('reason');
  });

  it('says before each step what would break', async () => {
    const made = await clusterOfThree();
    const { realm, world } = made;
    const step = (name: Parameters<typeof rotateClusterCa>[2]['step'], force = false) =>
      rotateClusterCa(realm, world, { step: name, out: made.place(), force, ttl: seconds(86400) });
    await expect(step('issue-new')).rejects.toEqual(refusal('ERR_CLUSTER_PHASE', 'expected phase trust-new for issue-new, found stable'));
    await expect(step('rollback', true)).rejects.toEqual(refusal('ERR_CLUSTER_PHASE', 'nothing to roll back'));
    expect((await previewClusterCa(realm, { step: 'trust-new' })).clear).toBe(true);
    await step('trust-new');
    expect((await clusterStatus(realm))[0]?.notes).toEqual([
      'not known to have answer 2: node-1, node-2, node-3',
      'the rotation of the authority waits for issue-new',
    ]);
    const { clear, findings } = await previewClusterCa(realm, { step: 'issue-new' });
    expect(clear).toBe(false);
    expect(findings.map(({ rule }) => rule)).toEqual(['member-behind', 'member-behind', 'member-behind', 'tokens']);
    await expect(step('issue-new')).rejects.toEqual(refusal('ERR_CLUSTER_WOULD_BREAK', 'node-1 has not confirmed answer 2'));
    expect((await step('issue-new', true)).record.phase).toBe('issue-new');
    expect((await clusterStatus(realm))[0]?.notes[0]).toMatch(/ends at/);
    await confirmAll(made);
    // A certificate that somebody else has from the old authority.
    const old = Object.entries(realm.store.dump()).find(([key]) => key.startsWith('cert/')) as [string, Record<string, string>];
    await realm.store.commit({
      checks: [],
      writes: [{ key: 'cert/aa'.padEnd(37, 'a'), value: { ...old[1], serial: 'a'.repeat(32), ca: 'prod-ca', profile: 'server' } }],
      audit: [],
    });
    await expect(step('retire-old')).rejects.toEqual(refusal('ERR_CLUSTER_WOULD_BREAK', 'would no longer be trusted'));
    expect((await step('retire-old', true)).record.authorities).toEqual(['prod-ca-2']);
    await step('trust-new');
    expect((await clusterStatus(realm))[0]?.record.authorities).toEqual(['prod-ca-2', 'prod-ca-3']);
  });

  it('goes back until the old authority is retired', async () => {
    const made = await clusterRealm();
    const { realm, world } = made;
    await initCluster(realm, { name: 'prod', names: [] });
    const step = (name: Parameters<typeof rotateClusterCa>[2]['step']) =>
      rotateClusterCa(realm, world, { step: name, force: false, ca: 'other-ca', keyType: 'ed25519' });
    expect((await step('trust-new')).findings.map(({ rule }) => rule)).toEqual(['no-members']);
    const { token, record } = await step('issue-new');
    expect(record.certificate.ca).toBe('other-ca');
    const back = await step('rollback');
    expect(back.record).toMatchObject({
      phase: 'trust-new',
      authorities: ['prod-ca', 'other-ca'],
      certificate: { ca: 'prod-ca', generation: 3 },
    });
    await expect(verifyGrant(realm, { token: token?.reveal() as string, cluster: 'prod' })).rejects.toEqual(refusal('ERR_TOKEN_REVOKED'));
    const stable = await step('rollback');
    expect(stable.record).toMatchObject({ phase: 'stable', authorities: ['prod-ca'] });
    expect(stable.record.superseded.map(({ ca }) => ca)).toEqual(['prod-ca']);
    realm.clock.advance(11 * 31536000);
    await expect(step('trust-new')).rejects.toEqual(refusal('ERR_CLUSTER_PHASE', 'authority prod-ca ended'));
  });
});
