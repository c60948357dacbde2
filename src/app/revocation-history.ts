/** The list of revocations for the operator: what was revoked, why, whether it still stands, and who did it. */
import type { AuditRecord } from '../core/audit/record.ts';
import { JoineryError } from '../core/errors.ts';
import type { RevocationEntry } from '../core/join/messages.ts';
import { listAudit } from './list-audit.ts';
import type { Realm } from './realm.ts';
import { REVOCATIONS_PAGE, revocationsSince } from './revocations.ts';
import { parseSerial } from './revoke-certificate.ts';

export interface ListRevocationsInput {
  readonly cluster?: string | undefined;
  readonly node?: string | undefined;
  /** Entries after this place in the list. */
  readonly since: number;
  readonly limit: number;
}

export interface RevocationList {
  readonly entries: readonly RevocationEntry[];
  /** What to ask for next; absent at the end. */
  readonly next?: number;
}

/** In the order in which they happened. @throws ERR_REALM_MALFORMED */
export async function listRevoked(realm: Realm, { cluster, node, since, limit }: ListRevocationsInput): Promise<RevocationList> {
  const entries: RevocationEntry[] = [];
  for await (const entry of allRevocations(realm, since)) {
    if (entries.length === limit) return { entries, next: (entries.at(-1) as RevocationEntry).seq };
    if ((cluster ?? entry.cluster) === entry.cluster && (node ?? entry.node) === entry.node) entries.push(entry);
  }
  return { entries };
}

async function* allRevocations(realm: Realm, from: number): AsyncGenerator<RevocationEntry> {
  let since = from;
  let found = REVOCATIONS_PAGE;
  while (found === REVOCATIONS_PAGE) {
    const { revocations, next } = await revocationsSince(realm, since);
    yield* revocations;
    [since, found] = [next, revocations.length];
  }
}

export interface ShownRevocation {
  readonly serial: string;
  /** The last entry decides. */
  readonly state: 'revoked' | 'on hold' | 'hold ended';
  /** Of this certificate, oldest first: one at least. */
  readonly entries: readonly RevocationEntry[];
  /** Who did it, oldest first. */
  readonly audit: readonly AuditRecord[];
}

const SHOWN_RECORDS = 100;

/** @throws ERR_INPUT_MALFORMED, ERR_REVOCATION_NOT_FOUND */
export async function showRevocation(realm: Realm, given: string): Promise<ShownRevocation> {
  const serial = parseSerial(given);
  const entries: RevocationEntry[] = [];
  for await (const entry of allRevocations(realm, 0)) if (entry.serial === serial) entries.push(entry);
  const last = entries.at(-1);
  if (last === undefined)
    throw new JoineryError('ERR_REVOCATION_NOT_FOUND', `SERIAL: expected a certificate that was revoked, found none with ${serial}`, {
      hint: 'joinery revocation list shows them',
    });
  const audit: AuditRecord[] = [];
  for (const event of ['cert.revoke', 'revocation.undo'])
    audit.push(...(await listAudit(realm.store, { filter: { subject: serial, result: 'ok', event }, limit: SHOWN_RECORDS })).records);
  audit.sort((a, b) => a.seq - b.seq);
  return { serial, state: stateOf(last), entries, audit };
}

function stateOf({ reason }: RevocationEntry): ShownRevocation['state'] {
  if (reason === 'removeFromCRL') return 'hold ended';
  return reason === 'certificateHold' ? 'on hold' : 'revoked';
}
