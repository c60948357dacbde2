/** A SPIRE server as identity provider, over its admin socket or over TLS with an admin SVID: X509-SVIDs, its bundle, and tokens for its agents. */
import { connect } from 'node:net';
import { decodeUtf8, parsePem, toPem } from '../core/encoding.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import type { IdentityProvider, ProvidedCertificate, SigningRequest } from '../core/join/provider.ts';
import type { SpireConfig } from '../core/realm/provider-config.ts';
import { Secret } from '../core/secret.ts';
import type { Instant } from '../core/time.ts';
import { parseCertificate } from '../core/x509/certificate.ts';
import { parseSpiffeId } from '../core/x509/spiffe-id.ts';
import { Agent } from '../proto/gen/spire/api/server/agent/v1/agent_pb.ts';
import { Bundle } from '../proto/gen/spire/api/server/bundle/v1/bundle_pb.ts';
import { SVID } from '../proto/gen/spire/api/server/svid/v1/svid_pb.ts';
import { Code, ConnectError, createClient, createGrpcTransport, Http2SessionManager } from './connect.ts';
import { systemFiles } from './files.ts';
import { checkPeer } from './tls-rotation.ts';
import type { ProviderOptions } from './vault-provider.ts';

const MAX_MESSAGE = 1024 * 1024;
const MAX_FILE = 1024 * 1024;

export interface SpireTokenRequest {
  /** Seconds. */
  readonly ttl: number;
  /** A further SPIFFE ID of the agent. */
  readonly agentId?: string | undefined;
}

export interface SpireProvider extends IdentityProvider {
  /** A token of SPIRE for a SPIRE agent. @throws ERR_PROVIDER_*, ERR_CERTIFICATE_NAME */
  createJoinToken(request: SpireTokenRequest): Promise<{ readonly value: Secret; readonly expiresAt: Instant }>;
}

export function spireProvider(config: SpireConfig, options: ProviderOptions): SpireProvider {
  const mint = async (request: SigningRequest): Promise<ProvidedCertificate> => {
    if (request.ip_addresses.length > 0)
      throw new JoineryError('ERR_PROVIDER_REFUSED', `${options.what}: expected no addresses, which SPIRE does not sign, found some`, {
        hint: 'leave ipAddresses out of the rules of the policy',
      });
    const { svid } = await call(config, options, (transport) =>
      createClient(SVID, transport).mintX509SVID({ csr: derOf(request.csr_pem), ttl: request.lifetime }),
    );
    const [leaf, ...chain] = svid?.certChain ?? [];
    if (leaf === undefined) throw new JoineryError('ERR_PROVIDER_CERTIFICATE', `${options.what}: expected an X509-SVID, found none`);
    return { certificatePem: toPem('CERTIFICATE', leaf), chainPem: chain.map((der) => toPem('CERTIFICATE', der)).join('') };
  };
  return {
    namesFromRequest: true,
    issue: mint,
    // SPIRE knows no renewal of what it minted: it mints another one.
    renew: mint,
    revoke: () =>
      Promise.reject(
        new JoineryError(
          'ERR_PROVIDER_CANNOT_REVOKE',
          `${options.what}: expected a provider that revokes, found SPIRE, whose X509-SVIDs end soon`,
        ),
      ),
    async trustBundle() {
      const bundle = await call(config, options, (transport) =>
        createClient(Bundle, transport).getBundle({ outputMask: { x509Authorities: true } }),
      );
      const sound = bundle.x509Authorities.filter(({ tainted }) => !tainted);
      return sound.map(({ asn1 }) => toPem('CERTIFICATE', asn1)).join('');
    },
    async createJoinToken({ ttl, agentId }) {
      const id = agentId === undefined ? undefined : parseSpiffeId(agentId, '--spiffe-id');
      const named = id && { agentId: { trustDomain: id.trustDomain, path: `/${id.segments.join('/')}` } };
      const { value, expiresAt } = await call(config, options, (transport) =>
        createClient(Agent, transport).createJoinToken({ ttl, ...named }),
      );
      return { value: new Secret(value), expiresAt: Number(expiresAt) as Instant };
    },
  };
}

