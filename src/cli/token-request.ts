/** What the flags of `token mint` ask for. */
import type { MintTokenInput } from '../app/mint-token.ts';
import type { JsonObject } from '../core/canonical-json.ts';
import type { Pin } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import type { Secret } from '../core/secret.ts';
import type { Seconds } from '../core/time.ts';
import type { TokenFormat } from '../core/token/grant.ts';
import type { Context } from './context.ts';
import { durationFlag, instantFlag } from './flags.ts';
import { bindKeyFlag, labelFlags, readHmacKey } from './token-flags.ts';

export interface MintFlags {
  readonly 'print-join-command'?: boolean;
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

/** @throws ERR_USAGE for a flag that would do nothing. */
export function assertFlagsFit(flags: MintFlags, stateless = false): void {
  for (const [flag, formats] of Object.entries(ONLY)) {
    if (formats.includes(flags.format) || (flags as unknown as Record<string, unknown>)[flag] === undefined) continue;
    if (flag === 'issuer' && stateless) continue;
    // The line says what such a token cannot.
    if (flag === 'url' && flags['print-join-command'] === true) continue;
    throw new JoineryError('ERR_USAGE', `--${flag}: expected with --format ${formats.join(' or ')}, found with ${flags.format}`, {
      ...(flag === 'url' && { hint: 'with --print-join-command the line says it, whatever the token' }),
      ...(flag === 'issuer' && {
        hint: 'a jwt of a realm names the realm; without a realm say --key-file, --key-env, --keychain or --hmac-key-file too',
      }),
    });
  }
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

/** null: unlimited. @throws ERR_USAGE */
export function usesFlag(value: string): number | null {
  if (value === 'unlimited') return null;
  if (/^[1-9]\d{0,6}$/.test(value)) return Number(value);
  throw new JoineryError(
    'ERR_USAGE',
    `--max-uses: expected a number from 1 to 1000000, or unlimited, found ${JSON.stringify(value.slice(0, 20))}`,
  );
}

/** A duration, or a .NET TimeSpan of days, hours, minutes and seconds. @throws ERR_USAGE */
export function lifetimeFlag(value: string): Seconds {
  const span = /^(?:(\d{1,3})\.)?(\d{2}):(\d{2}):(\d{2})$/.exec(value);
  if (span === null) return durationFlag('--lifetime', value);
  const [, days = '0', hours, minutes, seconds] = span as unknown as [string, string | undefined, string, string, string];
  return durationFlag('--lifetime', `${((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)}s`);
}
