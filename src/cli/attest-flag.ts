/** The flag `--attest PROVIDER=SOURCE`: what a node proves of itself, and where that comes from. */
import * as Flags from '@oclif/core/flags';
import { readNodeIdentity } from '../app/node-identity.ts';
import {
  callerEvidence,
  deviceEvidence,
  evidenceOfText,
  type EvidenceSource,
  requestDocument,
  voucherEvidence,
} from '../client/evidence.ts';
import type { NamedEvidence } from '../client/join-node.ts';
import { notJoined, type NodeClientWorld } from '../client/node-client.ts';
import type { AwsCredentials } from '../core/attest/aws-signature.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../core/canonical-json.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { SigningKey } from '../core/key-ports.ts';
import { isName } from '../core/names.ts';
import type { Secret } from '../core/secret.ts';

export const attestFlag = {
  attest: Flags.string({
    description:
      'prove what this machine is, to the attestor PROVIDER of the server: FILE or env:VARIABLE with evidence, x509pop:CERT,KEY for a device certificate, ' +
      'peer:DIR for a joined node on this machine that vouches, exec:PROGRAM for a program that makes evidence, aws-iam or aws-iam:HOST for AWS credentials in the environment',
    helpValue: 'PROVIDER=SOURCE',
  }),
};

export interface AttestWorld extends Pick<NodeClientWorld, 'files' | 'switches' | 'keys'> {
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @throws ERR_USAGE */
export function namedEvidence(world: AttestWorld, value: string | undefined): NamedEvidence | undefined {
  if (value === undefined) return undefined;
  const [, provider = '', source = ''] = /^([^=]*)=(.+)$/s.exec(value) ?? [];
  if (!isName(provider)) throw usage('PROVIDER=SOURCE', value);
  return { provider, source: sourceOf(world, source) };
}

function sourceOf(world: AttestWorld, text: string): EvidenceSource {
  const [, kind, rest = ''] = /^(env|x509pop|peer|exec|aws-iam)(?::(.*))?$/s.exec(text) ?? [];
  switch (kind) {
    case 'env':
      return () => Promise.resolve(evidenceOfText(variable(world, rest), rest));
    case 'x509pop':
      return deviceSource(world, rest);
    case 'peer':
      return async (request) => vouch(world, rest, await requestDocument(request), 'request');
    case 'exec':
      return async (request) => byProgram(rest, await requestDocument(request));
    case 'aws-iam':
      return async (request) => {
        const { hmacSha256 } = await import('../adapters/hmac-key.ts');
        return callerEvidence({ ...awsCaller(world, rest), hmac: hmacSha256 }, request);
      };
    default:
      return async () => evidenceOfText(await readText(world, text), text);
  }
}

const MAX_FILE = 64 * 1024;

async function readText({ files }: AttestWorld, path: string): Promise<string> {
  return decodeUtf8(await files.read(path, MAX_FILE), path);
}

function deviceSource(world: AttestWorld, paths: string): EvidenceSource {
  const [certificate, key, ...others] = paths.split(',');
  if (certificate === undefined || key === undefined || others.length > 0) throw usage('x509pop:CERT,KEY', paths);
  return async (request) => {
    const [certificates, pem] = [await readText(world, certificate), await readText(world, key)];
    return deviceEvidence({ certificates, key: await openKey(world, pem, key) }, request);
  };
}

async function openKey({ keys }: Pick<AttestWorld, 'keys'>, pem: string, what: string): Promise<SigningKey> {
  const refuse = (): Promise<Secret> =>
    Promise.reject(new JoineryError('ERR_KEY_PASSPHRASE', `${what}: expected a key that is not encrypted, found an encrypted one`));
  return (await keys.open(pem, what, refuse)).signing();
}

/** The node in a directory vouches. @param document `joinery/evidence-request/1` @throws ERR_NODE_NOT_JOINED, ERR_NODE_DIRECTORY, ERR_INPUT_MALFORMED */
export async function vouch(world: Omit<AttestWorld, 'env'>, directory: string, document: JsonValue, what: string): Promise<JsonObject> {
  const identity = await readNodeIdentity(world, directory);
  if (identity === undefined) throw notJoined(directory);
  const key = await openKey(world, identity.key.reveal(), directory);
  return voucherEvidence({ certificates: identity.certificatePem, key }, document, what);
}

/** A challenge is good for a minute. */
const PROGRAM_MS = 45_000;

/** A program is told of the node on its standard input, and writes evidence: it may ask another machine, or hardware. */
async function byProgram(program: string, document: JsonObject): Promise<JsonObject> {
  const { runProgram } = await import('../adapters/run-program.ts');
  const stdin = `${canonicalJson(document)}\n`;
  const output = await runProgram([program], { stdin, timeoutMs: PROGRAM_MS, maxBytes: MAX_FILE });
  return evidenceOfText(decodeUtf8(output, program), program);
}

function awsCaller({ env }: AttestWorld, host: string): { credentials: AwsCredentials; host: string; region: string } {
  const region = env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION'];
  const credentials = {
    accessKeyId: variable({ env }, 'AWS_ACCESS_KEY_ID'),
    secretAccessKey: variable({ env }, 'AWS_SECRET_ACCESS_KEY'),
    sessionToken: env['AWS_SESSION_TOKEN'],
  };
  const usual = region === undefined ? 'sts.amazonaws.com' : `sts.${region}.amazonaws.com`;
  return { credentials, host: host === '' ? usual : host, region: region ?? 'us-east-1' };
}

function variable({ env }: Pick<AttestWorld, 'env'>, name: string): string {
  const value = env[name];
  if (value !== undefined && value !== '') return value;
  throw new JoineryError('ERR_USAGE', `--attest: expected the environment variable ${name === '' ? 'of env:VARIABLE' : name}, found none`);
}

function usage(expected: string, found: string): JoineryError {
  return new JoineryError('ERR_USAGE', `--attest: expected ${expected}, found ${JSON.stringify(found.slice(0, 80))}`);
}
