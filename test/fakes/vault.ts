/** A stand-in for Vault's HTTP API, from the examples that are published of it: PKI secrets engine, and logins by AppRole, Kubernetes and JWT. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type Instant, plus } from '../../src/core/time.ts';
import { parseAlternativeName } from '../../src/core/x509/alternative-names.ts';
import { keyPemOf } from './grpc-listener.ts';
import { nextSerial, pemOf, signCsr } from './provider-ca.ts';
import { type Identity, identity, LOCALHOST } from './tls-server.ts';
import type { Authority } from '../core/x509/make.ts';

export const VAULT_TLS_ROOT = identity({ name: 'vault tls root', ca: true });
const TLS: Identity = identity({ name: 'vault tls', issuer: VAULT_TLS_ROOT, names: [...LOCALHOST] });

export interface VaultCall {
  readonly method: string;
  readonly path: string;
  readonly namespace: string | undefined;
  readonly token: string | undefined;
  readonly body: Record<string, string>;
}

interface Answer {
  readonly status: number;
  readonly body: object | string;
  readonly headers?: Record<string, string>;
}

export interface VaultStandIn {
  readonly url: string;
  readonly calls: VaultCall[];
  /** Tokens that count. */
  readonly tokens: Set<string>;
  /** Answers instead of the stand-in, where it gives something. */
  whim: (call: VaultCall) => Answer | 'silence' | undefined;
  close(): void;
}

export interface VaultOptions {
  readonly issuer: Authority;
  readonly root: Authority;
  readonly now: () => Instant;
  /** Seconds of a login's token. */
  readonly lease?: number;
}

const refused = (status: number, ...errors: string[]): Answer => ({ status, body: { errors } });

export async function vaultStandIn(options: VaultOptions): Promise<VaultStandIn> {
  const calls: VaultCall[] = [];
  const tokens = new Set(['s.from-the-file']);
  let logins = 0;
  const standIn = { whim: (() => undefined) as VaultStandIn['whim'] };

  const login = ({ path, body }: VaultCall): Answer => {
    const fits =
      path === 'auth/approle/login'
        ? body['role_id'] === 'the-role' && body['secret_id'] === 'the-secret'
        : body['role'] === 'joinery' && body['jwt'] === 'the-jwt';
    if (!fits) return refused(400, 'invalid role or secret ID');
    const token = `s.login-${(logins += 1)}`;
    tokens.add(token);
    const auth = {
      client_token: token,
      accessor: 'fd6c9a00',
      policies: ['default'],
      lease_duration: options.lease ?? 1200,
      renewable: true,
    };
    return { status: 200, body: { auth, data: null, lease_duration: 0, lease_id: '', renewable: false, warnings: null } };
  };

  const sign = ({ body }: VaultCall): Answer => {
    const uris = (body['uri_sans'] ?? '').split(',').filter((text) => text !== '');
    const dns = (body['alt_names'] ?? '').split(',').filter((text) => text !== '');
    const serialNumber = nextSerial();
    const leaf = signCsr({
      csrPem: body['csr'] ?? '',
      names: [
        ...uris.map((uri) => parseAlternativeName('uri', uri, 'uri')),
        ...dns.map((name) => parseAlternativeName('dns', name, 'dns')),
      ],
      issuer: options.issuer,
      // Vault's not_before_duration.
      notBefore: plus(options.now(), -30),
      notAfter: plus(options.now(), Number(body['ttl']?.replace('s', ''))),
      serialNumber,
    });
    const serial = Buffer.from(serialNumber).toString('hex').match(/../g)?.join(':');
    const data = {
      certificate: pemOf(leaf).trim(),
      issuing_ca: pemOf(options.issuer).trim(),
      ca_chain: [pemOf(options.issuer).trim(), pemOf(options.root).trim()],
      expiration: leaf.certificate.notAfter,
      serial_number: serial,
    };
    return { status: 200, body: { lease_id: '', renewable: false, lease_duration: 0, data, warnings: null, auth: null } };
  };

  const answer = (call: VaultCall): Answer => {
    const { method, path, token, body } = call;
    if (/^auth\/(?:approle|kubernetes|jwt|ci)\/login$/.test(path)) return login(call);
    const chain = `${pemOf(options.issuer)}${pemOf(options.root)}`;
    if (method === 'GET' && path === 'pki/cert/ca_chain')
      return { status: 200, body: { data: { certificate: chain, ca_chain: chain, revocation_time: 0 } } };
    if (method === 'GET' && path === 'pki/issuer/nodes-2026/json')
      return {
        status: 200,
        body: { data: { certificate: pemOf(options.issuer), ca_chain: [pemOf(options.issuer), pemOf(options.root)], revocation_time: 0 } },
      };
    if (token === undefined || !tokens.has(token)) return refused(403, 'permission denied');
    if (method === 'POST' && /^pki\/(?:issuer\/nodes-2026\/)?sign\/joinery-node$/.test(path)) return sign(call);
    if (method === 'POST' && path === 'pki/revoke')
      return body['serial_number']?.includes(':') === true
        ? { status: 200, body: { data: { revocation_time: 1433269787 } } }
        : refused(400, 'bad serial');
    return refused(404, `no handler for route "${path}". route entry not found.`);
  };

  const server = createServer({ key: keyPemOf(TLS), cert: pemOf(TLS) + pemOf(VAULT_TLS_ROOT) }, (request, response) => {
    void bodyOf(request).then((text) => {
      const { headers, method = '', url = '' } = request;
      const call: VaultCall = {
        method,
        path: url.replace(/^\/v1\//, ''),
        namespace: headers['x-vault-namespace'] as string | undefined,
        token: headers['x-vault-token'] as string | undefined,
        body: text === '' ? {} : (JSON.parse(text) as Record<string, string>),
      };
      calls.push(call);
      const given = standIn.whim(call) ?? answer(call);
      if (given === 'silence') return;
      response.writeHead(given.status, { 'content-type': 'application/json', ...given.headers });
      response.end(typeof given.body === 'string' ? given.body : JSON.stringify(given.body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return Object.assign(standIn, { url: `https://localhost:${port}`, calls, tokens, close });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
