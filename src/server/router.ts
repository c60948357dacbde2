/** Finds the handler of a request. Paths are exact: no trailing slash, no encoding, no case folding. */
import { JoineryError } from '../core/errors.ts';
import type { ServerRequest, ServerResponse } from '../core/join/http.ts';

export type RouteHandler = (request: ServerRequest, parameters: readonly string[]) => Promise<ServerResponse>;

export interface Route {
  readonly method: 'GET' | 'POST';
  /** Segments in braces are names of joinery: `/v1/crl/{issuer}`. */
  readonly path: string;
  readonly handle: RouteHandler;
}

interface Compiled extends Route {
  readonly pattern: RegExp;
}

/** Anything longer is no path of ours, and is not looked at. */
const MAX_PATH = 512;

export interface Found {
  /** The pattern: a closed list, fit for a label of a metric. */
  readonly route: string;
  handle(request: ServerRequest): Promise<ServerResponse>;
}

export type Find = (request: Pick<ServerRequest, 'method' | 'path'>) => Found;

/** @returns what finds the handler of a request. It throws ERR_ROUTE_NOT_FOUND, ERR_ROUTE_METHOD. */
export function router(routes: readonly Route[]): Find {
  const compiled = routes.map(compile);
  return ({ method, path }) => {
    const wanted = method === 'HEAD' ? 'GET' : method;
    if (method === 'OPTIONS' && path === '*') return { route: '*', handle: () => Promise.resolve(options(allowed(compiled))) };
    const here = path.length > MAX_PATH ? [] : compiled.filter(({ pattern }) => pattern.test(path));
    const route = here.find((candidate) => candidate.method === wanted);
    if (route !== undefined) return { route: route.path, handle: (request) => route.handle(request, parametersOf(route, path)) };
    if (here.length === 0) throw new JoineryError('ERR_ROUTE_NOT_FOUND', 'path: expected a route of this server, found another');
    const allow = allowed(here);
    if (method === 'OPTIONS') return { route: (here[0] as Compiled).path, handle: () => Promise.resolve(options(allow)) };
    throw new JoineryError('ERR_ROUTE_METHOD', `method: expected ${allow.join(' or ')}, found another`, { details: { allow } });
  };
}

/** What GET answers, HEAD answers too, and OPTIONS tells of both (RFC 9110 section 9.3). */
function allowed(routes: readonly Route[]): readonly string[] {
  const methods = routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
  return [...new Set(methods.toSorted()), 'OPTIONS'];
}

function options(allow: readonly string[]): ServerResponse {
  return { status: 204, headers: { allow: allow.join(', ') }, body: '' };
}

function compile(route: Route): Compiled {
  const source = route.path.replaceAll(/\{[a-z]+\}/g, '([A-Za-z0-9._-]{1,63})');
  return { ...route, pattern: new RegExp(`^${source}$`) };
}

function parametersOf({ pattern }: Compiled, path: string): readonly string[] {
  return (pattern.exec(path) as RegExpExecArray).slice(1);
}
