/** Does what {@link planRevocations} showed, in one commit, and makes the lists of the authorities concerned. */
import { isJoineryError, type JoineryError } from '../core/errors.ts';
import type { RevocationReason } from '../core/x509/crl-writer.ts';
import { readCas } from './ca-records.ts';
import { issueCrl, type IssueCrlResult } from './issue-crl.ts';
import { againOnConflict, inOneCommit } from './one-commit.ts';
import type { RevocationPlan } from './plan-revocation.ts';
import type { Realm } from './realm.ts';
import { revokeCertificate } from './revoke-certificate.ts';
import { revokeNode } from './revoke-node.ts';
import { revokeToken } from './revoke-token.ts';

export interface RevokedAll {
  /** Certificates that were revoked now. */
  readonly serials: readonly string[];
  /** Tokens, by id, that were revoked now. */
  readonly tokens: readonly string[];
  /** Everything was revoked before. */
  readonly already: boolean;
}

/**
 * What a node or token has become since the plan was made is revoked with it: a node that renews meanwhile does not escape, and cannot
 * hold it up.
 * @throws ERR_STORE_CONFLICT at last: nothing was changed. As revokeNode, revokeCertificate and revokeToken
 */
export async function revokePlanned(realm: Realm, plan: RevocationPlan, reason: RevocationReason): Promise<RevokedAll> {
  return againOnConflict(() => inOneCommit(realm, (staged) => revokeAll(staged, plan, reason)));
}

async function revokeAll(staged: Realm, plan: RevocationPlan, reason: RevocationReason): Promise<RevokedAll> {
  const nodes = [];
  for (const { record } of plan.nodes) nodes.push(await revokeNode(staged, { cluster: record.cluster, node: record.node, reason }));
  const certificates = [];
  for (const { serial } of plan.certificates) certificates.push(await revokeCertificate(staged, { serial, reason }));
  const tokens = [];
  for (const { id } of plan.tokens) tokens.push(await revokeToken(staged, { id, reason }));
  const fresh = <T extends { readonly already: boolean }>(results: readonly T[]): T[] => results.filter(({ already }) => !already);
  return {
    serials: [...nodes.flatMap(({ serials }) => serials), ...fresh(certificates).map(({ serial }) => serial)],
    tokens: fresh(tokens).map(({ id }) => id),
    already: fresh([...nodes, ...certificates, ...tokens]).length === 0,
  };
}

export interface ListedRevocations {
  readonly issued: readonly IssueCrlResult[];
  /** Whose list is still to be made, by `ca crl`: its key is offline, or `error` says why. */
  readonly pending: readonly { readonly name: string; readonly error?: JoineryError }[];
}

/** Makes the lists of the authorities that have online keys. What was revoked is revoked whether or not this works. */
export async function listRevocations(realm: Realm, issuers: ReadonlySet<string>): Promise<ListedRevocations> {
  const issued: IssueCrlResult[] = [];
  const pending: { name: string; error?: JoineryError }[] = [];
  for (const { record } of await readCas(realm)) {
    const { name, key } = record;
    if (!issuers.has(name)) continue;
    if (key?.custody !== 'online') pending.push({ name });
    else {
      const made = await tryCrl(realm, name);
      if (isJoineryError(made)) pending.push({ name, error: made });
      else issued.push(made);
    }
  }
  return { issued, pending };
}

async function tryCrl(realm: Realm, name: string): Promise<IssueCrlResult | JoineryError> {
  try {
    return await issueCrl(realm, { name });
  } catch (error) {
    if (isJoineryError(error)) return error;
    throw error;
  }
}
