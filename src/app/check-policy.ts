/** Checks policy files before they decide anything: every fault, and what is doubtful. */
import { type Digest, digestOf } from '../core/digest.ts';
import { isJoineryError, type JoineryError } from '../core/errors.ts';
import type { Clock, Files } from '../core/ports.ts';
import { checkPolicy } from '../core/policy/check.ts';
import type { Finding, PolicyRealm } from '../core/policy/finding.ts';
import type { RealmConfig } from '../core/realm/config.ts';
import type { VerifySignature } from '../core/key-ports.ts';
import { joinHostsOf, type ReadDocument, readPolicy, signerOf } from './load-policy.ts';

export interface PolicyWorld {
  readonly clock: Clock;
  readonly readDocument: ReadDocument;
}

export interface PolicyFile {
  readonly bytes: Uint8Array;
  /** Names it in errors; its path, but for stdin. */
  readonly what: string;
}

export interface PolicyCheck {
  readonly file: string;
  readonly digest: Digest;
  /** Absent when the document is malformed. */
  readonly policy?: { readonly name: string; readonly version: number; readonly rules: number };
  readonly findings: readonly Finding[];
}

/** @param realm without it names are not compared with a configuration. */
export async function checkPolicyFile(world: PolicyWorld, { bytes, what }: PolicyFile, realm?: RealmConfig): Promise<PolicyCheck> {
  const about = { file: what, digest: digestOf(bytes) };
  try {
    const policy = await readPolicy(bytes, what, world.readDocument);
    const { name, version } = policy.metadata;
    const findings = checkPolicy(policy, world.clock.now(), realm && policyRealm(realm));
    return { ...about, policy: { name, version, rules: policy.spec.rules.length }, findings };
  } catch (error) {
    if (!isJoineryError(error) || error.family !== 'malformed') throw error;
    return { ...about, findings: faultsOf(error) };
  }
}

/** What the configuration requires of the signature of a policy file, as a finding. */
export async function checkPolicySignature(
  world: { readonly files: Files; readonly verifySignature: VerifySignature },
  { bytes, what }: PolicyFile,
  realm: RealmConfig,
): Promise<readonly Finding[]> {
  try {
    await signerOf(world, realm, what, bytes);
    return [];
  } catch (error) {
    if (!isJoineryError(error) || error.family === 'bug') throw error;
    return [{ severity: 'error', path: '', message: error.message }];
  }
}

function faultsOf({ message, details }: JoineryError): readonly Finding[] {
  const issues = (details['issues'] ?? [{ path: '', message }]) as readonly { readonly path: string; readonly message: string }[];
  return issues.map((issue) => ({ severity: 'error', path: issue.path, message: issue.message }));
}

function policyRealm(config: RealmConfig): PolicyRealm {
  const { trust_domain: trustDomain, environment, clusters, attestation } = config;
  const attestors = attestation?.map(({ name }) => name);
  return { trustDomain, environment: environment.name, clusters, joinHosts: joinHostsOf(config), attestors };
}
