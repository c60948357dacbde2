/** How the flags of `token mint` become a token: one function for `jwt`, one for the dialects that are secrets or share a key. */
import { readCa } from '../app/ca-records.ts';
import { type MintSecretTokenInput, mintSecretToken, type SecretDialect } from '../app/mint-secret-token.ts';
import { type MintTokenInput, mintToken } from '../app/mint-token.ts';
import type { Realm } from '../app/realm.ts';
import type { JsonObject } from '../core/canonical-json.ts';
import type { Pin } from '../core/digest.ts';
import { decodeUtf8, toPem } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import type { Seconds } from '../core/time.ts';
import type { TokenFormat } from '../core/token/grant.ts';
import { k3sCaHash } from '../core/token/k3s.ts';
import type { Context } from './context.ts';
import { durationFlag, instantFlag } from './flags.ts';
import { readInput } from './input.ts';
import { mintedData, mintedFields, tokenData, tokenFields } from './render/tokens.ts';
import { bindKeyFlag, labelFlags, readHmacKey } from './token-flags.ts';

export interface MintFlags {
  readonly format: TokenFormat;
  readonly cluster: readonly string[];
  readonly role: string;
  readonly ttl?: string | undefined;
  readonly 'not-before'?: string | undefined;
  readonly 'max-uses': string;
  readonly node?: string | undefined;
  readonly 'allow-reentry': boolean;
  readonly 'bind-key'?: string | undefined;
  readonly environment?: string | undefined;
  readonly label: readonly string[];
  readonly url?: readonly string[] | undefined;
  readonly pin?: readonly string[] | undefined;
  readonly kid?: string | undefined;
  readonly 'hmac-key-file'?: string | undefined;
  readonly issuer?: string | undefined;
  readonly ca?: string | undefined;
  readonly 'ca-file'?: string | undefined;
  readonly user?: string | undefined;
}

export interface Minted {
  readonly token: Secret;
  readonly data: JsonObject;
  readonly about: string;
}

type Warn = (message: string) => void;

/** Flags that only one kind of token knows: what does nothing must not look as if it did. */
const ONLY: Readonly<Record<string, readonly TokenFormat[]>> = {
  'not-before': ['jwt'],
  url: ['jwt'],
  pin: ['jwt'],
  kid: ['jwt'],
  'hmac-key-file': ['jwt', 'omnirelay'],
  issuer: ['omnirelay'],
  ca: ['secure', 'k3s', 'kubeadm'],
  'ca-file': ['k3s'],
  user: ['k3s'],
  node: ['jwt', 'secure', 'k3s', 'kubeadm'],
  'bind-key': ['jwt', 'secure', 'k3s', 'kubeadm'],
};

/** @throws ERR_USAGE and what the use cases throw. */
export async function mintByFlags(context: Context, flags: MintFlags, warn: Warn): Promise<Minted> {
  for (const [flag, formats] of Object.entries(ONLY)) {
    if (formats.includes(flags.format) || (flags as unknown as Record<string, unknown>)[flag] === undefined) continue;
    throw new JoineryError('ERR_USAGE', `--${flag}: expected with --format ${formats.join(' or ')}, found with ${flags.format}`);
  }
  return flags.format === 'jwt' ? mintJwt(context, flags) : mintSecret(context, flags, warn);
}

async function mintJwt(context: Context, flags: MintFlags): Promise<Minted> {
  const minted = await mintToken(await context.realm(), await jwtRequest(context, flags));
  return { token: minted.token, data: tokenData(minted.claims, minted), about: tokenFields(minted.claims, minted) };
}

/** What is asked for, of a `jwt`. @throws ERR_USAGE and what its files throw. */
export async function jwtRequest(context: Context, flags: MintFlags): Promise<MintTokenInput> {
  const { node, environment, url, pin, kid, ttl } = flags;
  const { files } = context.world;
  const maxUses = usesFlag(flags['max-uses']);
  if (maxUses === null) throw new JoineryError('ERR_USAGE', '--max-uses: expected a number for a jwt, found unlimited');
  return {
    clusters: flags.cluster,
    role: flags.role,
    maxUses,
    allowReentry: flags['allow-reentry'],
    labels: labelFlags(flags.label),
    ...(ttl !== undefined && { ttl: durationFlag('--ttl', ttl) }),
    ...(flags['not-before'] !== undefined && { notBefore: instantFlag('--not-before', flags['not-before']) }),
    ...(node !== undefined && { node }),
    ...(environment !== undefined && { environment }),
    ...(url !== undefined && { urls: url }),
    ...(pin !== undefined && { pins: pin as readonly Pin[] }),
    ...(kid !== undefined && { kid }),
    ...(flags['bind-key'] !== undefined && { keyThumbprint: await bindKeyFlag(files, flags['bind-key']) }),
    ...(flags['hmac-key-file'] !== undefined && { signer: context.hmacSigner(await readHmacKey(files, flags['hmac-key-file'])) }),
  };
}

