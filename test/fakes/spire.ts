/** A stand-in SPIRE server, from its published API: what it takes and refuses of a CSR is what SPIRE's own service does. */
import { once } from 'node:events';
import { createSecureServer, createServer, type Http2SecureServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { Code, ConnectError, type ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { verifySignature } from '../../src/adapters/signatures.ts';
import { toPem } from '../../src/core/encoding.ts';
import { type Instant, plus } from '../../src/core/time.ts';
import { assertCsrSignature, type CertificationRequest, parseCsr } from '../../src/core/x509/csr.ts';
import type { AlternativeName } from '../../src/core/x509/extension-writer.ts';
import { Agent } from '../../src/proto/gen/spire/api/server/agent/v1/agent_pb.ts';
import { Bundle } from '../../src/proto/gen/spire/api/server/bundle/v1/bundle_pb.ts';
import { SVID } from '../../src/proto/gen/spire/api/server/svid/v1/svid_pb.ts';
import type { Authority } from '../core/x509/make.ts';
import { keyPemOf } from './grpc-listener.ts';
import { nextSerial, pemOf, signCsr } from './provider-ca.ts';
import { type Identity, identity } from './tls-server.ts';

export const TRUST_DOMAIN = 'example.org';

export interface SpireOptions {
  readonly trustDomain?: string;
  readonly root: Authority;
  /** Where SPIRE is under an authority of its own: it is in the chain, and not in the bundle. */
  readonly issuer: Authority;
  readonly now: () => Instant;
  /** Path of the admin socket, or the root of the TLS identities. */
  readonly listen: { readonly socket: string } | { readonly tls: Identity; readonly serverId?: string };
}

export interface SpireStandIn {
  /** `127.0.0.1:port`, of one with TLS. */
  readonly address: string;
  /** Ids of the requests, in order. */
  readonly asked: string[];
  /** Refuses everything with it, or never answers. */
  failure: ConnectError | 'silence' | undefined;
  readonly more: { tainted?: Authority };
  close(): Promise<void>;
}

export async function spireStandIn(options: SpireOptions): Promise<SpireStandIn> {
  const { trustDomain = TRUST_DOMAIN, root, issuer, now } = options;
  const asked: string[] = [];
  const more: { tainted?: Authority } = {};
  const state: { failure: SpireStandIn['failure'] } = { failure: undefined };
  const gate = async (name: string): Promise<void> => {
    asked.push(name);
    if (state.failure === 'silence') await new Promise(() => undefined);
    if (state.failure instanceof ConnectError) throw state.failure;
  };
  const routes = (router: ConnectRouter): void => {
    router.service(SVID, {
      async mintX509SVID({ csr: der, ttl }) {
        await gate('MintX509SVID');
        const csr = csrOf(der);
        const names = namesOf(csr, trustDomain);
        const leaf = signCsr({
          csrPem: toPem('CERTIFICATE REQUEST', der),
          names,
          issuer,
          // SPIRE's NotBeforeCushion.
          notBefore: plus(now(), -10),
          notAfter: plus(now(), ttl),
          serialNumber: nextSerial(),
        });
        const chain = issuer === root ? [leaf] : [leaf, issuer];
        const uri = (names[0] as { readonly value: string }).value;
        const [, , domain = '', ...path] = uri.split('/');
        const id = { trustDomain: domain, path: `/${path.join('/')}` };
        const certChain = chain.map(({ certificate }) => new Uint8Array(certificate.der));
        return { svid: { certChain, id, expiresAt: BigInt(leaf.certificate.notAfter) } };
      },
    });
    router.service(Bundle, {
      async getBundle({ outputMask }) {
        await gate('GetBundle');
        const authorities = [{ asn1: new Uint8Array(root.certificate.der), tainted: false }];
        if (more.tainted !== undefined) authorities.push({ asn1: new Uint8Array(more.tainted.certificate.der), tainted: true });
        return { trustDomain, x509Authorities: outputMask?.x509Authorities === false ? [] : authorities };
      },
    });
    router.service(Agent, {
      async createJoinToken({ ttl, token, agentId }) {
        await gate(`CreateJoinToken ${agentId?.trustDomain ?? ''}${agentId?.path ?? ''}`);
        if (ttl < 1) throw new ConnectError('ttl is required', Code.InvalidArgument);
        return { value: token || '5f0c6e2d-token', expiresAt: BigInt(now() + ttl) };
      },
    });
  };
  const handler = connectNodeAdapter({ routes, grpcWeb: false, connect: false });
  const { listen } = options;
  const server: Http2Server | Http2SecureServer =
    'socket' in listen
      ? createServer(handler)
      : createSecureServer(await tlsOf(listen.tls, listen.serverId ?? `spiffe://${trustDomain}/spire/server`), handler);
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session: ServerHttp2Session) => {
    // SPIRE: callers from elsewhere need an admin SVID.
    if ('tls' in listen && !(session.socket as TLSSocket).authorized) session.destroy();
    sessions.add(session);
    session.on('close', () => sessions.delete(session)).on('error', () => undefined);
  });
  if ('socket' in listen) server.listen(listen.socket);
  else server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = 'socket' in listen ? '' : `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address,
    asked,
    more,
    get failure() {
      return state.failure;
    },
    set failure(given) {
      state.failure = given;
    },
    async close() {
      const closed = new Promise((done) => server.close(done));
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}

async function tlsOf(tlsRoot: Identity, serverId: string) {
  const server = identity({ name: 'spire server', issuer: tlsRoot, names: [{ kind: 'uri', value: serverId }] });
  return { key: keyPemOf(server), cert: pemOf(server), ca: pemOf(tlsRoot), requestCert: true, rejectUnauthorized: false };
}

function csrOf(der: Uint8Array): CertificationRequest {
  if (der.length === 0) throw new ConnectError('missing CSR', Code.InvalidArgument);
  try {
    const csr = parseCsr(der);
    assertCsrSignature(csr, verifySignature, 'csr');
    return csr;
  } catch {
    throw new ConnectError('malformed CSR', Code.InvalidArgument);
  }
}

/** One URI, which is the ID of a workload of the trust domain; DNS names; nothing else is signed. */
function namesOf({ extensions }: CertificationRequest, trustDomain: string): readonly AlternativeName[] {
  const names = extensions.subjectAltName ?? [];
  const uris = names.flatMap((name) => (name.kind === 'uri' ? [name] : []));
  const [uri] = uris;
  if (uri === undefined) throw new ConnectError('CSR URI SAN is required', Code.InvalidArgument);
  if (uris.length > 1) throw new ConnectError('only one URI SAN is expected', Code.InvalidArgument);
  const path = uri.value.startsWith(`spiffe://${trustDomain}/`) ? uri.value.slice(`spiffe://${trustDomain}`.length) : '';
  if (path === '' || path.startsWith('/spire/')) throw new ConnectError('CSR URI SAN is invalid', Code.InvalidArgument);
  return [
    { kind: 'uri', value: uri.value },
    ...names.flatMap((name) => (name.kind === 'dns' ? [{ kind: 'dns' as const, value: name.value }] : [])),
  ];
}
