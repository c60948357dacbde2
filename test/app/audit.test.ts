import { beforeEach, describe, expect, it, vi } from 'vitest';
import { generatePrivateKey, signingKey, verifySignature } from '../../src/adapters/signatures.ts';
import { auditStream } from '../../src/app/audit-stream.ts';
import { signCheckpoint } from '../../src/app/checkpoint-audit.ts';
import { createCheckpointKey, readCheckpointKey } from '../../src/app/checkpoint-key.ts';
import { exportAudit } from '../../src/app/export-audit.ts';
import { followAudit, listAudit } from '../../src/app/list-audit.ts';
import { auditEvent, commit, type Realm } from '../../src/app/realm.ts';
import { verifyAudit } from '../../src/app/verify-audit.ts';
import type { AuditEventName } from '../../src/core/audit/events.ts';
import { checkpointKey, formatVerifierKey, signNote } from '../../src/core/audit/checkpoint.ts';
import { leafHash, merkleRoot } from '../../src/core/audit/merkle.ts';
import { auditRecord, parseAuditRecord } from '../../src/core/audit/record.ts';
import { utf8 } from '../../src/core/encoding.ts';
import type { StoredAuditRecord } from '../../src/core/ports.ts';
import { parseRealmConfig } from '../../src/core/realm/config.ts';
import { fakeClock } from '../fakes/clock.ts';
import { fakeKeyVault } from '../fakes/key-vault.ts';
import { type MemoryStore, memoryStore } from '../fakes/memory-store.ts';
import { fakeRandom } from '../fakes/random.ts';

interface TestRealm extends Realm {
  readonly store: MemoryStore;
  readonly clock: ReturnType<typeof fakeClock>;
}

async function newRealm(): Promise<TestRealm> {
  const domain = 'lab.example.internal';
  const realm: TestRealm = {
    directory: '/realm',
    config: parseRealmConfig(
      { schema: 'joinery/realm-config/1', environment: { name: 'lab', domain }, trust_domain: domain, clusters: [] },
      'test',
    ),
    store: memoryStore(),
    vault: fakeKeyVault(),
    clock: fakeClock(),
    random: fakeRandom(),
    verifySignature,
    verifyJws: undefined as never,
    certificates: undefined as never,
    files: undefined as never,
    caller: { actor: { name: 'alice', verified: false }, correlationId: 'c-1' },
  };
  const { writes, audit } = await createCheckpointKey(realm);
  await commit(realm.store, { checks: [], writes, audit });
  return realm;
}

async function record(realm: TestRealm, count: number, event: AuditEventName = 'token.mint'): Promise<void> {
  for (let index = 0; index < count; index++) {
    realm.clock.advance(1);
    await commit(realm.store, { checks: [], writes: [], audit: [auditEvent(realm, { event, subject: `s${realm.store.audit.length}` })] });
  }
}

let realm: TestRealm;
beforeEach(async () => {
  realm = await newRealm();
});

const subjects = (records: readonly { subject: string }[]): string[] => records.map(({ subject }) => subject);

describe('the key of checkpoints', () => {
  it('is an online Ed25519 key, recorded with its verifier key, and its making is audited', async () => {
    const found = await readCheckpointKey(realm.store);
    expect(found.reference).toMatchObject({ custody: 'online', type: 'ed25519' });
    expect(found.key.name).toBe('joinery/lab/audit');
    const bytes = realm.store.audit[0]?.bytes as Uint8Array;
    expect(parseAuditRecord(bytes)).toMatchObject({ event: 'audit.key', subject: found.verifier_key });
  });

  it('is missed by name', async () => {
    await expect(readCheckpointKey(memoryStore())).rejects.toMatchObject({ code: 'ERR_KEY_NOT_FOUND' });
  });
});

