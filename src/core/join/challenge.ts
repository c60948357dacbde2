/**
 * Nonces for attestors that need a fresh one: stateless, so that whoever asks for many costs nothing. A nonce is its end and random
 * octets under a MAC of the server; it says when it was made and nothing else.
 */
import { concat, fromBase64Url, toBase64Url } from '../encoding.ts';
import { equalSecret } from '../digest.ts';
import { JoineryError } from '../errors.ts';
import type { Random } from '../ports.ts';
import { formatInstant, type Instant, plus } from '../time.ts';
import type { Mac } from '../token/omnirelay.ts';
import type { Challenge } from './messages.ts';

/** Life of a nonce in seconds (FORMATS 4). */
export const CHALLENGE_TTL = 60;

const PURPOSE = new TextEncoder().encode('joinery/challenge/1\n');
const BODY = 24;

/** @returns the reply of `POST /v1/challenge`. */
export async function mintChallenge(world: { readonly mac: Mac; readonly random: Random }, now: Instant): Promise<Challenge> {
  const expires = plus(now, CHALLENGE_TTL);
  const body = concat(instantOctets(expires), world.random.bytes(16));
  const tag = await world.mac(concat(PURPOSE, body));
  return { nonce: toBase64Url(concat(body, tag)), expires_at: formatInstant(expires) };
}

/** @throws ERR_ATTESTATION_FAILED for a nonce that this server did not make, or that is over. */
export async function verifyChallenge(mac: Mac, nonce: string, now: Instant): Promise<void> {
  const octets = fromBase64Url(nonce, 'nonce');
  const body = octets.subarray(0, BODY);
  const made = octets.length > BODY && equalSecret(octets.subarray(BODY), await mac(concat(PURPOSE, body)));
  const expires = made ? Number(new DataView(body.buffer, body.byteOffset).getBigUint64(0)) : 0;
  if (made && now <= expires) return;
  throw new JoineryError(
    'ERR_ATTESTATION_FAILED',
    `nonce: expected one of this server that is at most ${CHALLENGE_TTL} seconds old, found another`,
    {
      hint: 'ask POST /v1/challenge for a new one',
    },
  );
}

function instantOctets(at: Instant): Uint8Array {
  const octets = new Uint8Array(8);
  new DataView(octets.buffer).setBigUint64(0, BigInt(at));
  return octets;
}
