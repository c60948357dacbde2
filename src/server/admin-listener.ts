/** Health, readiness and metrics: what runs the server asks for them, on a listener of their own. */
import type { HttpHandler, ServerResponse } from '../core/join/http.ts';

export interface AdminWorld {
  /** What is not as it must be to serve; empty when all is. */
  unready(): Promise<readonly string[]>;
  metricsText(): Promise<string>;
  readonly metricsType: string;
}

const TEXT = 'text/plain; charset=utf-8';

const text = (status: number, body: string, type = TEXT, more: ServerResponse['headers'] = {}): ServerResponse => ({
  status,
  headers: { 'content-type': type, 'cache-control': 'no-store', ...more },
  body,
});

export function createAdminHandler(world: AdminWorld): HttpHandler {
  return async ({ method, path }) => {
    if (method !== 'GET' && method !== 'HEAD') return text(405, 'GET only\n', TEXT, { allow: 'GET, HEAD' });
    switch (path) {
      case '/healthz':
        return text(200, 'ok\n');
      case '/readyz': {
        const problems = await world.unready();
        return problems.length === 0 ? text(200, 'ready\n') : text(503, `${problems.join('\n')}\n`);
      }
      case '/metrics':
        return text(200, await world.metricsText(), world.metricsType);
      default:
        return text(404, 'known here: /healthz /readyz /metrics\n');
    }
  };
}
