/** The names that joinery accepts, each with one pattern. */
import { toHex } from './encoding.ts';
import { JoineryError } from './errors.ts';
import { type Parser, refine, string } from './parse.ts';
import type { Random } from './ports.ts';

/** Clusters, roles, nodes, authorities, environments: what may stand in a path, a URI segment and a shell word unquoted. */
const NAME = /^[A-Za-z0-9._-]{1,63}$/;
const DNS_LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const DNS_NAME = new RegExp(`^(?=.{1,253}$)${DNS_LABEL}(?:\\.${DNS_LABEL})*$`);
/** SPIFFE-ID section 2.1: lower case letters, digits, dots, dashes, underscores, at most 255 bytes. */
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const CORRELATION_ID = /^[A-Za-z0-9._:-]{1,128}$/;

export function isName(text: string): boolean {
  return NAME.test(text) && text !== '.' && text !== '..';
}

export function isDnsName(text: string): boolean {
  return DNS_NAME.test(text);
}

export function isTrustDomain(text: string): boolean {
  return TRUST_DOMAIN.test(text);
}

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

export function isCorrelationId(text: string): boolean {
  return CORRELATION_ID.test(text);
}

const NAME_RULE = '1 to 63 of A-Z a-z 0-9 . _ - (not . or ..)';

/** @param what names the value in the error: `--cluster`. @throws ERR_INPUT_MALFORMED */
export function parseName(text: string, what: string): string {
  if (!isName(text))
    throw new JoineryError('ERR_INPUT_MALFORMED', `${what}: expected ${NAME_RULE}, found ${JSON.stringify(text.slice(0, 80))}`);
  return text;
}

/** {@link isName} as a document parser. */
export function name(): Parser<string> {
  return refine(string({ minLength: 1, maxLength: 63, pattern: NAME, describe: NAME_RULE }), (value) =>
    isName(value) ? { value } : { issue: `expected ${NAME_RULE}, found something else` },
  );
}

export function dnsName(): Parser<string> {
  return string({ maxLength: 253, pattern: DNS_NAME, describe: 'a DNS name in lower case' });
}

export function trustDomain(): Parser<string> {
  return string({ maxLength: 255, pattern: TRUST_DOMAIN, describe: 'a SPIFFE trust domain (lower case letters, digits, . _ -)' });
}

/** A UUID version 4 (RFC 9562 section 5.4) from 16 random bytes. */
export function uuidV4(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = toHex(bytes);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The known name nearest to a mistyped one (at most a third of its letters differ), for "did you mean". */
export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of known) {
    const distance = editDistance(word, candidate);
    if (distance <= Math.max(1, Math.floor(candidate.length / 3)) && (best === undefined || distance < best.distance)) {
      best = { candidate, distance };
    }
  }
  return best?.candidate;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
