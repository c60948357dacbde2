/** The signed statement that a version is in force, `joinery/trust-activation/1`: what is published only never leaves the realm. */
import type { JsonObject, JsonValue } from '../canonical-json.ts';
import { JoineryError } from '../errors.ts';
import { object, oneOf, type Parsed, parseDocument, string } from '../parse.ts';
import type { VerifySignature } from '../key-ports.ts';
import { formatInstant, type Instant } from '../time.ts';
import { assertThreshold, openEnvelope } from './envelope.ts';
import { digestText, instantText, type SignedManifest, versionNumber } from './manifest.ts';
import { PURPOSES } from './purpose.ts';

const activation = object({
  schema: oneOf(['joinery/trust-activation/1']),
  purpose: oneOf(PURPOSES),
  version: versionNumber(),
  digest: digestText(),
  time: instantText(),
  actor: string({ minLength: 1, maxLength: 500 }),
});

export type Activation = Parsed<typeof activation>;

export function activationStatement(signed: SignedManifest, time: Instant, actor: string): JsonObject & Activation {
  const { purpose, trust_bundle_version: version } = signed.manifest;
  return { schema: 'joinery/trust-activation/1', purpose, version, digest: signed.digest, time: formatInstant(time), actor };
}

/**
 * Checks that the statement is about this manifest and signed by one of its signers. One is enough: the content had the
 * threshold's consent already; the activation says only that it is in force.
 * @throws ERR_TRUST_NOT_ACTIVATED when it is about another, and what {@link openEnvelope} and {@link assertThreshold} throw.
 */
export function readActivation(value: JsonValue, signed: SignedManifest, verify: VerifySignature, what: string): Activation {
  const opened = openEnvelope(value, 'trust-activation+jws', what);
  const statement = parseDocument(activation, opened.payload, what, 'ERR_TRUST_ENVELOPE_MALFORMED');
  const { purpose, trust_bundle_version: version } = signed.manifest;
  if (statement.purpose !== purpose || statement.version !== version || statement.digest !== signed.digest) {
    throw new JoineryError(
      'ERR_TRUST_NOT_ACTIVATED',
      `${what}: expected the activation of ${purpose} version ${version}, found another's`,
      {
        details: { expected: signed.digest, found: statement.digest },
      },
    );
  }
  assertThreshold(opened, { signers: signed.manifest.signers, min_signatures: 1 }, verify, what, `the signers of version ${version}`);
  return statement;
}
