/** Signing by several people on several machines: a proposal goes from one to the next as a file, and back. */
import type { JsonObject, JsonValue } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import { jwkThumbprint } from '../core/jwk.ts';
import { object, oneOf, parseDocument } from '../core/parse.ts';
import type { SigningKey } from '../core/key-ports.ts';
import { type AnchorChange, compareAnchors } from '../core/trust/compose.ts';
import { cosign, type Envelope, envelopeParser, validSigners } from '../core/trust/envelope.ts';
import { readManifest, type SignedManifest } from '../core/trust/manifest.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import { commit, type Realm } from './realm.ts';
import { auditingRefusal, trustEvent } from './trust-audit.ts';
import { asJson, findSigners, readActive, readVersion, versionKey } from './trust-records.ts';

const proposal = object({ schema: oneOf(['joinery/trust-proposal/1']), purpose: oneOf(PURPOSES), manifest: envelopeParser });

/** `joinery/trust-proposal/1`: a version that waits for signatures. It is for signers only: nothing on a node accepts it. */
export function proposalDocument(purpose: Purpose, manifest: Envelope): JsonObject {
  return { schema: 'joinery/trust-proposal/1', purpose, manifest };
}

export interface SignedProposal {
  readonly document: JsonObject;
  readonly purpose: Purpose;
  readonly version: number;
  readonly digest: string;
  /** What the signer put their name to. */
  readonly anchors: readonly AnchorChange[];
  readonly signatures: number;
  readonly minSignatures: number;
}

/** The proposal of a published version. @throws ERR_TRUST_NOT_FOUND */
export async function exportProposal(realm: Realm, purpose: Purpose, version: number): Promise<SignedProposal> {
  const { signed } = await readVersion(realm, purpose, version);
  return described(realm, signed);
}

/**
 * Adds the signature of this realm's key. The key is one that the manifest names; this realm need not be the one that made it.
 * @param value a proposal document.
 * @throws ERR_TRUST_SIGNER_UNKNOWN when no key here is one of its signers, ERR_TRUST_SIGNATURE_DUPLICATE, and what reading throws
 */
export async function signProposal(realm: Realm, value: JsonValue, what: string): Promise<SignedProposal> {
  const signed = readProposal(realm, value, what);
  const { purpose, trust_bundle_version: version } = signed.manifest;
  return auditingRefusal(realm, 'bootstrap_trust.sign', purpose, { trust_bundle_version: version }, async () => {
    const key = await keyFor(realm, signed, what);
    const envelope = await cosign(signed.opened, 'trust-bundle+jws', key, what);
    const result = readManifest(envelope, purpose, realm.verifySignature, what);
    await commit(realm.store, { checks: [], writes: [], audit: [trustEvent(realm, 'bootstrap_trust.sign', result)] });
    return described(realm, result);
  });
}

function readProposal(realm: Realm, value: JsonValue, what: string): SignedManifest {
  const { purpose, manifest } = parseDocument(proposal, value, what, 'ERR_TRUST_ENVELOPE_MALFORMED');
  return readManifest(manifest, purpose, realm.verifySignature, what);
}

async function keyFor(realm: Realm, { manifest, opened }: SignedManifest, what: string): Promise<SigningKey> {
  const { value } = await findSigners(realm, manifest.purpose);
  const wanted = new Set(manifest.signers.map((jwk) => jwkThumbprint(jwk)));
  const done = new Set(opened.signatures.map((signature) => signature.kid));
  const usable = value.signers.filter((signer) => signer.key !== undefined && !done.has(signer.kid));
  // One that the version names; else an older key, which may have to vouch for the version that replaces it.
  const chosen = usable.find((signer) => wanted.has(signer.kid)) ?? usable.find((signer) => signer.status === 'former');
  if (chosen?.key !== undefined) return realm.vault.open(chosen.key);
  throw new JoineryError(
    'ERR_TRUST_SIGNER_UNKNOWN',
    `${what}: expected a key in this realm that is a signer and has not signed, found none`,
    {
      hint: 'joinery trust keys list shows the keys that are here',
    },
  );
}

function described(realm: Realm, signed: SignedManifest): SignedProposal {
  const { manifest, digest, opened } = signed;
  return {
    document: proposalDocument(manifest.purpose, opened.envelope),
    purpose: manifest.purpose,
    version: manifest.trust_bundle_version,
    digest,
    anchors: compareAnchors(undefined, signed),
    signatures: validSigners(opened, manifest.signers, realm.verifySignature).length,
    minSignatures: manifest.min_signatures,
  };
}

/**
 * Brings signatures home: adds those that hold, by signers of the version or of the active one, to the published version.
 * @throws ERR_TRUST_VERSION_CHANGED when the proposal is not what was published, ERR_TRUST_NOT_FOUND, ERR_STORE_CONFLICT
 */
export async function collectSignatures(realm: Realm, value: JsonValue, what: string): Promise<SignedProposal> {
  const offered = readProposal(realm, value, what);
  const { purpose, trust_bundle_version: version } = offered.manifest;
  return auditingRefusal(realm, 'bootstrap_trust.sign', purpose, { trust_bundle_version: version }, () => collect(realm, offered, what));
}

async function collect(realm: Realm, offered: SignedManifest, what: string): Promise<SignedProposal> {
  const { purpose, trust_bundle_version: version } = offered.manifest;
  const { signed, record, check } = await readVersion(realm, purpose, version);
  if (signed.digest !== offered.digest) {
    throw new JoineryError(
      'ERR_TRUST_VERSION_CHANGED',
      `${what}: expected version ${version} with digest ${signed.digest}, found ${offered.digest}`,
    );
  }
  const active = await readActive(realm, purpose);
  const signers = [...signed.manifest.signers, ...(active.value?.signed.manifest.signers ?? [])];
  const valid = new Set(validSigners(offered.opened, signers, realm.verifySignature));
  const have = new Set(signed.opened.signatures.map((signature) => signature.kid));
  const fresh = offered.opened.envelope.signatures.filter((_, index) => {
    const { kid } = offered.opened.signatures[index] as { readonly kid: string };
    return valid.has(kid) && !have.has(kid);
  });
  const envelope = { payload: record.envelope.payload, signatures: [...record.envelope.signatures, ...fresh] };
  const merged = readManifest(envelope, purpose, realm.verifySignature, what);
  await commit(realm.store, {
    checks: [check],
    writes: [{ key: versionKey(purpose, version), value: asJson({ ...record, envelope }) }],
    audit: [trustEvent(realm, 'bootstrap_trust.sign', merged, { collected: fresh.length })],
  });
  return described(realm, merged);
}
