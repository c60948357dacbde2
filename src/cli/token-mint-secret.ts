/** How the flags of `token mint` become a token of a dialect that is a secret or shares a key. */
import { readCa } from '../app/ca-records.ts';
import { type MintSecretTokenInput, mintSecretToken, type SecretDialect } from '../app/mint-secret-token.ts';
import type { Realm } from '../app/realm.ts';
import type { Pin } from '../core/digest.ts';
import { decodeUtf8, toPem } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { Seconds } from '../core/time.ts';
import { k3sCaHash } from '../core/token/k3s.ts';
import type { Context } from './context.ts';
import { durationFlag } from './flags.ts';
import { readInput } from './input.ts';
import { mintedData, mintedFields } from './render/tokens.ts';
import { bindKeyFlag, labelFlags, readHmacKey } from './token-flags.ts';
import type { Warn } from './token-mint.ts';
import { type Minted, type MintFlags, usesFlag } from './token-request.ts';

/** @throws ERR_USAGE and what the use case throws. */
export async function mintSecret(context: Context, flags: MintFlags, warn: Warn): Promise<Minted> {
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

function lifeFlag(value: string): Seconds | null {
  return value === 'never' ? null : durationFlag('--ttl', value);
}
