/** The two trust manifests inside a package, read and verified by what they name themselves. */
import { JoineryError } from '../errors.ts';
import type { VerifySignature } from '../key-ports.ts';
import { readActivation } from '../trust/activation.ts';
import { readManifest, type SignedManifest } from '../trust/manifest.ts';
import { type ControlPlaneHttps, type NodeCertLifecycle, type Purpose } from '../trust/purpose.ts';
import { assertEnvironment, assertSelfSigned } from '../trust/transition.ts';
import type { Onboarding, TrustParts } from './model.ts';

export interface PackageTrust {
  readonly 'control-plane-https': SignedManifest<ControlPlaneHttps>;
  readonly 'node-cert-lifecycle': SignedManifest<NodeCertLifecycle>;
}

/**
 * Both manifests are signed by their own signers, activated, of the package's environment, and the ones that the package pins.
 * Whether they are the genuine ones only their digest can tell.
 * @throws ERR_PACKAGE_TRUST, ERR_TRUST_* of reading and of the signatures.
 */
export function readPackageTrust(onboarding: Onboarding, trust: TrustParts, verify: VerifySignature): PackageTrust {
  const read = <P extends Purpose>(purpose: P): SignedManifest<P> => readPart(onboarding, trust, purpose, verify);
  return { 'control-plane-https': read('control-plane-https'), 'node-cert-lifecycle': read('node-cert-lifecycle') };
}

function readPart<P extends Purpose>(onboarding: Onboarding, trust: TrustParts, purpose: P, verify: VerifySignature): SignedManifest<P> {
  const { bundlePem, signed: document } = trust[purpose];
  const signed = readManifest(document.manifest, purpose, verify, purpose);
  assertSelfSigned(signed, verify, purpose);
  readActivation(document.activation, signed, verify, `${purpose} activation`);
  const { name, domain } = onboarding.environment;
  assertEnvironment(signed.manifest, { environment_name: name, environment_domain: domain }, purpose);
  const pin = onboarding.trust[purpose];
  const pairs: readonly (readonly [string, string | number, string | number])[] = [
    ['digest', pin.manifest_digest, signed.digest],
    ['version', pin.version, signed.manifest.trust_bundle_version],
    ['fingerprint', pin.sha256_fingerprint, signed.manifest.sha256_fingerprint],
    ['bundle', bundlePem, signed.manifest.bundle_pem],
  ];
  for (const [what, pinned, found] of pairs) {
    if (pinned !== found)
      throw new JoineryError('ERR_PACKAGE_TRUST', `${purpose}: expected the ${what} that the package pins, found another in the manifest`);
  }
  return signed;
}
