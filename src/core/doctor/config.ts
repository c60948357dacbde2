/** What a configuration allows that it need not, and other facts that hold for a realm as a whole. */
import type { RealmConfig } from '../realm/config.ts';
import { DEFAULT_MAX_TOKEN_LIFETIME } from '../token/claims.ts';
import { formatDuration, formatInstant, type Instant } from '../time.ts';
import type { Grant } from '../token/grant.ts';
import { CLOCK_SKEW } from '../token/use.ts';
import type { Finding } from './finding.ts';

const DAY = 86400;
const LONG_NODE_LIFETIME = 30 * DAY;

export function judgeConfig(config: RealmConfig): Finding[] {
  return [...tokenSmells(config), ...clusterSmells(config), ...serverSmells(config), ...adminSmells(config)].map(
    ({ where, what, next, severity = 'warn' }) => ({
      code: 'config-smell',
      severity,
      where: `joinery.yaml, ${where}`,
      what,
      next,
    }),
  );
}

type Smell = Pick<Finding, 'where' | 'what' | 'next'> & { readonly severity?: Finding['severity'] };

function tokenSmells({ token }: RealmConfig): Smell[] {
  const lifetime = token?.max_lifetime ?? DEFAULT_MAX_TOKEN_LIFETIME;
  if (lifetime <= 7 * DAY) return [];
  const what = `expected at most a week, found ${formatDuration(lifetime)}: a stolen token may be used that long`;
  return [{ where: 'token.max_lifetime', what, next: 'shorten it; a node that is installed later gets a token later' }];
}

function clusterSmells({ clusters, policy }: RealmConfig): Smell[] {
  return clusters.flatMap((cluster, index): Smell[] => {
    const where = `clusters[${index}]`;
    const smells: Smell[] = [];
    if ((cluster.node_lifetime ?? 0) > LONG_NODE_LIFETIME) {
      const what = `expected node certificates of days, found ${formatDuration(cluster.node_lifetime as number)}: a stolen one may be used that long where no list is read`;
      smells.push({ where: `${where}.node_lifetime`, what, next: 'shorten it; nodes renew by themselves' });
    }
    if (cluster.policy !== undefined && policy?.require_signed !== true) {
      const what = `expected that the policy of ${cluster.name} must be signed, found that whoever can write the file decides who may join`;
      smells.push({ where: `${where}.policy`, what, next: 'set policy.require_signed and sign it: joinery policy sign', severity: 'info' });
    }
    return smells;
  });
}

function serverSmells({ server }: RealmConfig): Smell[] {
  const smells: Smell[] = [];
  if (server?.omnirelay !== undefined) {
    const what = 'expected nodes that make their own keys, found the endpoint by which the server makes them';
    smells.push({
      where: 'server.omnirelay',
      what,
      next: 'keep it only until the last node of OmniRelay joins by /v1/join',
      severity: 'info',
    });
  }
  if (server?.tokens === true) {
    const what = 'expected tokens that are minted offline, found that the server mints them: who takes it lets anybody join';
    smells.push({ where: 'server.tokens', what, next: 'switch it off where a person mints tokens', severity: 'info' });
  }
  if (server?.alerts?.webhook?.startsWith('http:') === true) {
    const what = 'expected alerts over TLS, found http: an attacker on the network can drop and forge them';
    smells.push({ where: 'server.alerts.webhook', what, next: 'use https, or a program on this machine (server.alerts.exec)' });
  }
  return smells;
}

function adminSmells({ admins }: RealmConfig): Smell[] {
  const all = (admins ?? []).filter(({ may }) => may.includes('token.mint') && may.includes('cert.revoke'));
  if (all.length < 3) return [];
  const what = `expected few who may both mint and revoke, found ${all.length}`;
  return [{ where: 'admins', what, next: 'give each what it needs', severity: 'info' }];
}

/** @param mark the latest time that the realm has recorded. */
export function judgeClock(mark: Instant | undefined, now: Instant): Finding[] {
  if (mark === undefined || now >= mark - CLOCK_SKEW) return [];
  const what = `expected a clock at ${formatInstant(mark)} or later, which the realm has recorded, found ${formatInstant(now)}`;
  return [
    {
      code: 'clock-behind',
      severity: 'critical',
      where: 'clock',
      what,
      next: 'set the clock of this machine: until then tokens are refused',
    },
  ];
}

/** @param tokens that could still be used. */
export function judgeTokens(tokens: readonly Pick<Grant, 'format' | 'id' | 'expiresAt' | 'maxUses'>[]): Finding[] {
  return tokens.flatMap(({ format, id, expiresAt, maxUses }): Finding[] => {
    if (expiresAt !== null) return [];
    const [severity, uses] = maxUses === null ? (['warn', 'any number of uses'] as const) : (['info', `${maxUses} use(s)`] as const);
    const what = `expected a token that expires, found one without an end and ${uses}`;
    return [
      {
        code: 'token-endless',
        severity,
        where: `${format} token ${id}`,
        what,
        next: 'revoke it when the last node has joined: joinery token revoke',
      },
    ];
  });
}

const OLD_KEY = 365 * DAY;

export interface TokenKeyFacts {
  readonly kid: string;
  readonly state: string;
  readonly createdAt: Instant;
  readonly custody: 'offline' | 'online';
}

/** @param mintsOnline the server mints tokens, which needs an online key. */
export function judgeTokenKeys(keys: readonly TokenKeyFacts[], mintsOnline: boolean, now: Instant): Finding[] {
  const active = keys.find(({ state }) => state === 'active');
  if (active === undefined) {
    const what = 'expected a key that signs tokens, found none';
    return [{ code: 'token-key', severity: 'info', where: 'token keys', what, next: 'make one: joinery token keys create' }];
  }
  const where = `token key ${active.kid}`;
  const findings: Finding[] = [];
  const age = now - active.createdAt;
  if (age > OLD_KEY) {
    const what = `expected a key of less than a year, found one of ${formatDuration(age)}`;
    findings.push({ code: 'token-key', severity: 'warn', where, what, next: 'change it: joinery token keys rotate' });
  }
  if (active.custody === 'online' && !mintsOnline) {
    const what = 'expected the key that signs tokens offline, as the server does not mint, found it among the online keys';
    findings.push({ code: 'key-online', severity: 'warn', where, what, next: 'joinery token keys rotate --custody offline' });
  }
  return findings;
}
