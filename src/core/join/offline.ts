/**
 * Joining without a network: the messages of the join protocol as files that somebody carries. `joinery/join-request/1` goes from the
 * node to the authority and holds the join token, `joinery/join-answer/1` comes back and holds no secret.
 */
import { canonicalBytes, type JsonObject, type JsonValue, parseStrictJson } from '../canonical-json.ts';
import { pinOf } from '../digest.ts';
import { concat, decodeUtf8, parsePem, utf8 } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { jsonObject, object, oneOf, type Parser, parseDocument } from '../parse.ts';
import { formatInstant, type Instant } from '../time.ts';
import { instantText } from '../trust/manifest.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { type JoinReply, type JoinRequest, parseReply, parseRequest } from './messages.ts';
import { readCsrPem } from './node-key.ts';

/** Octets of one file: a reply holds the trust chains of both purposes. */
export const MAX_OFFLINE_FILE = 4 * 1024 * 1024;

export const REQUEST_ENDING = '.request.json';
export const ANSWER_ENDING = '.answer.json';

const joinRequest = object({ schema: oneOf(['joinery/join-request/1']), created_at: instantText(), request: jsonObject() });
const joinAnswer = object({ schema: oneOf(['joinery/join-answer/1']), created_at: instantText(), reply: jsonObject() });

export interface OfflineFile {
  /** Without a directory; one key has one name, however often it is written, and no two keys share one, on FAT neither. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export function requestFile(request: JoinRequest, now: Instant): OfflineFile {
  const { der } = readCsrPem(request.csr).publicKey;
  return {
    name: `${nameFor(request.node_id ?? 'node', der)}${REQUEST_ENDING}`,
    bytes: documentBytes({ schema: 'joinery/join-request/1', created_at: formatInstant(now), request: request as JsonObject }),
  };
}

/** @param reply of a realm: its certificate is well-formed. */
export function answerFile(reply: JoinReply, now: Instant): OfflineFile {
  return {
    name: `${nameFor(reply.node_id, spkiOf(reply, 'reply'))}${ANSWER_ENDING}`,
    bytes: documentBytes({ schema: 'joinery/join-answer/1', created_at: formatInstant(now), reply: reply as JsonObject }),
  };
}

function nameFor(node: string, spki: Uint8Array): string {
  return `${node}-${pinOf(spki).slice('sha256:'.length, 'sha256:'.length + 12)}`;
}

function documentBytes(document: JsonObject): Uint8Array {
  return concat(canonicalBytes(document), utf8('\n'));
}

/** @param what names the file. @throws ERR_JSON_MALFORMED, ERR_ENCODING_MALFORMED, ERR_REQUEST_MALFORMED */
export function readRequestFile(bytes: Uint8Array, what: string): JoinRequest {
  const { request } = read(joinRequest, bytes, what, 'ERR_REQUEST_MALFORMED');
  return parseRequest('join', request);
}

/** @param what names the file. @throws ERR_JSON_MALFORMED, ERR_ENCODING_MALFORMED, ERR_INPUT_MALFORMED, ERR_REPLY_MALFORMED */
export function readAnswerFile(bytes: Uint8Array, what: string): JoinReply {
  const { reply } = read(joinAnswer, bytes, what, 'ERR_INPUT_MALFORMED');
  return parseReply('join', reply);
}

function read<T>(parser: Parser<T>, bytes: Uint8Array, what: string, code: 'ERR_REQUEST_MALFORMED' | 'ERR_INPUT_MALFORMED'): T {
  const value: JsonValue = parseStrictJson(decodeUtf8(bytes, what), what, { maxLength: MAX_OFFLINE_FILE });
  return parseDocument(parser, value, what, code);
}

/** DER of the SubjectPublicKeyInfo in the certificate of a reply. @throws ERR_REPLY_MALFORMED, ERR_PEM_MALFORMED, ERR_CERTIFICATE_MALFORMED */
export function spkiOf(reply: Pick<JoinReply, 'certificate_pem'>, what: string): Uint8Array {
  const [block] = parsePem(reply.certificate_pem, what);
  if (block === undefined) throw new JoineryError('ERR_REPLY_MALFORMED', `${what}: certificate_pem: expected a certificate, found none`);
  return parseCertificate(block.der, what).spki;
}
