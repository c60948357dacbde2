/** What an attestor proved about a node, as policies see it. */
import type { JsonObject } from '../canonical-json.ts';
import type { Digest } from '../digest.ts';
import type { Instant } from '../time.ts';

/** Evidence that held: its claims are facts about the machine, never what a request says of itself. */
export interface VerifiedAttestation {
  /** Name of the attestor: what a rule names under `attestationProviders`. */
  readonly provider: string;
  readonly claims: JsonObject;
  /** When the evidence was made, by the word of its signer. */
  readonly issuedAt: Instant;
  /** Of the evidence, for the audit log and against its second use. */
  readonly digest: Digest;
  /**
   * From then on the attestor refuses the same evidence, however it is configured: its use need not be remembered any longer. Absent: it
   * never does.
   */
  readonly replayableUntil?: Instant | undefined;
}
