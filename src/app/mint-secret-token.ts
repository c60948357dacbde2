/** Mints the dialects whose proof is a secret, or a shared key, and whose meaning is in the realm's record: all but `jwt`. */
import { type Digest, digestOf, type Fingerprint } from '../core/digest.ts';
import { utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import { parseName, uuidV4 } from '../core/names.ts';
import { Secret } from '../core/secret.ts';
import { formatDuration, type Instant, plus, type Seconds } from '../core/time.ts';
import type { Grant } from '../core/token/grant.ts';
import { formatK3s, generateK3s } from '../core/token/k3s.ts';
import { formatKubeadm, generateKubeadm } from '../core/token/kubeadm.ts';
import { DEFAULT_TOKEN_TTL } from '../core/token/mint.ts';
import { type Mac, OMNIRELAY_ISSUER, OMNIRELAY_TTL, signOmnirelay } from '../core/token/omnirelay.ts';
import { formatSecure, generateSecure } from '../core/token/secure.ts';
import { checkMintNames } from './mint-token.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { issuerOf, maxTokenLifetime } from './token-keys.ts';
import { grantWrite } from './token-records.ts';
import { moveClockMark, tokenRecordKey } from './token-state.ts';
import { idOf } from './verify-grant.ts';

/** What makes the text, and what it pins. */
export type SecretDialect =
  | { readonly format: 'secure'; readonly caFingerprint: Fingerprint }
  | { readonly format: 'k3s'; readonly caHash: Digest; readonly user?: string }
  | { readonly format: 'kubeadm' }
  | { readonly format: 'omnirelay'; readonly mac: Mac; readonly issuer?: string };

export interface MintSecretTokenInput {
  readonly dialect: SecretDialect;
  readonly cluster: string;
  readonly role: string;
  /** null: never ends (not `omnirelay`). */
  readonly ttl?: Seconds | null;
  /** null: as often as one likes. */
  readonly maxUses?: number | null;
  readonly environment?: string;
  readonly node?: string;
  readonly allowReentry?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly keyThumbprint?: string;
}

export interface MintSecretTokenResult {
  readonly token: Secret;
  readonly grant: Grant;
}

/**
 * Mints a token and registers what it grants, with the digest of its text, never the text, and the audit record in one commit.
 * @throws ERR_CLUSTER_UNKNOWN, ERR_ROLE_UNKNOWN, ERR_TOKEN_ENVIRONMENT, ERR_INPUT_MALFORMED, ERR_TOKEN_LIFETIME, ERR_CLOCK_BEHIND, ERR_STORE_CONFLICT
 */
export async function mintSecretToken(realm: Realm, input: MintSecretTokenInput): Promise<MintSecretTokenResult> {
  checkMintNames(realm, { ...input, clusters: [input.cluster] });
  if (input.node !== undefined) parseName(input.node, '--node');
  if (input.allowReentry === true && input.node === undefined)
    throw new JoineryError('ERR_INPUT_MALFORMED', '--allow-reentry: expected --node with it, found none');
  const now = realm.clock.now();
  const terms = termsOf(realm, input, now);
  const { id, issuer, text } = await generate(realm, input.dialect, terms);
  const grant: Grant = { ...terms, id, issuer };
  const sha256 = digestOf(utf8(text));
  const { format, clusters, role, notBefore, expiresAt, maxUses, environment, node } = grant;
  await commit(realm.store, {
    checks: [{ key: tokenRecordKey(grant), version: 'absent' }],
    writes: [grantWrite(grant, sha256), ...(await moveClockMark(realm.store, now))],
    audit: [
      auditEvent(realm, {
        event: 'token.mint',
        subject: id,
        details: { format, aud: clusters, role, nbf: notBefore, exp: expiresAt, max_uses: maxUses, env: environment, node, sha256 },
      }),
    ],
  });
  return { token: new Secret(text), grant };
}

type Terms = Omit<Grant, 'id' | 'issuer'>;

function termsOf(realm: Realm, input: MintSecretTokenInput, now: Instant): Terms {
  const { dialect, node, keyThumbprint, maxUses = 1 } = input;
  return {
    format: dialect.format,
    clusters: [input.cluster],
    role: input.role,
    environment: realm.config.environment.name,
    ...(node !== undefined && { node }),
    allowReentry: input.allowReentry ?? false,
    labels: input.labels ?? {},
    ...(keyThumbprint !== undefined && { keyThumbprint }),
    issuedAt: now,
    notBefore: now,
    expiresAt: endOf(input, maxTokenLifetime(realm.config), now),
    maxUses,
  };
}

/** A secret that never ends is a choice; a very long life is more likely a slip. */
function endOf({ ttl, dialect: { format } }: MintSecretTokenInput, longest: Seconds, now: Instant): Instant | null {
  if (ttl === null && format !== 'omnirelay') return null;
  const life = ttl === undefined ? (format === 'omnirelay' ? OMNIRELAY_TTL : DEFAULT_TOKEN_TTL) : ttl;
  if (life !== null && life <= longest) return plus(now, life);
  throw new JoineryError(
    'ERR_TOKEN_LIFETIME',
    `--ttl: expected at most ${formatDuration(longest)}${format === 'omnirelay' ? '' : ', or never'}, found ${life === null ? 'never' : formatDuration(life)}`,
  );
}

interface Generated {
  readonly id: string;
  readonly issuer: string;
  readonly text: string;
}

async function generate(realm: Realm, dialect: SecretDialect, terms: Terms): Promise<Generated> {
  const { random, config } = realm;
  if (dialect.format === 'omnirelay') return generateOmnirelay(realm, dialect, terms);
  const text = secretText(dialect, random);
  return { id: idOf(dialect.format, text), issuer: issuerOf(config), text };
}

function secretText(dialect: Exclude<SecretDialect, { format: 'omnirelay' }>, random: Realm['random']): string {
  switch (dialect.format) {
    case 'secure':
      return formatSecure(generateSecure(random, dialect.caFingerprint));
    case 'k3s':
      return formatK3s(generateK3s(random, dialect.caHash, dialect.user));
    case 'kubeadm':
      return formatKubeadm(generateKubeadm(random));
  }
}

async function generateOmnirelay(realm: Realm, dialect: SecretDialect & { format: 'omnirelay' }, terms: Terms): Promise<Generated> {
  const { issuer = OMNIRELAY_ISSUER, mac } = dialect;
  const id = uuidV4(realm.random);
  const text = await signOmnirelay(
    {
      tokenId: id,
      clusterId: terms.clusters[0] as string,
      role: terms.role,
      issuedAt: terms.issuedAt,
      expiresAt: terms.expiresAt as Instant,
      maxUses: terms.maxUses,
      issuer,
    },
    mac,
  );
  return { id, issuer, text };
}
