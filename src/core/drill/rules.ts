/**
 * The rules that decide every step of a simulation. They are those of the program: what a server, a client and the command line
 * run, this runs. A test may put another one in the place of one of them, and sees the drill end otherwise.
 */
import { renewalState, renewAfter } from '../join/renewal.ts';
import { evaluatePolicy } from '../policy/evaluate.ts';
import { checkGrant } from '../token/checks.ts';
import { walkTrust } from '../trust/walk.ts';

export const REAL_RULES = {
  /** When a node begins to renew. */
  renewAfter,
  /** Whether a certificate is still good, and due. */
  renewalState,
  /** Whether a token may be used, and by whom. */
  checkGrant,
  /** Which trust version a node goes to. */
  walkTrust,
  /** Who may join and renew. */
  evaluatePolicy,
  /** Whether a node may verify the server by what it holds: one of its anchors stands behind the server. */
  reachesServer: (anchorPins: readonly string[], serverPin: string): boolean => anchorPins.includes(serverPin),
};

export type DrillRules = typeof REAL_RULES;