describe('signing a checkpoint', () => {
  it('keeps a note over the records before it, and records that', async () => {
    await record(realm, 4);
    const head = await signCheckpoint(realm);
    expect(head).toMatchObject({ size: 5, origin: 'joinery/lab/audit', signed: true });
    expect(head.root).toEqual(merkleRoot(realm.store.audit.slice(0, 5).map(({ leaf }) => leaf)));
    expect(realm.store.dump()['checkpoint/0000000000000005']).toBe(head.note);
    expect(parseAuditRecord(realm.store.audit[5]?.bytes as Uint8Array)).toMatchObject({ event: 'audit.checkpoint', details: { size: 5 } });
  });

  it('gives the last one again when nothing followed, and signs when something did', async () => {
    const first = await signCheckpoint(realm);
    expect(await signCheckpoint(realm)).toEqual({ ...first, signed: false });
    expect(realm.store.audit.length).toBe(2);
    await record(realm, 3);
    const second = await signCheckpoint(realm);
    expect(second).toMatchObject({ size: 5, signed: true });
    expect(second.root).toEqual(merkleRoot(realm.store.audit.slice(0, 5).map(({ leaf }) => leaf)));
    expect(await verifyAudit(realm)).toMatchObject({ size: 6, covered: 5, tail: 1, checkpoints: 2 });
  });

  it('does not sign a change of what an earlier head covers', async () => {
    await record(realm, 3);
    await signCheckpoint(realm);
    const bytes = auditRecord(2, auditEvent(realm, { event: 'token.mint', subject: 'forged' }));
    realm.store.audit[2] = { seq: 2, bytes, leaf: leafHash(bytes) };
    await record(realm, 1);
    const { note } = await signCheckpoint(realm);
    expect(note).toContain('\n6\n');
    await expect(verifyAudit(realm)).rejects.toMatchObject({ code: 'ERR_AUDIT_TAMPERED', details: { kind: 'interval', from: 0, to: 3 } });
  });

  it('refuses a log that was cut or has a gap', async () => {
    await record(realm, 5);
    await signCheckpoint(realm);
    const all = [...realm.store.audit];
    realm.store.audit.length = 4;
    await expect(signCheckpoint(realm)).rejects.toMatchObject({
      code: 'ERR_AUDIT_TAMPERED',
      message: expect.stringContaining('ends after 4 records'),
    });
    realm.store.audit.splice(0, 9, ...all);
    await record(realm, 3);
    realm.store.audit.splice(7, 1);
    await expect(signCheckpoint(realm)).rejects.toMatchObject({
      code: 'ERR_AUDIT_TAMPERED',
      message: expect.stringContaining('expected record 7'),
    });
  });

  it('gives way to another process that signs at the same time', async () => {
    await record(realm, 1);
    realm.store.beforeCommit = async () => {
      realm.store.beforeCommit = undefined;
      await signCheckpoint(realm);
    };
    await expect(signCheckpoint(realm)).rejects.toMatchObject({ code: 'ERR_STORE_CONFLICT' });
    expect(await verifyAudit(realm)).toMatchObject({ checkpoints: 1 });
  });

  it('signs again when another record came between the tree and its own', async () => {
    realm.store.beforeCommit = async () => {
      realm.store.beforeCommit = undefined;
      await record(realm, 1);
    };
    await signCheckpoint(realm);
    expect(await signCheckpoint(realm)).toMatchObject({ size: 3, signed: true });
    expect(await verifyAudit(realm)).toMatchObject({ size: 4, covered: 3 });
  });
});

