import { createPublicKey, verify } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generatePrivateKey, signingKey, verifySignature } from '../../../src/adapters/signatures.ts';
import { checkpointKey, signNote } from '../../../src/core/audit/checkpoint.ts';
import { cosign, openCosignature } from '../../../src/core/audit/cosignature.ts';
import { consistencyProof, inclusionProof, leafHash, merkleRoot } from '../../../src/core/audit/merkle.ts';
import { formatNoteKey, noteKey, parseNoteKey } from '../../../src/core/audit/note-key.ts';
import { formatConsistency, formatInclusion, parseProof } from '../../../src/core/audit/proof.ts';
import { auditRecord } from '../../../src/core/audit/record.ts';
import { type ProofKeys, openCheckpoint, verifyConsistencyProof, verifyInclusionProof } from '../../../src/core/audit/verify-proof.ts';
import { concat, fromBase64, toBase64, utf8 } from '../../../src/core/encoding.ts';
import { type Instant, parseInstant } from '../../../src/core/time.ts';

const ORIGIN = 'joinery/prod/audit';
const NAME = 'witness.example.com/w1';
const NOW = parseInstant('2026-11-22T10:00:00Z') as Instant;
const log = signingKey(generatePrivateKey('ed25519'));
const witness = signingKey(generatePrivateKey('ed25519'));
const witnessKey = noteKey('witness', NAME, witness.spki);
const keys: ProofKeys = { log: checkpointKey(ORIGIN, log.spki), witnesses: [], verifySignature };

const record = (seq: number) =>
  auditRecord(seq, {
    time: NOW,
    event: 'token.mint',
    actor: { name: 'alice', verified: false },
    subject: `s${seq}`,
    environment: 'prod',
    correlation_id: 'c',
    result: 'ok',
  });
const records = Array.from({ length: 9 }, (_, seq) => record(seq));
const leaves = records.map(leafHash);
const headOf = (size: number, key = log) => signNote({ origin: ORIGIN, size, root: merkleRoot(leaves.slice(0, size)) }, key);
const note = await headOf(9);
const inclusion = formatInclusion({ index: 4, record: records[4], hashes: inclusionProof(leaves, 4), note });

const read = (text: string) => {
  const proof = parseProof(text, 'p.txt');
  if (proof.kind !== 'inclusion') throw new Error(proof.kind);
  return verifyInclusionProof(proof, keys, 'p.txt');
};

describe('a proof that a record is in the log', () => {
  it('has the lines of C2SP tlog-proof and carries the record', () => {
    const lines = inclusion.split('\n');
    expect(lines.slice(0, 3)).toEqual(['c2sp.org/tlog-proof@v1', `extra ${toBase64(records[4] as Uint8Array)}`, 'index 4']);
    expect(inclusion.endsWith(`\n\n${note}`)).toBe(true);
    expect(read(inclusion)).toMatchObject({ kind: 'inclusion', checkpoint: { size: 9 }, record: { seq: 4, subject: 's4' } });
  });

  it('is proved for every record of every size', async () => {
    const property = fc.asyncProperty(fc.integer({ min: 1, max: 9 }), fc.nat(8), async (size, at) => {
      const index = at % size;
      const head = await headOf(size);
      const hashes = inclusionProof(leaves.slice(0, size), index);
      expect(read(formatInclusion({ index, record: records[index], hashes, note: head })).record.seq).toBe(index);
    });
    await fc.assert(property, { numRuns: 30 });
  });

  it('does not hold for another record, another place or without the record', async () => {
    const hashes = inclusionProof(leaves, 4);
    const other = formatInclusion({ index: 4, record: record(5), hashes, note });
    expect(() => read(other)).toThrow(
      expect.objectContaining({ code: 'ERR_PROOF_INVALID', message: expect.stringContaining('leads from') }),
    );
    expect(() => read(formatInclusion({ index: 4, record: undefined, hashes, note }))).toThrow('expected the record in the line "extra"');
    // A log that lies about the numbers of its records: the tree holds record 3 at place 0.
    const single = record(3);
    const lying = await signNote({ origin: ORIGIN, size: 1, root: leafHash(single) }, log);
    const text = formatInclusion({ index: 0, record: single, hashes: [], note: lying });
    expect(() => read(text)).toThrow('found a record that says it is number 3');
  });

  it('needs the key of the log', async () => {
    const forged = formatInclusion({ index: 4, record: records[4], hashes: inclusionProof(leaves, 4), note: await headOf(9, witness) });
    expect(() => read(forged)).toThrow(expect.objectContaining({ code: 'ERR_CHECKPOINT_SIGNATURE' }));
  });

  it.each([
    ['no index', 'c2sp.org/tlog-proof@v1\n\nx', 'expected a line "index <number>"'],
    ['no index after extra', 'c2sp.org/tlog-proof@v1\nextra AAAA\n\nx', 'expected a line "index <number>"'],
    ['a number with a leading zero', 'c2sp.org/tlog-proof@v1\nindex 01\n\nx', 'expected a line "index <number>"'],
    ['a hash that is none', 'c2sp.org/tlog-proof@v1\nindex 1\n???\n\nx', 'expected lines of base64'],
    ['a short hash', 'c2sp.org/tlog-proof@v1\nindex 1\nAAAA\n\nx', 'found one of 3'],
    ['too many hashes', `old 1\n${'AAAA\n'.repeat(64)}\nx`, 'expected at most 63 hashes, found 64'],
  ])('is refused with %s', (_, text, message) => {
    expect(() => parseProof(text, 'p.txt')).toThrow(
      expect.objectContaining({ code: 'ERR_PROOF_MALFORMED', message: expect.stringContaining(message) }),
    );
  });

  it('is read back, and a text of another form is left to whoever reads checkpoints', () => {
    const property = fc.property(fc.nat(), fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 63 }), (old, hashes) => {
      expect(parseProof(formatConsistency({ old, hashes, note }), 'p')).toEqual({ kind: 'consistency', old, hashes, note });
      expect(parseProof(formatInclusion({ index: old, record: undefined, hashes, note }), 'p')).toMatchObject({ index: old, hashes, note });
    });
    fc.assert(property, { numRuns: 50 });
    for (const text of [note, '', 'hello']) expect(parseProof(text, 'p')).toEqual({ kind: 'checkpoint', note: text });
  });
});