async function mintSecret(context: Context, flags: MintFlags, warn: Warn): Promise<Minted> {
  const [cluster, ...others] = flags.cluster as [string, ...string[]];
  if (others.length > 0)
    throw new JoineryError('ERR_USAGE', `--cluster: expected one cluster for a ${flags.format} token, found ${others.length + 1}`);
  const realm = await context.realm();
  const { dialect, pin } = await dialectByFlags(context, realm, flags, warn);
  const { node, environment, ttl } = flags;
  const input: MintSecretTokenInput = {
    dialect,
    cluster,
    role: flags.role,
    maxUses: usesFlag(flags['max-uses']),
    allowReentry: flags['allow-reentry'],
    labels: labelFlags(flags.label),
    ...(ttl !== undefined && { ttl: lifeFlag(ttl) }),
    ...(node !== undefined && { node }),
    ...(environment !== undefined && { environment }),
    ...(flags['bind-key'] !== undefined && { keyThumbprint: await bindKeyFlag(context.world.files, flags['bind-key']) }),
  };
  const { token, grant } = await mintSecretToken(realm, input);
  return { token, data: mintedData(grant, pin), about: mintedFields(grant, pin) };
}

interface DialectOfFlags {
  readonly dialect: SecretDialect;
  /** That goes beside the token. */
  readonly pin?: Pin;
}

async function dialectByFlags(context: Context, realm: Realm, flags: MintFlags, warn: Warn): Promise<DialectOfFlags> {
  const { format, user, issuer } = flags;
  if (format === 'omnirelay') {
    const key = await readHmacKey(context.world.files, required(flags['hmac-key-file'], '--hmac-key-file', format), 1);
    if (key.length < 32) warn(`the key has ${key.length} bytes: OmniRelay takes it, but fewer than 32 can be guessed from one token`);
    const signer = context.hmacSigner(key);
    return { dialect: { format, mac: (data) => signer.sign(data), ...(issuer !== undefined && { issuer }) } };
  }
  if (format === 'k3s' && flags['ca-file'] !== undefined) {
    const pem = decodeUtf8(await readInput(context.world.files, flags['ca-file'], 1024 * 1024), flags['ca-file']);
    return { dialect: { format, caHash: k3sCaHash(pem, realm.verifySignature, flags['ca-file']), ...(user !== undefined && { user }) } };
  }
  const { certificate } = await readCa(realm, required(flags.ca, '--ca', format), '--ca');
  switch (format) {
    case 'secure':
      return { dialect: { format, caFingerprint: certificate.fingerprint } };
    case 'k3s':
      return {
        dialect: {
          format,
          caHash: k3sCaHash(toPem('CERTIFICATE', certificate.der), realm.verifySignature),
          ...(user !== undefined && { user }),
        },
      };
    default:
      return { dialect: { format: 'kubeadm' }, pin: certificate.pin };
  }
}

function required(value: string | undefined, flag: string, format: string): string {
  if (value !== undefined) return value;
  throw new JoineryError('ERR_USAGE', `${flag}: expected with --format ${format}, found none`);
}

function usesFlag(value: string): number | null {
  if (value === 'unlimited') return null;
  if (/^[1-9]\d{0,6}$/.test(value)) return Number(value);
  throw new JoineryError(
    'ERR_USAGE',
    `--max-uses: expected a number from 1 to 1000000, or unlimited, found ${JSON.stringify(value.slice(0, 20))}`,
  );
}

function lifeFlag(value: string): Seconds | null {
  return value === 'never' ? null : durationFlag('--ttl', value);
}

/** A duration, or a .NET TimeSpan of days, hours, minutes and seconds. @throws ERR_USAGE */
export function lifetimeFlag(value: string): Seconds {
  const span = /^(?:(\d{1,3})\.)?(\d{2}):(\d{2}):(\d{2})$/.exec(value);
  if (span === null) return durationFlag('--lifetime', value);
  const [, days = '0', hours, minutes, seconds] = span as unknown as [string, string | undefined, string, string, string];
  return durationFlag('--lifetime', `${((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)}s`);
}
