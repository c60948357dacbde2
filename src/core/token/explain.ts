/** Says what a token is, in words, without verifying anything: what it pins, what it grants, who could misuse it and how. */
import { digestOf, type Fingerprint } from '../digest.ts';
import { utf8 } from '../encoding.ts';
import { formatDuration, formatInstant } from '../time.ts';
import { parseClaims } from './claims.ts';
import { detectFormat } from './format.ts';
import { type Grant, grantOfClaims, type TokenFormat } from './grant.ts';
import { parseCompact } from './jwt.ts';
import { parseK3s } from './k3s.ts';
import { parseKubeadm } from './kubeadm.ts';
import { grantOfOmnirelay, parseOmnirelayPayload, splitOmnirelay } from './omnirelay.ts';
import { idOfSecret, parseSecure } from './secure.ts';

export interface Explanation {
  readonly format: TokenFormat;
  readonly what: string;
  /** The id by which it is revoked and found in the audit log. */
  readonly id: string;
  /** What it pins, and over which bytes. */
  readonly pins: readonly string[];
  readonly grants: string;
  readonly until: string;
  readonly uses: string;
  /** Who could misuse it, and how. */
  readonly misuse: readonly string[];
  /** What a verifier still has to check. */
  readonly toCheck: readonly string[];
}

const REALM_KNOWS = 'the realm’s record of it: the token itself does not say';

/**
 * @throws ERR_TOKEN_TOO_LARGE, ERR_TOKEN_MALFORMED, ERR_TOKEN_CLAIMS for what is no token of any dialect.
 */
export function explainToken(text: string): Explanation {
  const format = detectFormat(text);
  return { format, ...EXPLAINERS[format](text) };
}

type Explainer = (text: string) => Omit<Explanation, 'format'>;

const EXPLAINERS: Readonly<Record<TokenFormat, Explainer>> = {
  jwt: explainJwt,
  secure: explainSecure,
  omnirelay: explainOmnirelay,
  k3s: explainK3s,
  kubeadm: explainKubeadm,
};

function explainJwt(text: string): Omit<Explanation, 'format'> {
  const { header, payload } = parseCompact(text);
  const { claims, unknown } = parseClaims(payload);
  const grant = grantOfClaims(claims);
  const { pins = [], trust = {}, urls = [] } = claims;
  const keyed = header.alg.startsWith('HS');
  return {
    what: `a signed join token (${header.alg}${header.kid === undefined ? '' : `, key ${header.kid}`}) of ${claims.iss}`,
    id: claims.jti,
    pins: [
      ...pins.map((pin) => `${pin}: SHA-256 of the SubjectPublicKeyInfo of a key that the server must show`),
      ...Object.entries(trust).map(
        ([purpose, digest]) => `${digest}: SHA-256 of the canonical trust manifest for ${purpose}, where the node starts its trust`,
      ),
    ],
    grants: `${sayGrant(grant)}${urls.length === 0 ? '' : `, at ${urls.join(', ')}`}`,
    until: sayTime(grant),
    uses: sayUses(grant),
    misuse: [bearerOf(grant), ...(keyed ? ['whoever verifies it has the shared secret and can mint such tokens too'] : [])],
    toCheck: [
      keyed ? 'the HMAC, with the shared secret' : 'the signature, with the issuer’s public key from a second channel',
      'issuer, cluster, role, environment, node and key against what is expected',
      'revocation and uses, which only the realm knows',
      ...Object.keys(unknown).map((claim) => `nothing about the unknown claim ${claim}: it is not trusted`),
    ],
  };
}