describe('a proof that a log continues an earlier head', () => {
  const proofFrom = async (old: number, second = note) => {
    const proof = parseProof(formatConsistency({ old, hashes: consistencyProof(leaves, old), note: second }), 'p.txt');
    if (proof.kind !== 'consistency') throw new Error(proof.kind);
    return { proof, earlier: openCheckpoint(await headOf(old), keys, 'kept.txt').checkpoint };
  };

  it('is the request that a C2SP witness takes', async () => {
    expect(formatConsistency({ old: 8, hashes: consistencyProof(leaves, 8), note }).split('\n')[0]).toBe('old 8');
    for (let old = 1; old <= 9; old++) {
      const { proof, earlier } = await proofFrom(old);
      expect(verifyConsistencyProof(proof, earlier, keys, 'p.txt')).toMatchObject({ checkpoint: { size: 9 }, earlier: { size: old } });
    }
  });

  it('does not hold for a head of another history or of another size', async () => {
    const { proof, earlier } = await proofFrom(5);
    const forked = { ...earlier, root: leafHash(record(99)) };
    expect(() => verifyConsistencyProof(proof, forked, keys, 'p')).toThrow(expect.objectContaining({ code: 'ERR_PROOF_INVALID' }));
    expect(() => verifyConsistencyProof(proof, { ...earlier, size: 4 }, keys, 'p')).toThrow('expected a proof from 4 records on');
  });
});

describe('cosignatures', () => {
  it('hold by node:crypto alone, over the time and the three lines', async () => {
    const line = await cosign(note, NAME, witness, NOW, 'head');
    const bytes = fromBase64((line.split(' ')[2] as string).trim());
    expect(bytes.length).toBe(4 + 8 + 64);
    expect(Buffer.from(bytes.subarray(4, 12)).readBigUInt64BE()).toBe(BigInt(NOW));
    const signed = `cosignature/v1\ntime ${NOW}\n${note.slice(0, note.indexOf('\n\n') + 1)}`;
    const key = createPublicKey({ key: Buffer.from(witness.spki), format: 'der', type: 'spki' });
    expect(verify(null, Buffer.from(signed), key, bytes.subarray(12))).toBe(true);
  });

  it('are found beside the signature of the log, and the latest counts', async () => {
    const cosigned =
      note + (await cosign(note, NAME, witness, NOW, 'head')) + (await cosign(note, NAME, witness, (NOW - 5) as Instant, 'head'));
    expect(openCosignature(cosigned, witnessKey, verifySignature, 'head')).toEqual({ witness: NAME, at: NOW });
    expect(openCheckpoint(cosigned, { ...keys, witnesses: [witnessKey] }, 'head').cosignatures).toHaveLength(1);
  });

  it('are missed, and a bad one spoils the note', async () => {
    expect(() => openCosignature(note, witnessKey, verifySignature, 'head')).toThrow(
      expect.objectContaining({ code: 'ERR_CHECKPOINT_COSIGNATURE', message: expect.stringContaining('found none') }),
    );
    const line = await cosign(note, NAME, witness, NOW, 'head');
    const other = (await headOf(8)) + line;
    const short = `${note}— ${NAME} ${toBase64(concat(witnessKey.hash, utf8('short')))}\n`;
    const far = `${note}— ${NAME} ${toBase64(concat(witnessKey.hash, new Uint8Array(72).fill(255)))}\n`;
    for (const bad of [other, short, far])
      expect(() => openCosignature(bad, witnessKey, verifySignature, 'head')).toThrow('found one that does not hold');
  });

  it('have keys of their own type', () => {
    const text = formatNoteKey('witness', witnessKey);
    expect(parseNoteKey('witness', text, '--witness')).toEqual(witnessKey);
    expect(() => parseNoteKey('log', text, '--key')).toThrow('expected an Ed25519 key of a log (type 1), found type 4');
  });
});
