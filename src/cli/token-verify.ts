/** How the flags of `token verify` choose what verifies: the realm, a key alone, or only the signature. */
import { verifyToken, verifyTokenOffline } from '../app/verify-token.ts';
import type { JsonObject } from '../core/canonical-json.ts';
import { toBase64Url } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { Expectations } from '../core/token/checks.ts';
import { detectFormat } from '../core/token/format.ts';
import { JWS_ALGORITHMS, type JwsAlgorithm, parseAnyJwks } from '../core/token/jws-keys.ts';
import { verifyAnyJws } from '../core/token/jws.ts';
import { OMNIRELAY_CLI_ISSUER, OMNIRELAY_ISSUER } from '../core/token/omnirelay.ts';
import type { VerifiedToken } from '../core/token/verify.ts';
import type { Context } from './context.ts';
import { durationFlag } from './flags.ts';
import { mintedData, mintedFields, tokenData, tokenFields } from './render/tokens.ts';
import { bindKeyFlag, readHmacKey, readKeyText, readToken, readVerifyKeys, type VerifyKeyFiles } from './token-flags.ts';

export interface VerifyFlags extends VerifyKeyFiles {
  readonly 'token-file': string;
  readonly cluster?: string | undefined;
  readonly role?: string | undefined;
  readonly node?: string | undefined;
  readonly 'bind-key'?: string | undefined;
  readonly issuer?: string | undefined;
  readonly environment?: string | undefined;
  readonly 'max-lifetime': string;
  readonly algorithms?: string | undefined;
  readonly realm?: string | undefined;
}

export interface Verified {
  readonly data: JsonObject;
  /** Lines for people after the first, which says that it is valid. */
  readonly lines: readonly string[];
}

/** @throws ERR_USAGE and what the use cases throw. */
export async function verifyByFlags(context: Context, flags: VerifyFlags): Promise<Verified> {
  const { cluster } = flags;
  if (cluster === undefined) throw new JoineryError('ERR_USAGE', '--cluster: expected the cluster that the token must be for, found none');
  const token = await readToken(context.world.files, flags['token-file']);
  const expected = await expectationsOf(context, { ...flags, cluster });
  const format = detectFormat(token);
  if (format === 'jwt') return ofJwt(await verifyJwtBy(context, flags, token, expected));
  const { verifyGrant, verifyOmnirelayOffline } = await import('../app/verify-grant.ts');
  const omnirelay =
    format === 'omnirelay' && flags['hmac-key-file'] !== undefined
      ? await omnirelayKey(context, flags['hmac-key-file'], flags.issuer)
      : undefined;
  const verified =
    omnirelay !== undefined && flags.realm === undefined
      ? await verifyOmnirelayOffline(context.world.clock, { ...expected, token, omnirelay, maxLifetime: maxLifetime(flags) })
      : await verifyGrant(await context.realm(), { ...expected, token, ...(omnirelay && { omnirelay }) });
  const { grant, unchecked } = verified;
  return { data: { ...mintedData(grant), unchecked }, lines: [mintedFields(grant), ...uncheckedLine(unchecked)] };
}

async function expectationsOf(context: Context, flags: VerifyFlags & { readonly cluster: string }): Promise<Expectations> {
  const { cluster, role, node } = flags;
  return {
    cluster,
    ...(role !== undefined && { role }),
    ...(node !== undefined && { node }),
    ...(flags['bind-key'] !== undefined && { keyThumbprint: await bindKeyFlag(context.world.files, flags['bind-key']) }),
  };
}

async function verifyJwtBy(context: Context, flags: VerifyFlags, token: string, expected: Expectations): Promise<VerifiedToken> {
  const { world } = context;
  const { issuer, environment } = flags;
  const keys = await readVerifyKeys(world.files, flags);
  // A shared secret is not in the realm: with --realm it is one more key of it.
  if (keys.length === 0 || (flags.realm !== undefined && flags['hmac-key-file'] !== undefined)) {
    return verifyToken(await context.realm(), { ...expected, token, extraKeys: keys });
  }
  return verifyTokenOffline(world, {
    ...expected,
    ...(issuer !== undefined && { issuer }),
    ...(environment !== undefined && { environment }),
    token,
    keys,
    maxLifetime: maxLifetime(flags),
  });
}

function maxLifetime(flags: VerifyFlags) {
  return durationFlag('--max-lifetime', flags['max-lifetime']);
}

async function omnirelayKey(context: Context, path: string, issuer: string | undefined) {
  const signer = context.hmacSigner(await readHmacKey(context.world.files, path, 1));
  return {
    mac: (data: Uint8Array) => signer.sign(data),
    issuers: issuer === undefined ? [OMNIRELAY_ISSUER, OMNIRELAY_CLI_ISSUER] : [issuer],
  };
}

function ofJwt(verified: VerifiedToken): Verified {
  const { claims, unknown, unchecked } = verified;
  const strangers = Object.keys(unknown);
  return {
    data: { ...tokenData(claims, verified), unknown, unchecked },
    lines: [
      tokenFields(claims, verified),
      ...(strangers.length > 0 ? [`unknown claims, not trusted: ${strangers.map((name) => JSON.stringify(name)).join(', ')}`] : []),
      ...uncheckedLine(unchecked),
    ],
  };
}

function uncheckedLine(unchecked: readonly string[]): readonly string[] {
  return unchecked.length > 0 ? [`not checked here: ${unchecked.join(', ')}`] : [];
}

/** Any JWS under any JWK set: nothing but the signature. @throws ERR_USAGE and those of {@link verifyAnyJws}. */
export async function verifySignatureByFlags(context: Context, flags: VerifyFlags): Promise<Verified> {
  const { jwks } = flags;
  if (jwks === undefined) throw new JoineryError('ERR_USAGE', '--jwks: expected the keys with --signature-only, found none');
  const { files, verifyJws } = context.world;
  const keys = parseAnyJwks(await readKeyText(files, jwks), jwks);
  const text = await readToken(files, flags['token-file'], 1024 * 1024 + 2);
  const { algorithm, header, payload } = await verifyAnyJws(text, { keys, algorithms: algorithmsFlag(flags.algorithms), verifyJws });
  return {
    data: { algorithm, header, payload_base64url: toBase64Url(payload) },
    lines: [`${algorithm}, payload of ${payload.length} bytes; nothing else was checked`],
  };
}

function algorithmsFlag(value: string | undefined): readonly JwsAlgorithm[] {
  if (value === undefined) return JWS_ALGORITHMS;
  const names = value.split(',');
  const unknown = names.find((name) => !(JWS_ALGORITHMS as readonly string[]).includes(name));
  if (unknown === undefined) return names as JwsAlgorithm[];
  throw new JoineryError(
    'ERR_USAGE',
    `--algorithms: expected some of ${JWS_ALGORITHMS.join(',')}, found ${JSON.stringify(unknown.slice(0, 20))}`,
  );
}