describe('verifying the log', () => {
  it('says what is covered, and by which key', async () => {
    await record(realm, 600);
    await signCheckpoint(realm);
    await record(realm, 2);
    const { verifier_key: verifierKey } = await readCheckpointKey(realm.store);
    const inside = await verifyAudit(realm);
    expect(inside).toMatchObject({ size: 604, covered: 601, tail: 3, checkpoints: 1, keySource: 'realm', outside: false, verifierKey });
    expect(await verifyAudit(realm, { verifierKey: `${verifierKey}\n` })).toMatchObject({ keySource: 'given', verifierKey });
  });

  it('finds a cut, and a log that was written anew, by a head from outside', async () => {
    await record(realm, 5);
    const { note, verifierKey } = await signCheckpoint(realm);
    const checkpoints = [{ note, source: 'stick/head.txt' }];
    expect(await verifyAudit(realm, { verifierKey, checkpoints })).toMatchObject({ outside: true, covered: 6 });
    const other = await newRealm();
    await expect(verifyAudit(other, { verifierKey, checkpoints })).rejects.toMatchObject({
      code: 'ERR_AUDIT_TAMPERED',
      message: 'audit log, records 1 to 5: the log ends after 1 records, stick/head.txt has a head over 6',
    });
    await record(other, 9);
    await expect(verifyAudit(other, { verifierKey, checkpoints })).rejects.toMatchObject({ details: { kind: 'interval', from: 0, to: 5 } });
  });

  it('names the first bad record', async () => {
    await record(realm, 5);
    const old = realm.store.audit[3] as { bytes: Uint8Array; leaf: Uint8Array };
    realm.store.audit[3] = { seq: 3, leaf: old.leaf, bytes: utf8('{}') };
    await expect(verifyAudit(realm)).rejects.toMatchObject({ code: 'ERR_AUDIT_TAMPERED', details: { kind: 'record', seq: 3 } });
    realm.store.audit.splice(3, 1);
    await expect(verifyAudit(realm)).rejects.toMatchObject({
      message: expect.stringMatching(/^audit log, record 3: expected record 3, found record 4$/),
    });
  });

  it('refuses heads of another key, and heads that are none', async () => {
    await record(realm, 1);
    await signCheckpoint(realm);
    const foreign = signingKey(generatePrivateKey('ed25519'));
    const verifierKey = formatVerifierKey(checkpointKey('joinery/lab/audit', foreign.spki));
    await expect(verifyAudit(realm, { verifierKey })).rejects.toMatchObject({ code: 'ERR_CHECKPOINT_SIGNATURE' });
    const note = await signNote({ origin: 'joinery/lab/audit', size: 1, root: new Uint8Array(32) }, foreign);
    await expect(verifyAudit(realm, { checkpoints: [{ note, source: 'x' }] })).rejects.toMatchObject({ code: 'ERR_CHECKPOINT_SIGNATURE' });
    await realm.store.commit({ checks: [], writes: [{ key: 'checkpoint/x', value: 7 }], audit: [] });
    await expect(verifyAudit(realm)).rejects.toMatchObject({ code: 'ERR_REALM_MALFORMED' });
  });

  it('reads more heads than a page holds', async () => {
    const { note } = await signCheckpoint(realm);
    const writes = Array.from({ length: 1001 }, (_, index) => ({ key: `checkpoint/x${index}`, value: note }));
    await realm.store.commit({ checks: [], writes, audit: [] });
    expect(await verifyAudit(realm)).toMatchObject({ checkpoints: 1002 });
  });

  it('is not misled by a head that is signed meanwhile', async () => {
    await record(realm, 3);
    await signCheckpoint(realm);
    let calls = 0;
    const busy = {
      ...realm,
      store: {
        ...realm.store,
        list: async (...args: Parameters<Realm['store']['list']>) => {
          if (calls++ === 0) await record(realm, 2).then(() => signCheckpoint(realm));
          return realm.store.list(...args);
        },
      },
    };
    expect(await verifyAudit(busy)).toMatchObject({ size: 5, covered: 4, checkpoints: 1 });
  });
});

