/** How many requests are worked on at once, whatever way they came. */
import { JoineryError } from '../core/errors.ts';
import type { HttpHandler } from '../core/join/http.ts';
import { problemResponse } from './responses.ts';

/** Answers 503 while `most` requests are being worked on. What peers are slow to send or to read is not counted: it is no work. */
export function withinCapacity(handler: HttpHandler, most: () => number): HttpHandler {
  let running = 0;
  return async (request) => {
    if (running >= most()) {
      const busy = new JoineryError('ERR_SERVER_BUSY', 'server: expected less to do at once, found too many requests under way');
      return problemResponse(busy, request.peer.correlationId);
    }
    running += 1;
    try {
      return await handler(request);
    } finally {
      running -= 1;
    }
  };
}
