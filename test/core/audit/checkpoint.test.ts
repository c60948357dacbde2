import { createHash, createPublicKey, verify } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generatePrivateKey, signingKey, verifySignature } from '../../../src/adapters/signatures.ts';
import {
  auditOrigin,
  checkpointKey,
  checkpointText,
  formatVerifierKey,
  openNote,
  parseVerifierKey,
  signNote,
} from '../../../src/core/audit/checkpoint.ts';
import { fromBase64, toBase64 } from '../../../src/core/encoding.ts';

const origin = auditOrigin('prod');
const signer = signingKey(generatePrivateKey('ed25519'));
const key = checkpointKey(origin, signer.spki);
const root = createHash('sha256').digest();
const note = await signNote({ origin, size: 42, root }, signer);
const open = (text: string): unknown => openNote(text, key, verifySignature, 'head.txt');

describe('verifier keys', () => {
  it('are read as other implementations of C2SP write them', () => {
    const text = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
    const parsed = parseVerifierKey(`${text}\n`, '--key');
    expect(parsed.name).toBe('PeterNeumann');
    expect(formatVerifierKey(parsed)).toBe(text);
  });

  it('come back from their text', () => {
    expect(parseVerifierKey(formatVerifierKey(key), '--key')).toEqual(key);
    expect(formatVerifierKey(key)).toMatch(/^joinery\/prod\/audit\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$/);
  });

  it.each([
    ['no such form', 'hello', 'expected a verifier key'],
    ['the hash of another key', formatVerifierKey(key).replace('prod', 'test'), 'expected the hash of this name and key'],
    ['another type of key', `a+00000000+${toBase64(new Uint8Array(33).fill(2))}`, 'found type 2'],
  ])('are refused: %s', (_, text, message) => {
    expect(() => parseVerifierKey(text, '--key')).toThrow(
      expect.objectContaining({ code: 'ERR_KEY_MALFORMED', message: expect.stringContaining(message) }),
    );
  });

  it('are Ed25519 and nothing else', () => {
    const other = signingKey(generatePrivateKey('p256'));
    expect(() => checkpointKey(origin, other.spki)).toThrow('expected Ed25519, found P-256');
  });
});

describe('checkpoints', () => {
  it('have the three lines of tlog-checkpoint and a signature line', () => {
    expect(note).toMatch(/^joinery\/prod\/audit\n42\n[A-Za-z0-9+/]{43}=\n\n— joinery\/prod\/audit [A-Za-z0-9+/]{91}=\n$/);
    expect(note.startsWith(`${checkpointText({ origin, size: 42, root })}\n— `)).toBe(true);
  });

  it('verify with nothing but node:crypto', () => {
    const [text, line] = note.split('\n\n') as [string, string];
    const bytes = fromBase64((line.split(' ')[2] as string).trim());
    const raw = signer.spki.subarray(-32);
    const hash = createHash('sha256').update(`${origin}\n`).update(Uint8Array.of(1)).update(raw).digest().subarray(0, 4);
    expect(Buffer.from(bytes.subarray(0, 4))).toEqual(hash);
    const publicKey = createPublicKey({ key: Buffer.from(signer.spki), format: 'der', type: 'spki' });
    expect(verify(null, Buffer.from(`${text}\n`), publicKey, bytes.subarray(4))).toBe(true);
  });

  it('are opened with their key, also among signatures of witnesses', () => {
    expect(open(note)).toEqual({ origin, size: 42, root: Uint8Array.from(root) });
    expect(open(`${note}— witness.example ${toBase64(new Uint8Array(72))}\n`)).toEqual({ origin, size: 42, root: Uint8Array.from(root) });
  });

  const body = note.slice(0, note.indexOf('—'));
  const line = note.slice(note.indexOf('—'));
  const signature = fromBase64((line.split(' ')[2] as string).trim());

  it.each([
    ['a changed size', note.replace('\n42\n', '\n43\n')],
    ['a changed origin', note.replace(/^joinery\/prod/, 'joinery/test')],
    ['a changed signature', note.replace(line, `— ${origin} ${toBase64(signature.map((byte, i) => (i === 20 ? byte ^ 1 : byte)))}\n`)],
    ['a longer signature', note.replace(line, `— ${origin} ${toBase64(Uint8Array.from([...signature, 0]))}\n`)],
    ['the signature twice', `${note}${line}`],
    ['a signature of somebody else only', `${body}— other.example ${toBase64(signature)}\n`],
    ['the hash of another key', `${body}— ${origin} ${toBase64(signature.map((byte, i) => (i === 0 ? byte ^ 1 : byte)))}\n`],
  ])('are refused with %s', (_, text) => {
    expect(() => open(text)).toThrow(expect.objectContaining({ code: 'ERR_CHECKPOINT_SIGNATURE' }));
  });

  it('are refused when the key signs under another name than the origin', async () => {
    const foreign = await signNote({ origin: 'joinery/test/audit', size: 1, root }, signer);
    expect(() => open(foreign)).toThrow(expect.objectContaining({ code: 'ERR_CHECKPOINT_SIGNATURE' }));
  });

  it.each([
    ['no signature', body],
    ['nothing', ''],
    ['no final newline', note.slice(0, -1)],
    ['another line among the signatures', `${note}hello\n`],
    ['a hyphen for the dash', note.replace('—', '-')],
    ['a signature too short', `${body}— ${origin} AAAA\n`],
    ['a signature that is no base64', `${body}— ${origin} A=A=\n`],
    ['an extension line', note.replace('\n\n', '\nextension\n\n')],
    ['a size with a leading zero', note.replace('\n42\n', '\n042\n')],
    ['a negative size', note.replace('\n42\n', '\n-42\n')],
    ['a short root', note.replace(/\n[A-Za-z0-9+/]{43}=\n/, '\nAAAA\n')],
    ['a root that is no base64', note.replace(/\n[A-Za-z0-9+/]{43}=\n/, '\nA=AA\n')],
    ['CRLF', note.replaceAll('\n', '\r\n')],
    ['10 MB', `${note}${line.repeat(60_000)}`],
  ])('are malformed with %s', (_, text) => {
    expect(() => open(text)).toThrow(
      expect.objectContaining({ code: 'ERR_CHECKPOINT_MALFORMED', message: expect.stringMatching(/^head\.txt: /) }),
    );
  });

  it('open to what was signed, or give a coded error, whatever is done to them', () => {
    const place = fc.nat(note.length - 1);
    fc.assert(
      fc.property(place, fc.string({ unit: 'binary', maxLength: 3 }), fc.nat(3), (at, text, cut) => {
        const changed = note.slice(0, at) + text + note.slice(at + cut);
        if (changed === note) return;
        expect(() => open(changed)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_CHECKPOINT_/) }));
      }),
      { numRuns: 300 },
    );
  });
});
