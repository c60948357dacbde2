/** On a member: opens the answer that was sealed to its key, verifies it, and writes what it holds as a new directory. */
import {
  assertNewer,
  authoritiesOf,
  certificatesIn,
  type ClusterAnswer,
  heldBytes,
  type HeldState,
  MAX_ANSWER_BYTES,
  openAnswer,
  parseHeld,
} from '../core/cluster/answer.ts';
import { decodeUtf8, equalBytes, utf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { OpenJwe, PortableKeys, VerifyJws, VerifySignature } from '../core/key-ports.ts';
import type { Clock, Files, StageDirectory } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';
import type { Certificate } from '../core/x509/certificate.ts';
import { OID } from '../core/x509/oids.ts';
import { validatePath } from '../core/x509/path.ts';
import { assertAbsent } from './new-files.ts';

export interface MemberWorld {
  readonly files: Files;
  readonly clock: Clock;
  readonly openJwe: OpenJwe;
  readonly portableKeys: PortableKeys;
  readonly stageDirectory: StageDirectory;
  readonly verifyJws: VerifyJws;
  readonly verifySignature: VerifySignature;
}

export interface UnsealInput {
  /** Compact JWE. */
  readonly answer: string;
  /** The node's private key, PKCS #8 in PEM, not encrypted. */
  readonly key: Secret;
  /** Directory of the last answer. */
  readonly held?: string | undefined;
  /** Of the authority that the join token pins: for the first answer. */
  readonly caFingerprint?: string | undefined;
  /** New directory. */
  readonly out: string;
}

export interface UnsealResult {
  readonly answer: Omit<ClusterAnswer, 'key_pem'>;
  readonly certificate: Certificate;
  readonly files: readonly string[];
}

const STATE = 'cluster.json';
const ANCHORS = 'ca.pem';

/**
 * @throws ERR_USAGE without anything that is trusted, ERR_CLUSTER_ANSWER, ERR_CLUSTER_ANSWER_KEY, ERR_CLUSTER_ANSWER_UNTRUSTED,
 * ERR_CLUSTER_ANSWER_OLD, ERR_FILE_EXISTS
 */
export async function unsealAnswer(world: MemberWorld, input: UnsealInput): Promise<UnsealResult> {
  await assertAbsent(world.files, [input.out]);
  const { authorities, state } = await readHeld(world, input);
  const jws = decodeUtf8(await world.openJwe(input.answer.trim(), input.key), 'answer');
  const answer = await openAnswer(jws, { authorities, fingerprint: input.caFingerprint, verifyJws: world.verifyJws });
  if (state !== undefined) assertNewer(answer, state);
  const certificate = await checkContent(world, answer);
  const files = [
    { path: STATE, bytes: heldBytes(answer), mode: 0o644 },
    { path: ANCHORS, bytes: utf8(answer.ca_pem), mode: 0o644 },
    { path: 'cluster.crt', bytes: utf8(answer.certificate_pem), mode: 0o644 },
    { path: 'cluster.key', bytes: utf8(answer.key_pem), mode: 0o600 },
  ];
  await (await world.stageDirectory(input.out, files)).publish();
  const { key_pem: _, ...open } = answer;
  return { answer: open, certificate, files: files.map(({ path }) => path) };
}

async function readHeld(
  { files }: MemberWorld,
  { held, caFingerprint }: UnsealInput,
): Promise<{ authorities: readonly Certificate[]; state?: HeldState }> {
  if (held === undefined && caFingerprint === undefined) {
    throw new JoineryError('ERR_USAGE', '--held: expected the directory of the last answer, or --ca-fingerprint, found neither', {
      hint: 'the first answer is verified by the hash after the colon of the join token',
    });
  }
  if (held === undefined) return { authorities: [] };
  const [anchors, state] = [`${held}/${ANCHORS}`, `${held}/${STATE}`];
  return {
    authorities: certificatesIn(decodeUtf8(await files.read(anchors, MAX_ANSWER_BYTES), anchors), anchors),
    state: parseHeld(await files.read(state, MAX_ANSWER_BYTES), state),
  };
}

/** What is installed must work: the certificate under the authorities beside it, for both purposes, with the key beside it. */
async function checkContent({ clock, verifySignature, portableKeys }: MemberWorld, answer: ClusterAnswer): Promise<Certificate> {
  const [leaf] = certificatesIn(answer.certificate_pem, 'certificate of the answer');
  if (leaf === undefined) throw new JoineryError('ERR_CLUSTER_ANSWER', 'answer: expected a certificate, found none');
  for (const purpose of [OID.serverAuth, OID.clientAuth]) {
    const result = validatePath({ leaf, intermediates: [], anchors: authoritiesOf(answer), at: clock.now(), verifySignature, purpose });
    if (!result.ok) throw new JoineryError('ERR_CERTIFICATE_UNTRUSTED', `certificate of the answer: ${result.reason}`);
  }
  const key = await portableKeys.open(answer.key_pem, 'key of the answer', () => Promise.resolve(new Secret('')));
  if (equalBytes(key.spki, leaf.spki)) return leaf;
  throw new JoineryError('ERR_CERTIFICATE_KEY', 'answer: expected the private key of its certificate, found another');
}
