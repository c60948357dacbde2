/** `token mint` for many tokens, and without a realm: from a key file or an environment variable, for pipelines. */
import * as Flags from '@oclif/core/flags';
import { mintStateless } from '../app/mint-stateless.ts';
import type { Batch, BatchSize, BatchToken } from '../app/token-steps.ts';
import { JoineryError } from '../core/errors.ts';
import { Secret } from '../core/secret.ts';
import { decodeUtf8, utf8 } from '../core/encoding.ts';
import { parseNodeList } from '../core/token/node-list.ts';
import { signerOf, type TokenSigner } from '../core/token/signer.ts';
import type { Context } from './context.ts';
import { nameOfInput, readInput } from './input.ts';
import { currentIo } from './io.ts';
import { tokenData, tokenFields } from './render/tokens.ts';
import { readKeyText } from './token-flags.ts';
import { assertFlagsFit, jwtRequest, type Minted, type MintFlags } from './token-request.ts';

export const batchFlags = {
  'key-file': Flags.string({
    description: 'sign with this private key, without a realm (PEM or JWK)',
    helpValue: 'FILE',
    helpGroup: 'STATELESS',
    exclusive: ['key-env', 'kid', 'hmac-key-file', 'keychain', 'realm'],
  }),
  'key-env': Flags.string({
    description: 'sign with the private key in this environment variable, without a realm',
    helpValue: 'VARIABLE',
    helpGroup: 'STATELESS',
    exclusive: ['key-file', 'kid', 'hmac-key-file', 'keychain', 'realm'],
  }),
  count: Flags.integer({ description: 'mint so many, as JSON lines', min: 1, helpValue: 'N', helpGroup: 'BATCH' }),
  from: Flags.string({
    description: 'mint one bound token for each node of a CSV or JSON lines file, as JSON lines',
    helpValue: 'FILE',
    helpGroup: 'BATCH',
    exclusive: ['node'],
  }),
};

export interface BatchFlags extends MintFlags {
  readonly 'key-file'?: string | undefined;
  readonly 'key-env'?: string | undefined;
  readonly count?: number | undefined;
  readonly from?: string | undefined;
  readonly realm?: string | undefined;
  readonly keychain: boolean;
}

const MAX_NODE_LIST_BYTES = 64 * 1024 * 1024;

/** Shared secrets and the keychain serve realms as well: the issuer, which a realm knows by itself, says that there is none. */
export function isStateless(flags: BatchFlags): boolean {
  const { 'key-file': file, 'key-env': variable, 'hmac-key-file': shared, keychain, issuer, realm, format } = flags;
  if (file !== undefined || variable !== undefined) return true;
  return format === 'jwt' && issuer !== undefined && realm === undefined && (shared !== undefined || keychain);
}

export function isStream(flags: BatchFlags): boolean {
  return flags.count !== undefined || flags.from !== undefined;
}

/** @throws ERR_USAGE and what the use cases throw. */
export async function batchByFlags(context: Context, flags: BatchFlags): Promise<Batch> {
  const { count, from, format } = flags;
  if (format !== 'jwt')
    throw new JoineryError('ERR_USAGE', `--format: expected jwt with --key-file, --key-env, --count and --from, found ${format}`);
  assertFlagsFit(flags, isStateless(flags));
  const size: BatchSize = { ...(count !== undefined && { count }), ...(from !== undefined && { nodes: await nodesOf(context, from) }) };
  const { kid, signer, ...request } = await jwtRequest(context, flags);
  if (!isStateless(flags)) {
    const { mintBatch } = await import('../app/mint-batch.ts');
    return mintBatch(await context.realm(), { ...request, ...size, ...(kid !== undefined && { kid }), ...(signer && { signer }) });
  }
  const { issuer } = flags;
  if (issuer === undefined)
    throw new JoineryError('ERR_USAGE', '--issuer: expected with --key-file and --key-env, found none', {
      hint: 'the domain of the environment: verifiers compare it',
    });
  return mintStateless(context.world, { request, issuer, signer: signer ?? (await signerByFlags(context, flags)), ...size });
}

export async function nodesOf(context: Context, path: string): Promise<readonly string[]> {
  const what = nameOfInput(path);
  return parseNodeList(decodeUtf8(await readInput(context.world.files, path, MAX_NODE_LIST_BYTES), what), what);
}

async function signerByFlags(context: Context, flags: BatchFlags): Promise<TokenSigner> {
  const { 'key-file': file, 'key-env': variable } = flags;
  if (file !== undefined) return signerOf(await context.signingKeyOf(await readKeyText(context.world.files, file), nameOfInput(file)));
  if (variable === undefined) {
    const { fetchTokenKey } = await import('../app/keychain-token-key.ts');
    const text = await fetchTokenKey(await context.keychain(), flags.issuer as string);
    return signerOf(await context.signingKeyOf(text.reveal(), 'keychain'));
  }
  return signerOf(await context.signingKeyOf(takeVariable(variable), variable));
}

function takeVariable(name: string): string {
  const { env } = currentIo();
  const text = env[name];
  // Read once: a child process must not inherit it.
  delete env[name];
  if (text === undefined || text === '')
    throw new JoineryError('ERR_KEY_NOT_FOUND', `--key-env: expected a private key in ${name}, found nothing`);
  return text;
}

/** The one token of a batch that is no stream. */
export async function onlyToken(batch: Batch): Promise<Minted> {
  const first = (await batch.steps.next()).value as readonly BatchToken[];
  const { id, token } = first[0] as BatchToken;
  const claims = { ...batch.template, jti: id };
  return { token: new Secret(token), data: tokenData(claims, batch.signer), about: tokenFields(claims, batch.signer) };
}

/** Every step as bytes of JSON lines. @param onStep is told of each before it is given out. */
export async function* bytesOf(steps: Batch['steps'], onStep: (step: readonly BatchToken[]) => void): AsyncGenerator<Uint8Array> {
  for await (const step of steps) {
    onStep(step);
    yield utf8(step.map((token) => `${JSON.stringify(token)}\n`).join(''));
  }
}