function explainOmnirelay(text: string): Omit<Explanation, 'format'> {
  const token = parseOmnirelayPayload(splitOmnirelay(text).payload);
  const grant = grantOfOmnirelay(token);
  return {
    what: `an OmniRelay bootstrap token of ${token.issuer}`,
    id: grant.id,
    pins: [],
    grants: sayGrant({ ...grant, clusters: [token.clusterId] }),
    until: sayTime(grant),
    uses: sayUses(grant),
    misuse: [
      bearerOf(grant),
      'whoever verifies it has the signing key and can mint such tokens too',
      'it pins no server: sent to the wrong one, it is lost',
    ],
    toCheck: ['the HMAC-SHA256 over the payload bytes, with the shared key', 'issuer and cluster', 'uses, which only the service knows'],
  };
}

function explainSecure(text: string): Omit<Explanation, 'format'> {
  const { secret, caFingerprint } = parseSecure(text);
  return explainSecret(
    'a cluster token in GastroLog’s form',
    idOfSecret(secret),
    [pinOfCa(caFingerprint)],
    ['the server’s certification path: the pinned CA must anchor it. That some certificate of the chain has the hash proves nothing'],
  );
}

function explainK3s(text: string): Omit<Explanation, 'format'> {
  const { caHash, credential } = parseK3s(text);
  const user = 'user' in credential;
  const what = user ? `a K3s token of user ${credential.user}` : 'a K3s bootstrap token';
  const hash = `${caHash}: SHA-256 of the cluster CA file: of its literal PEM bytes if it holds one certificate, of the root’s DER if it holds several`;
  return explainSecret(
    what,
    user ? idOfSecret(utf8(credential.password)) : credential.id,
    [hash],
    [
      'the CA bundle that the server offers: only the anchor with this hash is to be trusted, not the rest of the bundle',
      ...(user && credential.user === 'server'
        ? ['whether it should be a server token at all: it also opens the cluster’s bootstrap data']
        : []),
    ],
  );
}

function explainKubeadm(text: string): Omit<Explanation, 'format'> {
  return explainSecret(
    'a kubeadm bootstrap token',
    parseKubeadm(text).id,
    [],
    ['the pin that came beside it: sha256 of the SubjectPublicKeyInfo of the CA. Without it any server can pose as the cluster'],
  );
}

function pinOfCa(fingerprint: Fingerprint): string {
  return `${fingerprint}: SHA-256 of the DER of the CA certificate that must anchor the server’s path`;
}

function explainSecret(what: string, id: string, pins: readonly string[], toCheck: readonly string[]): Omit<Explanation, 'format'> {
  return {
    what,
    id,
    pins,
    grants: REALM_KNOWS,
    until: REALM_KNOWS,
    uses: REALM_KNOWS,
    misuse: ['whoever holds a copy, until it is used up, ends or is revoked: it is a plain secret, and no key is bound to it'],
    toCheck: [...toCheck, 'the secret, cluster, time, revocation and uses, in the realm'],
  };
}

function sayGrant({ clusters, role, environment, node, allowReentry }: Grant): string {
  const where = environment === undefined ? '' : ` in environment ${environment}`;
  const who = node === undefined ? '' : `, as node ${node} only${allowReentry ? ', again too if it was there before' : ''}`;
  return `joining ${clusters.join(' or ')}${where} as ${role}${who}`;
}

function sayTime({ notBefore, expiresAt }: Grant): string {
  const end = expiresAt as NonNullable<typeof expiresAt>;
  return `${formatInstant(end)} (from ${formatInstant(notBefore)}, ${formatDuration(end - notBefore)})`;
}

function sayUses({ maxUses }: Grant): string {
  return maxUses === null ? 'without limit' : maxUses === 1 ? 'once' : `${maxUses} times`;
}

function bearerOf({ keyThumbprint, node }: Grant): string {
  if (keyThumbprint !== undefined) return `nobody without the private key ${keyThumbprint}: a stolen copy is useless`;
  if (node !== undefined) return `whoever holds a copy first, in the name of node ${node}`;
  return 'whoever holds a copy first, under any name that the policy allows';
}

/** The name under which a found copy can be looked up in the audit log. */
export function digestOfToken(text: string): string {
  return digestOf(utf8(text));
}
