/** Verifies the record of a ceremony against the reviewed file: no realm, no key. */
import { parseCeremony } from '../core/ceremony/document.ts';
import { type CeremonyRecord, parseCeremonyRecord } from '../core/ceremony/record.ts';
import { type VerifiedStep, verifyCeremony } from '../core/ceremony/verify.ts';
import { parseStrictJson } from '../core/canonical-json.ts';
import { type Digest, digestOf } from '../core/digest.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import type { VerifySignature } from '../core/key-ports.ts';
import type { CeremonyInput } from './plan-ceremony.ts';

export interface VerifyCeremonyResult {
  readonly digest: Digest;
  readonly record: CeremonyRecord;
  readonly steps: readonly VerifiedStep[];
}

/** @throws ERR_CEREMONY_MALFORMED, ERR_CEREMONY_RECORD, ERR_CEREMONY_MISMATCH with the first difference, ERR_CEREMONY_AUTHORITY */
export function verifyCeremonyRecord(
  input: CeremonyInput,
  record: { readonly bytes: Uint8Array; readonly what: string },
  verifySignature: VerifySignature,
): VerifyCeremonyResult {
  const ceremony = parseCeremony(input.value, input.what);
  const digest = digestOf(input.bytes);
  const parsed = parseCeremonyRecord(parseStrictJson(decodeUtf8(record.bytes, record.what), record.what), record.what);
  return { digest, record: parsed, steps: verifyCeremony(ceremony, digest, parsed, verifySignature) };
}
