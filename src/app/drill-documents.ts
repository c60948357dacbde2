/** The documents that a simulation works with: real manifests, policies and signatures, by keys that live as long as the drill. */
import { canonicalBytes, type JsonObject } from '../core/canonical-json.ts';
import { type PlannedStep, type Scenario, stepsOf } from '../core/drill/scenario.ts';
import type { DrillPolicies, TrustVersionOfDrill } from '../core/drill/world.ts';
import { utf8 } from '../core/encoding.ts';
import { isJoineryError } from '../core/errors.ts';
import { publicJwk } from '../core/jwk.ts';
import type { PortableKeys, SigningKey, VerifySignature } from '../core/key-ports.ts';
import { compilePolicy } from '../core/policy/evaluate.ts';
import { parsePolicy, POLICY_API_VERSION, POLICY_KIND } from '../core/policy/document.ts';
import { signPolicyBytes, verifyPolicySignature } from '../core/policy/signature.ts';
import type { Random } from '../core/ports.ts';
import { type Instant, plus } from '../core/time.ts';
import { activationStatement } from '../core/trust/activation.ts';
import { composeManifest } from '../core/trust/compose.ts';
import { signEnvelope } from '../core/trust/envelope.ts';
import { readManifest } from '../core/trust/manifest.ts';
import { type Certificate, parseCertificate } from '../core/x509/certificate.ts';
import { writeName } from '../core/x509/name-text.ts';
import { caTemplate, newSerialNumber, writeSigned, writeTbs } from '../core/x509/template.ts';

export interface DrillWorld {
  readonly keys: PortableKeys;
  readonly random: Random;
  readonly verifySignature: VerifySignature;
}

const YEAR = 31536000;
const DAY = 86400;

export interface DrillTrust {
  readonly versions: readonly TrustVersionOfDrill[];
  /** Pin of the root that stands behind the server. */
  readonly serverPin: string;
}

/** Version 1, which lets nodes verify the server, and one version for each step that publishes one. */
export async function drillTrust(world: DrillWorld, scenario: Scenario, base: Instant): Promise<DrillTrust> {
  const signer = world.keys.generate('ed25519').signing();
  const server = await root(world, 'server root', base);
  const wrong = await root(world, 'another root', base);
  const publish = (step: PlannedStep | undefined, replaces: TrustVersionOfDrill | undefined): Promise<TrustVersionOfDrill> =>
    sign(world, signer, {
      at: plus(base, step?.at ?? 0),
      replaces,
      anchors: [step?.faulty === true ? wrong : server],
      grace: step?.grace,
    });
  const versions = [await publish(undefined, undefined)];
  for (const step of stepsOf(scenario).filter(({ do: kind }) => kind === 'publish-trust' || kind === 'rollback-trust'))
    versions.push(await publish(step, versions.at(-1)));
  return { versions, serverPin: server.pin };
}

interface NextVersion {
  readonly at: Instant;
  readonly replaces: TrustVersionOfDrill | undefined;
  readonly anchors: readonly Certificate[];
  readonly grace: number | undefined;
}

async function sign(
  { verifySignature }: DrillWorld,
  key: SigningKey,
  { at, replaces, anchors, grace }: NextVersion,
): Promise<TrustVersionOfDrill> {
  const purpose = 'control-plane-https';
  const manifest = composeManifest({
    purpose,
    version: (replaces?.signed.manifest.trust_bundle_version ?? 0) + 1,
    environment: { name: 'drill', domain: 'drill.example' },
    replaces: replaces?.signed,
    anchors,
    now: at,
    expires: YEAR,
    grace,
    signers: [publicJwk(key.spki)],
    minSignatures: 1,
  });
  const envelope = await signEnvelope(manifest as unknown as JsonObject, 'trust-bundle+jws', [key]);
  const signed = readManifest(envelope, purpose, verifySignature, 'drill');
  const activation = await signEnvelope(activationStatement(signed, at, 'drill'), 'trust-activation+jws', [key]);
  return { signed, version: { manifest: envelope, activation } };
}

async function root({ keys, random }: DrillWorld, name: string, base: Instant): Promise<Certificate> {
  const key = keys.generate('ed25519').signing();
  const validity = { notBefore: plus(base, -DAY), notAfter: plus(base, 10 * YEAR) };
  const template = caTemplate({
    serialNumber: newSerialNumber(random),
    signer: key.type,
    validity,
    subject: writeName([['CN', name]]),
    spki: key.spki,
    issuer: undefined,
  });
  const tbs = writeTbs(template);
  return parseCertificate(writeSigned(tbs, key.type, await key.sign(tbs, 'der')), name);
}

/** The policy of the fleet, what an attacker makes of it, and whether a server that wants signatures would load that. */
export async function drillPolicies({ keys, verifySignature }: DrillWorld, scenario: Scenario): Promise<DrillPolicies> {
  const signer = keys.generate('ed25519').signing();
  const good = policyDocument([{ description: 'workers', roles: ['worker'], allow: true }]);
  const tampered = policyDocument([{ description: 'everybody', allow: true }]);
  const signatures = utf8(`${await signPolicyBytes(canonicalBytes(good), signer)}\n`);
  const check = { signatures, signers: [publicJwk(signer.spki)], verifySignature, what: 'drill' };
  const isLoaded = (document: JsonObject): boolean => {
    try {
      verifyPolicySignature({ ...check, bytes: canonicalBytes(document) });
      return true;
    } catch (error) {
      if (isJoineryError(error, 'ERR_POLICY_SIGNATURE')) return false;
      throw error;
    }
  };
  return {
    good: compilePolicy(parsePolicy(good, 'drill')),
    tampered: compilePolicy(parsePolicy(tampered, 'drill')),
    tamperedIsLoaded: scenario.signed_policy !== true || isLoaded(tampered),
  };
}

function policyDocument(rules: readonly JsonObject[]): JsonObject {
  return { apiVersion: POLICY_API_VERSION, kind: POLICY_KIND, metadata: { name: 'drill', version: 1 }, spec: { rules } };
}
