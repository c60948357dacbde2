import type { JsonObject } from '../core/canonical-json.ts';
import type { Digest } from '../core/digest.ts';
import type { SigningKey } from '../core/key-ports.ts';
import { assemblePackage, assertModel, type UnsignedPackage } from '../core/onboarding/assemble.ts';
import { writeTar } from '../core/onboarding/formats/tar.ts';
import type { UserDataSize } from '../core/onboarding/limits.ts';
import { type PackageFile, type PackageManifest, sealPackage } from '../core/onboarding/manifest.ts';
import { type Recipient, SEALED_PATHS } from '../core/onboarding/seal.ts';
import { checkPackageToken } from '../core/onboarding/token.ts';
import { tokenCopies } from '../core/onboarding/token-copies.ts';
import type { Secret } from '../core/secret.ts';
import { type Instant, parseInstant } from '../core/time.ts';
import { signEnvelope } from '../core/trust/envelope.ts';
import { mintToken } from './mint-token.ts';
import { exposureOf } from './package-media.ts';
import {
  openPackageSigner,
  type PackageRequest,
  type PackageWorld,
  preparePackage,
  type PreparedPackage,
  withToken,
} from './package-request.ts';
import { auditEvent, commit, type Realm } from './realm.ts';

export interface RenderPackageInput extends PackageRequest {
  /** Whom the package is sealed to: nobody else opens it. */
  readonly sealTo?: Recipient;
}

export interface RenderPackageResult {
  readonly out: string;
  readonly manifest: PackageManifest;
  /** Digest of the first trust, to be told to the receiver by another way. */
  readonly trustDigest: Digest;
  /** Of user-data. */
  readonly size?: UserDataSize;
  /** Where copies of an embedded token remain; empty where none is embedded. */
  readonly tokenCopies: readonly string[];
  /** Name of the one file of a sealed package. */
  readonly sealed?: string;
  readonly warnings: readonly string[];
}

/**
 * Mints a token, renders the package around the active trust, reads it back, signs it and writes it in one step.
 *
 * Order: what can be refused without a key is refused first; the passphrase is asked for before a token exists; the token and the
 * audit record are committed before the package can be seen. A crash in between leaves a token that nobody has, and no package.
 *
 * @throws ERR_CLUSTER_UNKNOWN, ERR_ROLE_UNKNOWN, ERR_FILE_EXISTS, ERR_PACKAGE_* , ERR_TRUST_EXPIRED and what minting throws.
 */
export async function renderPackage(realm: Realm, input: RenderPackageInput, world: PackageWorld): Promise<RenderPackageResult> {
  const prepared = await preparePackage(realm, input, world);
  assertModel(prepared.input);
  const signer = await openPackageSigner(realm, prepared.active);
  const token = await mint(realm, prepared);
  const unsigned = assemblePackage(withToken(prepared.input, token));
  checkPackageToken(token, prepared.input.model.onboarding, realm.clock.now(), input.tokenAllowance);
  const exposed = await write(realm, input, unsigned, signer, world);
  const { manifest, size } = unsigned;
  const embedded = manifest.token?.delivery === 'embedded';
  return {
    out: input.out,
    manifest,
    trustDigest: prepared.active['control-plane-https'].signed.digest,
    ...(size !== undefined && { size }),
    tokenCopies: embedded ? tokenCopies(manifest.format) : [],
    ...(input.sealTo !== undefined && { sealed: SEALED_PATHS[input.sealTo.kind] }),
    warnings: [...prepared.warnings, ...exposed],
  };
}

async function mint(realm: Realm, { tokenRequest }: PreparedPackage): Promise<Secret | undefined> {
  return tokenRequest && (await mintToken(realm, tokenRequest)).token;
}

async function write(
  realm: Realm,
  { out, sealTo }: RenderPackageInput,
  unsigned: UnsignedPackage,
  signer: SigningKey,
  world: PackageWorld,
): Promise<readonly string[]> {
  const { files, manifest } = unsigned;
  const signed = sealPackage(files, manifest, await signEnvelope(manifest, 'package+jws', [signer]));
  const written = sealTo === undefined ? signed : [await sealed(signed, manifest, sealTo, world)];
  const staged = await world.stageDirectory(out, written);
  try {
    await commit(realm.store, { checks: [], writes: [], audit: [auditEvent(realm, auditOf(manifest, sealTo))] });
    await staged.publish();
  } catch (error) {
    await staged.discard();
    throw error;
  }
  return exposureOf(realm.files, out, written[0] as { readonly path: string; readonly mode: number });
}

/** The whole package as one archive, for the recipient alone. */
async function sealed(files: readonly PackageFile[], manifest: PackageManifest, recipient: Recipient, { seal }: PackageWorld) {
  const entries = files.map(({ path, mode, bytes }) => ({ path, mode, owner: 'root:root', bytes }));
  const archive = writeTar(entries, parseInstant(manifest.created_at) as Instant);
  return { path: SEALED_PATHS[recipient.kind], mode: 0o600, bytes: await seal(archive, recipient) };
}

function auditOf(manifest: PackageManifest, sealTo: Recipient | undefined) {
  const { format, cluster, role, node, token, token_override, trust, files, url_override } = manifest;
  const [payload] = files;
  const details = {
    format,
    cluster,
    role,
    node,
    token_id: token?.id,
    token_delivery: token?.delivery,
    token_override,
    trust,
    payload_sha256: payload?.sha256,
    url_override,
    sealed: sealTo?.kind,
  } as JsonObject;
  return { event: 'package.render', subject: `${cluster}/${role}`, details } as const;
}
