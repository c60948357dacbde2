/** Answers requests that somebody carried here, by the same way in as the server's: token, policy, certificate, audit, one commit each. */
import { isJoineryError, type JoineryError } from '../core/errors.ts';
import type { JoinReply } from '../core/join/messages.ts';
import { answerFile, readRequestFile } from '../core/join/offline.ts';
import { acceptJoin } from './accept-join.ts';
import type { JoinService } from './join-service.ts';

/** `what` names the file; one that could not be taken is refused as any other. */
export type OfflineRequest =
  { readonly what: string; readonly bytes: Uint8Array } | { readonly what: string; readonly error: JoineryError };

export type OfflineEnrollment =
  | { readonly what: string; readonly result: 'accepted'; readonly reply: JoinReply; /** The answer. */ readonly file: string }
  | { readonly what: string; readonly result: 'refused'; readonly error: JoineryError };

/** An answer holds no secret: a certificate, its chain, trust and peers. */
const ANSWER_MODE = 0o644;

/**
 * Each request is decided on for itself, and a refused one stops no other. An answer is written after its commit: when it cannot be
 * written, or the program is killed before it, the same request gets the same certificate again.
 * @param out directory that the answers are written to.
 * @throws ERR_FILE_*, ERR_STORE_*: what is no fault of a request.
 */
export async function enrollOffline(
  service: JoinService,
  requests: readonly OfflineRequest[],
  out: string,
): Promise<readonly OfflineEnrollment[]> {
  const enrollments: OfflineEnrollment[] = [];
  for (const [index, request] of requests.entries()) {
    const { what } = request;
    const answer = await answerTo(service, request, requests.length === 1 ? '' : `.${index + 1}`);
    enrollments.push('code' in answer ? { what, result: 'refused', error: answer } : await write(service, { what, out }, answer));
  }
  return enrollments;
}

async function write(
  { realm }: JoinService,
  { what, out }: { readonly what: string; readonly out: string },
  reply: JoinReply,
): Promise<OfflineEnrollment> {
  const { name, bytes } = answerFile(reply, realm.clock.now());
  const file = `${out}/${name}`;
  await realm.files.replace(file, bytes, ANSWER_MODE);
  return { what, result: 'accepted', reply, file };
}

async function answerTo(service: JoinService, carried: OfflineRequest, suffix: string): Promise<JoinReply | JoineryError> {
  if ('error' in carried) return carried.error;
  const { caller } = service.realm;
  try {
    const request = readRequestFile(carried.bytes, carried.what);
    return await acceptJoin(service, request, {
      address: 'offline',
      transport: 'offline',
      correlationId: `${caller.correlationId.slice(0, 120)}${suffix}`,
    });
  } catch (error) {
    // A refusal is an answer to this request; a full disk or a locked store would meet the next one too.
    if (isJoineryError(error) && (error.family === 'refused' || error.family === 'malformed' || error.family === 'conflict')) return error;
    throw error;
  }
}
