/** What a revocation would stop, and for whom: shown before anything is done. */
import type { Grant } from '../core/token/grant.ts';
import type { Instant } from '../core/time.ts';
import type { RevocationReason } from '../core/x509/crl-writer.ts';
import { showEnrollment } from './enrollments.ts';
import { type NodeRecord, NODES, parseNode } from './node-records.ts';
import type { Realm } from './realm.ts';
import { findTarget, type NamedNode, type RevocationTarget } from './revocation-targets.ts';
import { isStanding, planRevocation } from './revoke-certificate.ts';
import { storePages } from './store-pages.ts';
import { findToken, pageOfTokens, type StoredToken } from './token-records.ts';
import { revocationKey } from './token-state.ts';

const PAGE = 100;

export interface NodeToRevoke {
  readonly record: NodeRecord;
  /** Certificates that have not ended. */
  readonly certificates: readonly { readonly serial: string; readonly notAfter: Instant; readonly ca: string }[];
  /** Ids of live tokens that name it. */
  readonly tokens: readonly string[];
  readonly already: boolean;
}

export interface CertificateToRevoke {
  readonly serial: string;
  readonly issuer: string;
  /** The node whose certificate it is: it keeps its others. */
  readonly node: NamedNode | undefined;
  readonly already: boolean;
}

export interface TokenToRevoke {
  readonly id: string;
  /** undefined: the realm did not mint it, and denies its id from now on. */
  readonly grant: Grant | undefined;
  /** Nodes that joined by it: they keep their certificates. */
  readonly joined: readonly NamedNode[];
  readonly already: boolean;
}

export interface RevocationPlan {
  readonly nodes: readonly NodeToRevoke[];
  readonly certificates: readonly CertificateToRevoke[];
  readonly tokens: readonly TokenToRevoke[];
}

/**
 * Reads, and changes nothing.
 * @throws ERR_REVOCATION_NOT_FOUND, ERR_NODE_NOT_FOUND, ERR_CERTIFICATE_NOT_FOUND, ERR_CA_CONSTRAINT, ERR_INPUT_MALFORMED, ERR_USAGE
 */
export async function planRevocations(realm: Realm, target: RevocationTarget, reason: RevocationReason): Promise<RevocationPlan> {
  const { nodes, serials, tokens } = await findTarget(realm, target);
  const live = nodes.length === 0 ? [] : await liveTokens(realm);
  const joined = tokens.length === 0 ? [] : await allNodes(realm);
  return {
    nodes: await Promise.all(nodes.map((node) => planNode(realm, node, live, reason))),
    certificates: await Promise.all(serials.map((serial) => planCertificate(realm, serial, reason))),
    tokens: await Promise.all(tokens.map((id) => planToken(realm, id, joined))),
  };
}

async function planNode(
  realm: Realm,
  { node, cluster }: NamedNode,
  live: readonly Grant[],
  reason: RevocationReason,
): Promise<NodeToRevoke> {
  const { record, certificates } = await showEnrollment(realm, node, cluster);
  const open = certificates.filter(({ revoked }) => !isStanding(revoked, reason));
  return {
    record,
    certificates: open.map(({ serial, not_after, ca }) => ({ serial, notAfter: not_after as Instant, ca })),
    tokens: live.filter((grant) => grant.node === node).map(({ id }) => id),
    already: isStanding(record.revoked, reason) && open.length === 0,
  };
}

async function planCertificate(realm: Realm, serial: string, reason: RevocationReason): Promise<CertificateToRevoke> {
  const { result, logged } = await planRevocation(realm, { serial, reason });
  const { node, cluster } = logged;
  return {
    serial: result.serial,
    issuer: result.issuer,
    node: node === undefined ? undefined : { node, cluster: cluster as string },
    already: result.already,
  };
}

async function planToken(realm: Realm, given: string, enrolled: readonly NodeRecord[]): Promise<TokenToRevoke> {
  const id = given.toLowerCase();
  const grant = (await findToken(realm.store, id))?.grant;
  const name = grant && `${grant.format}/${grant.id}`;
  return {
    id,
    grant,
    joined: enrolled.filter(({ token }) => token === name).map(({ cluster, node }) => ({ cluster, node })),
    already: grant !== undefined && (await realm.store.get(revocationKey(grant))) !== undefined,
  };
}

/** Tokens that have not ended and are not revoked. */
async function liveTokens({ store, clock }: Realm): Promise<readonly Grant[]> {
  const now = clock.now();
  const live: Grant[] = [];
  const add = async ({ grant }: StoredToken): Promise<void> => {
    const ended = grant.expiresAt !== null && grant.expiresAt <= now;
    if (!ended && grant.node !== undefined && (await store.get(revocationKey(grant))) === undefined) live.push(grant);
  };
  let page = await pageOfTokens(store, { limit: PAGE });
  for (;;) {
    for (const token of page.tokens) await add(token);
    if (page.next === undefined) return live;
    page = await pageOfTokens(store, { after: page.next, limit: PAGE });
  }
}

async function allNodes({ store }: Realm): Promise<readonly NodeRecord[]> {
  const records: NodeRecord[] = [];
  for await (const page of storePages(store, NODES)) records.push(...page.map(({ key, value }) => parseNode(key, value)));
  return records;
}
