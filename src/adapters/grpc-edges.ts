/** What is done about a gRPC request before and instead of a handler: its deadline, and services that are not there. */
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';

/** A unary call is over by then, whatever deadline its caller named. */
export const MAX_DEADLINE_MS = 60_000;
/** What a timer of Node.js holds, in whole seconds: a stream may be followed for weeks. */
const MAX_STREAM_MS = 2_147_483_000;

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000001 };

/**
 * Shortens a deadline that is longer than what is served anyway, in place: the library refuses such a call, or takes a time that no timer
 * holds for none, and a client may be as patient as it likes (gRPC over HTTP/2, Timeout; Connect, Connect-Timeout-Ms).
 */
export function capDeadline(headers: Headers, unary: boolean): void {
  const most = unary ? MAX_DEADLINE_MS : MAX_STREAM_MS;
  const [, count, unit] = /^(\d{1,8})([HMSmun])$/.exec(headers.get('grpc-timeout') ?? '') ?? [];
  if (unit !== undefined && Number(count) * (UNIT_MS[unit] as number) > most) headers.set('grpc-timeout', `${most / 1000}S`);
  const connect = headers.get('connect-timeout-ms') ?? '';
  if (/^\d{1,10}$/.test(connect) && Number(connect) > most) headers.set('connect-timeout-ms', String(most));
}

const UNIMPLEMENTED = { 'grpc-status': '12', 'grpc-message': 'unknown service or method' };

/** gRPC's own way of saying that there is no such service, in one frame (for gRPC-Web too), and 404 for all others. */
export function refuseUnknown({ headers, stream }: Partial<Http2ServerRequest>, response: Http2ServerResponse): void {
  const type = headers?.['content-type'] ?? '';
  if (type.startsWith('application/grpc-web')) {
    response.writeHead(200, { 'content-type': type, ...UNIMPLEMENTED });
    response.end();
  } else if (stream !== undefined && type.startsWith('application/grpc')) {
    stream.respond({ ':status': 200, 'content-type': type, ...UNIMPLEMENTED }, { endStream: true });
  } else {
    response.writeHead(404, { 'content-length': 0 });
    response.end();
  }
}

/** RFC 9110 section 15.5.6: a 405 names the methods; calls are POSTs. */
export function withAllow<T extends { readonly status: number; readonly header?: Headers }>(answer: T): T {
  if (answer.status !== 405) return answer;
  const header = new Headers(answer.header);
  header.set('allow', 'POST');
  return { ...answer, header };
}