type Transport = ReturnType<typeof createGrpcTransport>;

/** One call on a connection of its own: files may have changed since the last one. @throws ERR_PROVIDER_UNAVAILABLE, ERR_PROVIDER_REFUSED */
async function call<T>(config: SpireConfig, options: ProviderOptions, work: (transport: Transport) => Promise<T>): Promise<T> {
  const { what, timeoutMs } = options;
  const opened: { session?: Http2SessionManager } = {};
  try {
    const session = config.socket === undefined ? await overTls(config, options) : onSocket(config.socket);
    opened.session = session;
    const transport = createGrpcTransport({
      baseUrl: session.authority,
      sessionManager: session,
      defaultTimeoutMs: timeoutMs,
      readMaxBytes: MAX_MESSAGE,
      acceptCompression: [],
    });
    return await work(transport);
  } catch (cause) {
    throw coded(cause, what);
  } finally {
    opened.session?.abort();
  }
}

function onSocket(path: string): Http2SessionManager {
  return new Http2SessionManager('http://localhost', {}, { createConnection: () => connect(path) });
}

/** The server must be SPIRE's own SVID, under the bundle of the trust domain that the admin SVID is of. */
async function overTls(config: SpireConfig, { path }: ProviderOptions): Promise<Http2SessionManager> {
  const read = async (file: string | undefined): Promise<string> => {
    // The parser has seen to them.
    const name = path(file as string);
    return decodeUtf8(await systemFiles.read(name, MAX_FILE), name);
  };
  const [cert, key, ca] = [await read(config.cert_file), await read(config.key_file), await read(config.bundle_file)];
  return new Http2SessionManager(
    `https://${config.address}`,
    {},
    {
      cert,
      key,
      ca,
      minVersion: 'TLSv1.2',
      // The bundle of a SPIRE server under another authority may begin below a root.
      allowPartialTrustChain: true,
      checkServerIdentity: checkPeer(`spiffe://${trustDomainOf(cert)}/spire/server`),
    },
  );
}

function trustDomainOf(pem: string): string {
  const what = 'identity_provider.spire.cert_file';
  const [block] = parsePem(pem, what);
  const names = block === undefined ? [] : (parseCertificate(block.der, what).extensions.subjectAltName ?? []);
  const [uri = ''] = names.flatMap((name) => (name.kind === 'uri' ? [name.value] : []));
  return parseSpiffeId(uri, what).trustDomain;
}

function derOf(pem: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array((parsePem(pem, 'csr')[0] as { readonly der: Uint8Array }).der);
}

const DOWN: readonly Code[] = [Code.Unavailable, Code.DeadlineExceeded, Code.ResourceExhausted, Code.Canceled, Code.Aborted];

function coded(cause: unknown, what: string): JoineryError {
  if (isJoineryError(cause) && cause.code.startsWith('ERR_PROVIDER_')) return cause;
  const hint = 'nothing was written: ask again';
  // Files, and a server that is not the one that was meant.
  if (!(cause instanceof ConnectError))
    return new JoineryError('ERR_PROVIDER_UNAVAILABLE', `${what}: ${(cause as Error).message}`, { cause, hint });
  // A socket that is not there, or TLS: nothing was answered.
  const code = DOWN.includes(cause.code) || cause.cause instanceof Error ? 'ERR_PROVIDER_UNAVAILABLE' : 'ERR_PROVIDER_REFUSED';
  const said = cause.rawMessage.replaceAll(/[^ -~]+/g, ' ').slice(0, 500);
  return new JoineryError(code, `${what}: expected an answer of SPIRE, found ${Code[cause.code]}: ${said}`, { cause, hint });
}
