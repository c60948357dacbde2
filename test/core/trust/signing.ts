import { generatePrivateKey, signingKey, verifySignature } from '../../../src/adapters/signatures.ts';
import { canonicalBytes, type JsonObject } from '../../../src/core/canonical-json.ts';
import { toBase64Url } from '../../../src/core/encoding.ts';
import { joseAlgorithmOf, jwkThumbprint, publicJwk } from '../../../src/core/jwk.ts';
import type { KeyType, SigningKey } from '../../../src/core/key-ports.ts';
import { instant, parseInstant } from '../../../src/core/time.ts';
import { activationStatement } from '../../../src/core/trust/activation.ts';
import type { TrustVersion } from '../../../src/core/trust/chain.ts';
import { type Composition, composeManifest } from '../../../src/core/trust/compose.ts';
import { type Envelope, signEnvelope } from '../../../src/core/trust/envelope.ts';
import { readManifest, type SignedManifest } from '../../../src/core/trust/manifest.ts';
import type { Purpose } from '../../../src/core/trust/purpose.ts';
import { testCa } from '../../fakes/anchors.ts';

export const NOW = instant(parseInstant('2026-11-22T10:00:00Z') as number);
export const YEAR = 31536000;

export const newKey = (type: KeyType = 'ed25519'): SigningKey => signingKey(generatePrivateKey(type));
export const webRoot = await testCa('web-root');
export const nodeRoot = await testCa('node-root');
export const working = newKey();
export const spare = newKey('p256');
const jwk = (key: SigningKey) => publicJwk(key.spki);

export interface Made {
  readonly signed: SignedManifest;
  readonly version: TrustVersion;
}

export interface MakeOptions extends Partial<Omit<Composition<Purpose>, 'replaces' | 'signers'>> {
  readonly replaces?: Made | undefined;
  readonly signers?: readonly SigningKey[];
  /** Who really signs; default the first signer. */
  readonly keys?: readonly SigningKey[];
  /** Changes the document before it is signed. */
  readonly change?: (manifest: JsonObject) => JsonObject;
}

/** A signed and activated version, right unless an option makes it wrong. */
export async function make(options: MakeOptions = {}): Promise<Made> {
  const {
    replaces,
    signers = [working, spare],
    keys = [signers[0] as SigningKey],
    change = (manifest: JsonObject) => manifest,
    ...rest
  } = options;
  const composition: Composition<Purpose> = {
    purpose: 'control-plane-https',
    version: (replaces?.signed.manifest.trust_bundle_version ?? 0) + 1,
    environment: { name: 'lab', domain: 'lab.example.internal' },
    replaces: replaces?.signed,
    anchors: [webRoot.certificate],
    now: NOW,
    expires: YEAR,
    minSignatures: 1,
    ...rest,
    signers: signers.map(jwk),
  };
  const manifest = change(composeManifest(composition) as unknown as JsonObject);
  const envelope = await signEnvelope(manifest, 'trust-bundle+jws', keys);
  const signed = readManifest(envelope, composition.purpose, verifySignature, 'made');
  return { signed, version: { manifest: envelope, activation: await activate(signed, keys) } };
}

export async function activate(signed: SignedManifest, keys: readonly SigningKey[] = [working]): Promise<Envelope> {
  return signEnvelope(activationStatement(signed, NOW, 'alice'), 'trust-activation+jws', keys);
}

/** Signs any payload bytes under any header: what an attacker can do. */
export async function forge(payload: string, key: SigningKey, header: JsonObject = {}, unprotected?: JsonObject): Promise<JsonObject> {
  const names = { alg: joseAlgorithmOf(jwk(key)), kid: jwkThumbprint(jwk(key)), typ: 'trust-bundle+jws', ...header };
  const encoded = toBase64Url(canonicalBytes(names));
  const body = Buffer.from(payload).toString('base64url');
  const signature = toBase64Url(await key.sign(Buffer.from(`${encoded}.${body}`), 'ieee-p1363'));
  return { payload: body, signatures: [{ protected: encoded, signature, ...(unprotected && { header: unprotected }) }] };
}
