/**
 * Nonces for attestors that need a fresh one: stateless, so that whoever asks for many costs nothing. A nonce is its end and random
 * octets under a MAC of the server; it says when it was made and nothing else.
 */
import { CHALLENGE_TTL } from '../attest/evidence.ts';
import { concat, fromBase64Url, toBase64Url, utf8 } from '../encoding.ts';
import { equalSecret } from '../digest.ts';
import type { Random } from '../ports.ts';
import { formatInstant, type Instant, plus } from '../time.ts';
import type { Challenge } from './messages.ts';

/** HMAC-SHA256 under a key of the server. */
export type SyncMac = (data: Uint8Array) => Uint8Array;

const PURPOSE = utf8('joinery/challenge/1\n');
/** Octets before the tag: with it a multiple of three, so that base64url has one spelling. */
const BODY = 25;

/** @returns the reply of `POST /v1/challenge`. */
export function mintChallenge(world: { readonly mac: SyncMac; readonly random: Random }, now: Instant): Challenge {
  const expires = plus(now, CHALLENGE_TTL);
  const body = concat(instantOctets(expires), world.random.bytes(BODY - 8));
  const tag = world.mac(concat(PURPOSE, body));
  return { nonce: toBase64Url(concat(body, tag)), expires_at: formatInstant(expires) };
}

/** Whether this server made the nonce, and not too long ago. */
export function isChallenge(mac: SyncMac, nonce: string, now: Instant): boolean {
  if (!/^[A-Za-z0-9_-]{76}$/.test(nonce)) return false;
  const octets = fromBase64Url(nonce, 'nonce');
  const body = octets.subarray(0, BODY);
  if (!equalSecret(octets.subarray(BODY), mac(concat(PURPOSE, body)))) return false;
  return now <= Number(new DataView(body.buffer, body.byteOffset).getBigUint64(0));
}

function instantOctets(at: Instant): Uint8Array {
  const octets = new Uint8Array(8);
  new DataView(octets.buffer).setBigUint64(0, BigInt(at));
  return octets;
}
