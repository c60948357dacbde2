import { mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemFiles } from '../../src/adapters/files.ts';
import { portableKeys } from '../../src/adapters/portable-keys.ts';
import { generatePrivateKey, signingKey, verifySignature } from '../../src/adapters/signatures.ts';
import { proveConsistency, proveInclusion } from '../../src/app/audit-prove.ts';
import { showAudit } from '../../src/app/audit-show.ts';
import { cosignCheckpoint, createWitness, type WitnessWorld } from '../../src/app/audit-witness.ts';
import { signCheckpoint } from '../../src/app/checkpoint-audit.ts';
import { createCheckpointKey, readCheckpointKey } from '../../src/app/checkpoint-key.ts';
import { exportAudit } from '../../src/app/export-audit.ts';
import { auditEvent, commit, type Realm } from '../../src/app/realm.ts';
import { verifyAudit } from '../../src/app/verify-audit.ts';
import { signNote } from '../../src/core/audit/checkpoint.ts';
import { leafHash } from '../../src/core/audit/merkle.ts';
import { parseNoteKey } from '../../src/core/audit/note-key.ts';
import { parseProof } from '../../src/core/audit/proof.ts';
import { auditRecord } from '../../src/core/audit/record.ts';
import { type ProofKeys, verifyConsistencyProof, verifyInclusionProof } from '../../src/core/audit/verify-proof.ts';
import { parseRealmConfig } from '../../src/core/realm/config.ts';
import { Secret } from '../../src/core/secret.ts';
import { fakeClock } from '../fakes/clock.ts';
import { fakeKeyVault } from '../fakes/key-vault.ts';
import { type MemoryStore, memoryStore } from '../fakes/memory-store.ts';
import { fakeRandom } from '../fakes/random.ts';

type TestRealm = Realm & { readonly store: MemoryStore };

