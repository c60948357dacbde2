/** Strict text encodings: what is not canonical is refused, so that one value has one spelling. */
import { JoineryError } from './errors.ts';

const utf8Encoder = new TextEncoder();
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function utf8(text: string): Uint8Array {
  return utf8Encoder.encode(text);
}

/** @throws ERR_ENCODING_MALFORMED when `bytes` are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array, what = 'text'): string {
  try {
    return utf8Decoder.decode(bytes);
  } catch (cause) {
    throw new JoineryError('ERR_ENCODING_MALFORMED', `${what}: expected UTF-8, found other bytes`, { cause });
  }
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

const view = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export function toHex(bytes: Uint8Array): string {
  return view(bytes).toString('hex');
}

export function toBase64(bytes: Uint8Array): string {
  return view(bytes).toString('base64');
}

export function toBase64Url(bytes: Uint8Array): string {
  return view(bytes).toString('base64url');
}

function decodeStrict(text: string, encoding: 'hex' | 'base64' | 'base64url', what: string): Uint8Array {
  const bytes = Buffer.from(text, encoding);
  // Node skips what it cannot read; only text that it would write itself is accepted (no padding games, no stray bits).
  if (bytes.toString(encoding) !== text) {
    throw new JoineryError('ERR_ENCODING_MALFORMED', `${what}: expected canonical ${encoding}, found something else`);
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Lower-case hex. @throws ERR_ENCODING_MALFORMED */
export function fromHex(text: string, what = 'value'): Uint8Array {
  return decodeStrict(text, 'hex', what);
}

/** Standard alphabet with padding (RFC 4648 section 4). @throws ERR_ENCODING_MALFORMED */
export function fromBase64(text: string, what = 'value'): Uint8Array {
  return decodeStrict(text, 'base64', what);
}

/** URL-safe alphabet without padding (RFC 4648 section 5, RFC 7515 section 2). @throws ERR_ENCODING_MALFORMED */
export function fromBase64Url(text: string, what = 'value'): Uint8Array {
  return decodeStrict(text, 'base64url', what);
}

/** One PEM block (RFC 7468): 64 columns, LF, one final newline. */
export function toPem(label: string, der: Uint8Array): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.map((line) => `${line}\n`).join('')}-----END ${label}-----\n`;
}

export interface PemBlock {
  readonly label: string;
  readonly der: Uint8Array;
  /** Line of the BEGIN marker, from 1. */
  readonly line: number;
}

const BEGIN = /^-----BEGIN ([A-Z0-9 ]{1,64})-----$/;

/**
 * Reads every PEM block of `text` (RFC 7468, lax about line length, CRLF, trailing blanks and explanatory text).
 * @throws ERR_PEM_MALFORMED with the line, for a block that does not end, ends as another, or is not base64.
 */
export function parsePem(text: string, what = 'PEM'): PemBlock[] {
  const blocks: PemBlock[] = [];
  let open: { label: string; line: number; body: string[] } | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    const begin = BEGIN.exec(line)?.[1];
    if (open === undefined) {
      if (begin !== undefined) open = { label: begin, line: index + 1, body: [] };
      else if (line.startsWith('-----')) throw pemError(what, index + 1, 'expected a BEGIN line, found another marker');
    } else if (line === `-----END ${open.label}-----`) {
      blocks.push({ label: open.label, line: open.line, der: pemBody(open.body.join(''), what, open.line) });
      open = undefined;
    } else if (line.startsWith('-----')) {
      throw pemError(what, index + 1, `expected END ${open.label}, found another marker`);
    } else open.body.push(line);
  }
  if (open !== undefined) throw pemError(what, open.line, `expected END ${open.label}, found the end of the input`);
  return blocks;
}

function pemBody(body: string, what: string, line: number): Uint8Array {
  try {
    return fromBase64(body);
  } catch (cause) {
    throw pemError(what, line, 'expected base64 between the markers, found something else', cause);
  }
}

function pemError(what: string, line: number, message: string, cause?: unknown): JoineryError {
  return new JoineryError('ERR_PEM_MALFORMED', `${what}, line ${line}: ${message}`, { details: { line }, cause });
}
