/**
 * Proofs about the audit log as files that travel and are verified without the realm, each around a signed checkpoint:
 * that a record is in the log (C2SP tlog-proof, the record itself as `extra`), and that a log continues an earlier head
 * (the request body of C2SP tlog-witness `add-checkpoint`, so that any such witness takes it).
 */
import { fromBase64, toBase64 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';

const INCLUSION = 'c2sp.org/tlog-proof@v1';
/** tlog-witness: at most so many lines of a consistency proof; an inclusion proof has fewer. */
const MAX_HASHES = 63;

export interface InclusionProof {
  readonly kind: 'inclusion';
  readonly index: number;
  /** The bytes of the record; a proof of another program may leave them out. */
  readonly record: Uint8Array | undefined;
  readonly hashes: readonly Uint8Array[];
  readonly note: string;
}

export interface ConsistencyProof {
  readonly kind: 'consistency';
  /** Size of the earlier head. */
  readonly old: number;
  readonly hashes: readonly Uint8Array[];
  readonly note: string;
}

/** A file about the log: a proof, or a checkpoint alone. */
export type AuditProof = InclusionProof | ConsistencyProof | { readonly kind: 'checkpoint'; readonly note: string };

const hashLines = (hashes: readonly Uint8Array[]): string => hashes.map((hash) => `${toBase64(hash)}\n`).join('');

export function formatInclusion({ index, record, hashes, note }: Omit<InclusionProof, 'kind'>): string {
  const extra = record === undefined ? '' : `extra ${toBase64(record)}\n`;
  return `${INCLUSION}\n${extra}index ${index}\n${hashLines(hashes)}\n${note}`;
}

export function formatConsistency({ old, hashes, note }: Omit<ConsistencyProof, 'kind'>): string {
  return `old ${old}\n${hashLines(hashes)}\n${note}`;
}

/**
 * Tells the three apart by their first line. What they prove is verified elsewhere.
 * @param what names the file in the error.
 * @throws ERR_PROOF_MALFORMED
 */
export function parseProof(text: string, what: string): AuditProof {
  const cut = text.indexOf('\n\n');
  const [head, ...rest] = text.slice(0, Math.max(cut, 0)).split('\n') as [string, ...string[]];
  const note = text.slice(cut + 2);
  const old = /^old (0|[1-9]\d{0,15})$/.exec(head)?.[1];
  if (old !== undefined) return { kind: 'consistency', old: Number(old), hashes: hashesOf(rest, what), note };
  if (head !== INCLUSION) return { kind: 'checkpoint', note: text };
  const extra = /^extra ([A-Za-z0-9+/=]+)$/.exec(rest[0] ?? '')?.[1];
  const [position = '', ...hashes] = extra === undefined ? rest : rest.slice(1);
  const index = /^index (0|[1-9]\d{0,15})$/.exec(position)?.[1];
  if (index === undefined) throw malformed(what, 'expected a line "index <number>", found another');
  const record = extra === undefined ? undefined : decoded(extra, what);
  return { kind: 'inclusion', index: Number(index), record, hashes: hashesOf(hashes, what), note };
}

function hashesOf(lines: readonly string[], what: string): Uint8Array[] {
  if (lines.length > MAX_HASHES) throw malformed(what, `expected at most ${MAX_HASHES} hashes, found ${lines.length}`);
  const hashes = lines.map((line) => decoded(line, what));
  const wrong = hashes.find((hash) => hash.length !== 32);
  if (wrong !== undefined) throw malformed(what, `expected hashes of 32 bytes, found one of ${wrong.length}`);
  return hashes;
}

function decoded(text: string, what: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch (cause) {
    throw malformed(what, 'expected lines of base64, found another', cause);
  }
}

function malformed(what: string, message: string, cause?: unknown): JoineryError {
  return new JoineryError('ERR_PROOF_MALFORMED', `${what}: ${message}`, { cause });
}