async function newRealm(): Promise<TestRealm> {
  const domain = 'lab.example.internal';
  const config = { schema: 'joinery/realm-config/1', environment: { name: 'lab', domain }, trust_domain: domain, clusters: [] };
  const realm: TestRealm = {
    directory: '/realm',
    config: parseRealmConfig(config, 'test'),
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

async function record(realm: TestRealm, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const event = auditEvent(realm, { event: 'token.mint', subject: `s${realm.store.audit.length}` });
    await commit(realm.store, { checks: [], writes: [], audit: [event] });
  }
}

let realm: TestRealm;
let keys: ProofKeys;
beforeEach(async () => {
  realm = await newRealm();
  keys = { log: (await readCheckpointKey(realm.store)).key, witnesses: [], verifySignature };
});

describe('proofs of a realm', () => {
  it('show a record in the newest head, or in one that was given', async () => {
    await record(realm, 5);
    const first = await signCheckpoint(realm);
    await record(realm, 5);
    await signCheckpoint(realm);
    const newest = parseProof((await proveInclusion(realm, 3)).text, 'p');
    const older = parseProof((await proveInclusion(realm, 3, { checkpoint: { note: first.note, source: 'f' } })).text, 'p');
    for (const [proof, size] of [[newest, 12] as const, [older, 6] as const]) {
      if (proof.kind !== 'inclusion') throw new Error(proof.kind);
      expect(verifyInclusionProof(proof, keys, 'p')).toMatchObject({ record: { seq: 3 }, checkpoint: { size } });
    }
  });

  it('show that the log continues an earlier head, or begin with nothing', async () => {
    await record(realm, 2);
    const first = await signCheckpoint(realm);
    await record(realm, 6);
    await signCheckpoint(realm);
    const made = await proveConsistency(realm, first.size);
    const proof = parseProof(made.text, 'p');
    if (proof.kind !== 'consistency') throw new Error(proof.kind);
    expect(verifyConsistencyProof(proof, first, keys, 'p').checkpoint.size).toBe(10);
    expect(await proveConsistency(realm, 0)).toMatchObject({ hashes: 0, text: expect.stringMatching(/^old 0\n\n/) });
  });

  it('are refused without a head, beyond it, and over records that are not those that were signed', async () => {
    await expect(proveInclusion(realm, 0)).rejects.toMatchObject({ code: 'ERR_AUDIT_NO_CHECKPOINT' });
    await record(realm, 3);
    await signCheckpoint(realm);
    await expect(proveInclusion(realm, 4)).rejects.toMatchObject({ code: 'ERR_AUDIT_RECORD_NOT_FOUND' });
    await expect(proveConsistency(realm, 5)).rejects.toMatchObject({ code: 'ERR_AUDIT_RECORD_NOT_FOUND' });
    const bytes = auditRecord(2, auditEvent(realm, { event: 'token.mint', subject: 'forged' }));
    realm.store.audit[2] = { seq: 2, bytes, leaf: leafHash(bytes) };
    await expect(proveInclusion(realm, 1)).rejects.toMatchObject({ code: 'ERR_AUDIT_TAMPERED' });
  });
});

describe('one record', () => {
  it('is shown with its leaf hash, or missed', async () => {
    const shown = await showAudit(realm.store, 0);
    expect(shown).toMatchObject({ record: { event: 'audit.key' }, leafHash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    await expect(showAudit(realm.store, 9)).rejects.toMatchObject({ code: 'ERR_AUDIT_RECORD_NOT_FOUND' });
  });
});

describe('exports', () => {
  it('are filtered and take the form that is asked for', async () => {
    await record(realm, 2);
    const linesOf = async (input: Parameters<typeof exportAudit>[1]) => {
      const lines: string[] = [];
      await exportAudit(realm.store, input, (line) => Promise.resolve(void lines.push(line)));
      return lines;
    };
    const source = { version: '1', hostname: '-' };
    expect(await linesOf({ from: 0, filter: { event: 'token.*' } })).toHaveLength(2);
    expect(await linesOf({ from: 0, filter: { subject: 's1' }, format: { name: 'jsonl', source } })).toEqual([
      Buffer.from(realm.store.audit[1]?.bytes as Uint8Array).toString(),
    ]);
    expect(await linesOf({ from: 2, format: { name: 'cef', source } })).toEqual([expect.stringMatching(/^CEF:0\|/)]);
    expect(await linesOf({ from: 2, format: { name: 'syslog', source } })).toEqual([expect.stringMatching(/^<109>1 /)]);
  });
});

describe('a witness', () => {
  const none = (): never => {
    throw new Error('no passphrase was expected');
  };
  let directory: string;
  let world: WitnessWorld;
  let verifierKey: string;
  const logKey = async (): Promise<string> => (await readCheckpointKey(realm.store)).verifier_key;
  const sign = (text: string, passphrase: () => Promise<Secret> = none) =>
    cosignCheckpoint(world, { directory, text, what: 'p.txt', passphrase });

  beforeEach(async () => {
    directory = join(mkdtempSync(join(tmpdir(), 'joinery-witness-')), 'w');
    world = { files: systemFiles, keys: portableKeys, clock: fakeClock(), verifySignature };
    verifierKey = await createWitness(world, { directory, name: 'w.example', logKey: await logKey(), passphrase: undefined });
  });

  it('signs the first head and every one that continues the last, and its signature is what a proof carries', async () => {
    await record(realm, 4);
    const first = await sign((await signCheckpoint(realm)).note);
    expect(first).toMatchObject({ signed: true, since: undefined, verifierKey, checkpoint: { size: 5 } });
    await record(realm, 4);
    const { note } = await signCheckpoint(realm);
    await expect(sign(note)).rejects.toMatchObject({ code: 'ERR_PROOF_MALFORMED', details: { since: 5 } });
    await expect(sign((await proveConsistency(realm, 4)).text)).rejects.toMatchObject({
      code: 'ERR_PROOF_MALFORMED',
      message: expect.stringContaining('found one from 4 on'),
    });
    const second = await sign((await proveConsistency(realm, 5)).text);
    expect(second).toMatchObject({ signed: true, since: 5, checkpoint: { size: 10 } });
    expect(await sign(note)).toMatchObject({ signed: false, note: second.note });
    const made = await proveInclusion(realm, 7, { checkpoint: { note: second.note, source: 'co.txt' } });
    const proof = parseProof(made.text, 'p');
    if (proof.kind !== 'inclusion') throw new Error(proof.kind);
    const believed = { ...keys, witnesses: [parseNoteKey('witness', verifierKey, 'w')] };
    expect(verifyInclusionProof(proof, believed, 'p').cosignatures).toEqual([{ witness: 'w.example', at: second.at }]);
    expect(readdirSync(join(directory, 'heads'))).toEqual(['000000001', '000000002']);
    expect(statSync(join(directory, 'witness.key')).mode & 0o777).toBe(0o600);
  });

  it('is asked for when the log is verified', async () => {
    const { note } = await signCheckpoint(realm);
    const cosigned = (await sign(note)).note;
    const witnesses = [verifierKey];
    expect(await verifyAudit(realm, { checkpoints: [{ note: cosigned, source: 'c' }], witnesses })).toMatchObject({ outside: true });
    await expect(verifyAudit(realm, { checkpoints: [{ note, source: 'c' }], witnesses })).rejects.toMatchObject({
      code: 'ERR_CHECKPOINT_COSIGNATURE',
    });
  });

  it('finds a log with two histories, and a head that is older than the last', async () => {
    await record(realm, 4);
    const older = await signCheckpoint(realm);
    await record(realm, 4);
    const newer = await signCheckpoint(realm);
    await sign(newer.note);
    await expect(sign(older.note)).rejects.toMatchObject({ code: 'ERR_AUDIT_OLD_CHECKPOINT' });
    const { reference } = await readCheckpointKey(realm.store);
    const forked = await signNote(
      { origin: newer.origin, size: newer.size, root: leafHash(new Uint8Array(1)) },
      await realm.vault.open(reference),
    );
    await expect(sign(forked)).rejects.toMatchObject({ code: 'ERR_AUDIT_FORK' });
    // A rewritten log cannot prove that it continues the head that was signed.
    await record(realm, 1);
    const bytes = auditRecord(2, auditEvent(realm, { event: 'token.mint', subject: 'forged' }));
    const rewritten = await newRealm();
    await record(rewritten, realm.store.audit.length - 1);
    rewritten.store.audit[2] = { seq: 2, bytes, leaf: leafHash(bytes) };
    const size = rewritten.store.audit.length;
    const root = (await signCheckpoint(rewritten)).root;
    const note = await signNote({ origin: newer.origin, size, root }, await realm.vault.open(reference));
    const { text } = await proveConsistency(realm, newer.size, {});
    await expect(sign(text.replace(/\n\n[^]*$/, `\n\n${note}`).replace(/^old \d+/, `old ${newer.size}`))).rejects.toMatchObject({
      code: 'ERR_PROOF_INVALID',
    });
  });

  it('gives nothing out when another process signed at the same moment', async () => {
    const { note } = await signCheckpoint(realm);
    const racing: WitnessWorld = {
      ...world,
      files: {
        ...systemFiles,
        create: async (path, bytes, mode) => {
          await systemFiles.create(path, bytes, mode);
          return systemFiles.create(path, bytes, mode);
        },
      },
    };
    await expect(cosignCheckpoint(racing, { directory, text: note, what: 'p', passphrase: none })).rejects.toMatchObject({
      code: 'ERR_STORE_CONFLICT',
    });
    const broken: WitnessWorld = {
      ...world,
      files: { ...systemFiles, list: () => Promise.resolve([]), create: () => Promise.reject(new Error('full')) },
    };
    await expect(cosignCheckpoint(broken, { directory, text: note, what: 'p', passphrase: none })).rejects.toThrow('full');
  });

  it('keeps its key encrypted, and takes a name and the key of the log only in their form', async () => {
    const passphrase = new Secret('correct horse battery');
    directory = `${directory}-2`;
    await createWitness(world, { directory, name: 'w.example', logKey: await logKey(), passphrase });
    expect(readFileSync(join(directory, 'witness.key'), 'utf8')).toContain('ENCRYPTED');
    const { note } = await signCheckpoint(realm);
    expect(await sign(note, () => Promise.resolve(passphrase))).toMatchObject({ signed: true });
    const another = (changes: object) =>
      createWitness(world, { directory: `${directory}-3`, name: 'w', logKey: verifierKey, passphrase: undefined, ...changes });
    await expect(another({})).rejects.toMatchObject({ code: 'ERR_KEY_MALFORMED' });
    await expect(another({ logKey: await logKey(), name: 'a b' })).rejects.toMatchObject({ code: 'ERR_INPUT_MALFORMED' });
  });

  it('refuses a head of another log', async () => {
    const other = await signNote(
      { origin: 'joinery/lab/audit', size: 1, root: new Uint8Array(32) },
      signingKey(generatePrivateKey('ed25519')),
    );
    await expect(sign(other)).rejects.toMatchObject({ code: 'ERR_CHECKPOINT_SIGNATURE' });
  });
});