describe('listing', () => {
  it('gives the newest, oldest first, also over several pages of the store', async () => {
    await record(realm, 1100);
    expect(subjects((await listAudit(realm.store, { filter: {}, limit: 3 })).records)).toEqual(['s1098', 's1099', 's1100']);
    const old = await listAudit(realm.store, { filter: { subject: 's5' }, limit: 3 });
    expect(subjects(old.records)).toEqual(['s5']);
    expect((await listAudit(memoryStore(), { filter: {}, limit: 3 })).records).toEqual([]);
  });

  it('goes forward in pages that join', async () => {
    await record(realm, 5);
    const first = await listAudit(realm.store, { filter: { event: 'token.*' }, limit: 2, from: 0 });
    expect([subjects(first.records), first.next]).toEqual([['s1', 's2'], 3]);
    const second = await listAudit(realm.store, { filter: { event: 'token.*' }, limit: 3, from: first.next as number });
    expect([subjects(second.records), second.next]).toEqual([['s3', 's4', 's5'], undefined]);
  });

  it('filters by every field', async () => {
    await record(realm, 2);
    const refused = { ...auditEvent(realm, { event: 'ca.create', subject: 'x', result: 'refused' }), correlation_id: 'c-2' };
    await realm.store.commit({ checks: [], writes: [], audit: [{ ...refused, actor: { name: 'bob', verified: true } }] });
    const times = (await listAudit(realm.store, { filter: {}, limit: 9 })).records.map(({ time }) => time);
    expect(times).toEqual(['2026-11-22T10:00:00Z', '2026-11-22T10:00:01Z', '2026-11-22T10:00:02Z', '2026-11-22T10:00:02Z']);
    const seqs = async (filter: Parameters<typeof listAudit>[1]['filter']): Promise<number[]> =>
      (await listAudit(realm.store, { filter, limit: 9 })).records.map(({ seq }) => seq);
    const now = realm.clock.now();
    expect(await seqs({ event: 'token.mint' })).toEqual([1, 2]);
    expect(await seqs({ event: 'token' })).toEqual([]);
    expect(await seqs({ event: 'ca.*' })).toEqual([3]);
    expect(await seqs({ actor: 'bob' })).toEqual([3]);
    expect(await seqs({ subject: 's2' })).toEqual([2]);
    expect(await seqs({ correlationId: 'c-1' })).toEqual([0, 1, 2]);
    expect(await seqs({ result: 'refused' })).toEqual([3]);
    expect(await seqs({ since: now })).toEqual([2, 3]);
    expect(await seqs({ until: now })).toEqual([0, 1]);
  });

  it('names a record that it cannot read', async () => {
    realm.store.audit[0] = { seq: 0, leaf: new Uint8Array(32), bytes: utf8('x') };
    await expect(listAudit(realm.store, { filter: {}, limit: 1 })).rejects.toMatchObject({
      message: expect.stringMatching(/^audit record 0: /),
    });
  });
});

describe('following', () => {
  it('emits what was there and what comes, in order, until it is stopped', async () => {
    await record(realm, 2);
    const seen: string[] = [];
    const following = followAudit(realm.store, { filter: { event: 'token.mint' }, from: 2 }, ({ subject }) =>
      Promise.resolve(void seen.push(subject)),
    );
    await record(realm, 1, 'ca.create');
    await record(realm, 2);
    await vi.waitFor(() => expect(seen).toEqual(['s2', 's4', 's5']), { timeout: 5000 });
    await following.stop();
    await following.ended;
    await record(realm, 1);
    await realm.store.get('audit-key');
    expect(seen.length).toBe(3);
  });

  it('ends with the error of what it emits to', async () => {
    const following = followAudit(realm.store, { filter: {}, from: 0 }, () => Promise.reject(new Error('pipe closed')));
    await expect(following.ended).rejects.toThrow('pipe closed');
    await following.stop();
  });
});

describe('exporting', () => {
  it('gives each record once and ends, also where somebody cut a record out or put one far away', async () => {
    await record(realm, 3);
    const [first, , third] = realm.store.audit as [StoredAuditRecord, StoredAuditRecord, StoredAuditRecord];
    const rows = [first, third, { ...third, seq: 2 ** 53 - 2 }];
    const store = {
      auditRecords: (from: number, limit: number) => Promise.resolve(rows.filter(({ seq }) => seq >= from).slice(0, Math.min(limit, 2))),
    };
    const seen: number[] = [];
    for await (const { seq } of auditStream(store, 0, 2 ** 53 - 1)) seen.push(seq);
    expect(seen).toEqual([0, 2, 2 ** 53 - 2]);
    for await (const { seq } of auditStream({ auditRecords: () => Promise.resolve([]) }, 5, 2 ** 53 - 1)) seen.push(seq);
    expect(seen).toHaveLength(3);
  });

  it('gives the very bytes, line by line', async () => {
    await record(realm, 3);
    const lines: string[] = [];
    expect(await exportAudit(realm.store, { from: 1 }, (line) => Promise.resolve(void lines.push(line)))).toBe(3);
    expect(lines.map((line) => leafHash(utf8(line)))).toEqual(realm.store.audit.slice(1).map(({ leaf }) => leaf));
  });
});
