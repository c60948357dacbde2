/**
 * The model of an onboarding package: all that a node is told at first boot, independent of how it is rendered. The part that a
 * program on the node reads as one document is `joinery/onboarding/1`; the rest are the files that it names.
 */
import type { JsonValue } from '../canonical-json.ts';
import { dnsName, name } from '../names.ts';
import { array, integer, object, oneOf, optional, type Parsed, parseDocument, record, refine, string } from '../parse.ts';
import type { Secret } from '../secret.ts';
import type { TrustVersion } from '../trust/chain.ts';
import { digestText, instantText, versionNumber } from '../trust/manifest.ts';
import type { Purpose } from '../trust/purpose.ts';
import { AGENT_KINDS, envPrefix, fileOwner, isLabelName, nodePath, nodeUrl, peerAddress, serviceName } from './values.ts';

/** Where the node directory lies unless told otherwise: state that changes and survives a reboot (FHS 3.0, section 5.8). */
export const DEFAULT_NODE_DIRECTORY = '/var/lib/joinery';
export const DEFAULT_ENV_PREFIX = 'JOINERY';

const trustPin = object({
  version: versionNumber(),
  manifest_digest: digestText(),
  sha256_fingerprint: digestText(),
  path: nodePath(),
});

const onboarding = object({
  schema: oneOf(['joinery/onboarding/1']),
  created_at: instantText(),
  environment: object({ name: name(), domain: dnsName() }),
  cluster: name(),
  role: name(),
  node: optional(name()),
  api_url: nodeUrl(),
  join_urls: array(nodeUrl(), { minItems: 1, maxItems: 20 }),
  env_prefix: envPrefix(),
  directory: nodePath(),
  trust: object({ 'control-plane-https': trustPin, 'node-cert-lifecycle': trustPin }),
  /** Where the node fetches both bundles, to be compared with the fingerprints; left out where the package brings them. */
  trust_url: optional(nodeUrl()),
  /** How the token reaches the node; left out where the package brings it. */
  token_delivery: optional(oneOf(['systemd-credential', 'file-later', 'none'])),
  /** What joins; left out where the package brings nothing that does. */
  agent: optional(oneOf(AGENT_KINDS)),
  /** Where the image has the executable of the agent `binary`; left out where the package brings it. */
  agent_path: optional(nodePath()),
  /** Name of the join service; left out for `joinery-join`. */
  service: optional(serviceName()),
  /** Owner of every file; left out for root:root. */
  owner: optional(fileOwner()),
  /** Mode of the files that are no secret; left out for 0644. */
  file_mode: optional(oneOf(['0640', '0600'])),
  /** The anchors of control-plane-https go into the system trust store too. */
  system_trust_store: optional(oneOf(['control-plane-https'])),
});

/** The document `onboarding.json` of the node directory. */
export type Onboarding = Parsed<typeof onboarding>;
export type TrustPin = Parsed<typeof trustPin>;

const labels = refine(record(string({ maxLength: 65536 }), { maxMembers: 64 }), (value) => {
  const wrong = Object.keys(value).find((label) => !isLabelName(label));
  return wrong === undefined ? { value } : { issue: 'expected label names of A-Z a-z 0-9 . _ / - (at most 63), found another' };
});

export const seedPeers = object({
  schema: oneOf(['joinery/seed-peers/1']),
  cluster: name(),
  version: integer(1),
  peers: array(object({ address: peerAddress(), role: optional(name()), labels: optional(labels) }), { maxItems: 1000 }),
});

/** The document `seed-peers.json`: which members of the cluster a node may talk to first. */
export type SeedPeers = Parsed<typeof seedPeers>;

export interface TrustPart {
  /** The canonical bundle: exactly the bytes that the fingerprint is of. */
  readonly bundlePem: string;
  /** The signed manifest and the signed statement that it is in force. */
  readonly signed: TrustVersion;
}

export type TrustParts = Readonly<Record<Purpose, TrustPart>>;

/** Cloud-config or a script of the operator's own, before ours in a multipart document. */
export interface UserPart {
  /** A file name of letters, digits and `. _ -`. */
  readonly name: string;
  readonly type: 'text/cloud-config' | 'text/x-shellscript';
  readonly bytes: Uint8Array;
}

/** What reaches the node. */
export interface PackageModel {
  readonly onboarding: Onboarding;
  /** None where the node fetches it (`trust_url`). */
  readonly trust?: TrustParts;
  readonly seedPeers: SeedPeers;
  /** The join token as the node will send it; none where it is delivered by another way (`token_delivery`). */
  readonly token?: Secret;
  /** Of the format multipart only. */
  readonly parts?: readonly UserPart[];
}

/** @throws ERR_PACKAGE_MALFORMED with every wrong path. */
export function parseOnboarding(value: JsonValue, what: string): Onboarding {
  return parseDocument(onboarding, value, what, 'ERR_PACKAGE_MALFORMED');
}

/** @throws ERR_PACKAGE_MALFORMED with every wrong path. */
export function parseSeedPeers(value: JsonValue, what: string): SeedPeers {
  return parseDocument(seedPeers, value, what, 'ERR_PACKAGE_MALFORMED');
}

/** Printable ASCII without blanks: every token format of FORMATS 1, and nothing that a line or a header could break on. */
const TOKEN = /^[\x21-\x7e]{1,8192}$/;

export function isTokenText(text: string): boolean {
  return TOKEN.test(text);
}
