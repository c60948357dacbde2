/** What a person means who names something to be revoked: nodes, certificates, tokens, found exactly or not at all. */
import { JoineryError } from '../core/errors.ts';
import { object, parseDocument, string } from '../core/parse.ts';
import type { Store } from '../core/ports.ts';
import { CERTIFICATE_PREFIX, type CertificateRecord, parseCertificateRecord } from './certificate-records.ts';
import { showEnrollment } from './enrollments.ts';
import { listAudit } from './list-audit.ts';
import { findNodeCertificate, identityPrefix } from './node-records.ts';
import type { Realm } from './realm.ts';
import { storePages } from './store-pages.ts';

export type RevocationTarget =
  | { readonly kind: 'token'; readonly id: string }
  | { readonly kind: 'serial'; readonly serial: string }
  | { readonly kind: 'fingerprint'; readonly fingerprint: string }
  | { readonly kind: 'identity'; readonly spiffeId: string }
  | { readonly kind: 'node'; readonly node: string; readonly cluster?: string | undefined }
  | { readonly kind: 'audit'; readonly correlationId: string };

export interface NamedNode {
  readonly cluster: string;
  readonly node: string;
}

/** What a target stands for. Certificates are those of no node that is named, too. */
export interface Found {
  readonly nodes: readonly NamedNode[];
  readonly serials: readonly string[];
  readonly tokens: readonly string[];
}

const NOTHING: Found = { nodes: [], serials: [], tokens: [] };

/** @throws ERR_REVOCATION_NOT_FOUND, ERR_NODE_NOT_FOUND, ERR_CLUSTER_UNKNOWN, ERR_USAGE when clusters share the name of a node */
export async function findTarget(realm: Realm, target: RevocationTarget): Promise<Found> {
  switch (target.kind) {
    case 'token':
      return { ...NOTHING, tokens: [target.id] };
    case 'serial':
      return { ...NOTHING, serials: [target.serial] };
    case 'fingerprint':
      return something(await byFingerprint(realm.store, target.fingerprint), `--fingerprint: expected one of a certificate of this realm`);
    case 'identity':
      return something(await byIdentity(realm, target.spiffeId), `--spiffe-id: expected one of a node or certificate of this realm`);
    case 'node': {
      const { record } = await showEnrollment(realm, target.node, target.cluster);
      return { ...NOTHING, nodes: [{ cluster: record.cluster, node: record.node }] };
    }
    case 'audit':
      return something(
        await byCorrelation(realm.store, target.correlationId),
        `--audit-id: expected the id of an operation that made something`,
      );
  }
}

function something(found: Found, expected: string): Found {
  if (found.nodes.length + found.serials.length + found.tokens.length > 0) return found;
  throw new JoineryError('ERR_REVOCATION_NOT_FOUND', `${expected}, found nothing under it`, {
    hint: 'only the whole value matches: see joinery enrollment list and joinery audit list',
  });
}

const namedNode = object({ cluster: string({ maxLength: 63 }), node: string({ maxLength: 63 }) });

/** All nodes that share one identity: a policy may give one to a whole role. */
export async function nodesOfIdentity(store: Store, identity: string): Promise<readonly NamedNode[]> {
  const found: NamedNode[] = [];
  for await (const page of storePages(store, identityPrefix(identity)))
    found.push(...page.map(({ key, value }) => parseDocument(namedNode, value, `state.db, record ${key}`, 'ERR_REALM_MALFORMED')));
  return found;
}

async function certificatesWhere(store: Store, isMeant: (record: CertificateRecord) => boolean): Promise<string[]> {
  const serials: string[] = [];
  for await (const page of storePages(store, CERTIFICATE_PREFIX)) {
    const records = page.map(({ key, value }) => parseCertificateRecord(key, value));
    serials.push(...records.filter(isMeant).map(({ serial }) => serial));
  }
  return serials;
}

async function byFingerprint(store: Store, fingerprint: string): Promise<Found> {
  return { ...NOTHING, serials: await certificatesWhere(store, (record) => record.fingerprint === fingerprint) };
}

/** Nodes, and certificates of the same identity that no join issued. */
async function byIdentity({ store, clock }: Realm, identity: string): Promise<Found> {
  const now = clock.now();
  const live = await certificatesWhere(store, ({ not_after, sans }) => not_after > now && sans.includes(`URI:${identity}`));
  const serials: string[] = [];
  for (const serial of live) if ((await findNodeCertificate(store, serial)) === undefined) serials.push(serial);
  return { ...NOTHING, nodes: await nodesOfIdentity(store, identity), serials };
}

const JOINS: readonly string[] = ['join.accept', 'renew.accept'];
const ISSUED: readonly string[] = ['cert.issue', 'cert.renew'];

/** What the operation of a correlation id made: nodes that joined, else certificates; and tokens that were minted. */
async function byCorrelation(store: Store, correlationId: string): Promise<Found> {
  const { records } = await listAudit(store, { filter: { correlationId, result: 'ok' }, limit: 10_000 });
  const subjects = (events: readonly string[]) => records.filter(({ event }) => events.includes(event));
  const nodes = subjects(JOINS).map(({ subject, details }) => ({ cluster: details['cluster'] as string, node: subject }));
  return {
    nodes,
    serials: nodes.length > 0 ? [] : subjects(ISSUED).map(({ subject }) => subject),
    tokens: subjects(['token.mint']).map(({ subject }) => subject),
  };
}
