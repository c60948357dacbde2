/** Vault's PKI secrets engine (and OpenBao's) as identity provider: sign, revoke, and the chain of the mount. */
import type { JsonObject, JsonValue } from '../core/canonical-json.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { isJoineryError, JoineryError } from '../core/errors.ts';
import type { IdentityProvider, ProvidedCertificate, SigningRequest } from '../core/join/provider.ts';
import type { VaultConfig } from '../core/realm/provider-config.ts';
import { systemFiles } from './files.ts';
import { systemTimer } from './timer.ts';
import { callVault, memberOf, type VaultServer } from './vault-api.ts';
import { vaultLogin } from './vault-login.ts';

export interface ProviderOptions {
  readonly timeoutMs: number;
  /** Names the provider in errors. */
  readonly what: string;
  /** Of a file of the configuration. */
  readonly path: (file: string) => string;
}

const MAX_ANCHORS = 1024 * 1024;

export function vaultProvider(config: VaultConfig, options: ProviderOptions): IdentityProvider {
  const { what } = options;
  const server: VaultServer = {
    url: config.url.replace(/\/$/, ''),
    namespace: config.namespace,
    anchors: () => anchorsIn(options.path(config.ca_file), what),
    timeoutMs: options.timeoutMs,
    what,
  };
  const { mount = 'pki', issuer, role } = config;
  const login = vaultLogin(config.auth, options, (path, body) => callVault(server, { method: 'POST', path, body }));
  const ask = async (path: string, body: JsonObject): Promise<JsonValue> => {
    const call = async (): Promise<JsonValue> => callVault(server, { method: 'POST', path, body, token: await login.token() });
    try {
      return await call();
    } catch (error) {
      // A token that was revoked, or whose lease ended earlier than it said: once more with another one.
      if (!isJoineryError(error, 'ERR_PROVIDER_REFUSED') || error.details['status'] !== 403) throw error;
      login.forget();
      return call();
    }
  };
  // A login before it, and one after a refusal, are within the same time.
  const post = (path: string, body: JsonObject): Promise<JsonValue> => within(options, ask(path, body));
  const sign = async (request: SigningRequest): Promise<ProvidedCertificate> =>
    signedIn(await post(`${mount}/${issuer === undefined ? '' : `issuer/${issuer}/`}sign/${role}`, signBody(request)), what);
  return {
    issue: sign,
    // Vault knows no renewal: it signs another one.
    renew: sign,
    async revoke({ serial }) {
      // As Vault writes it: without the octet that DER puts before a first bit that is set.
      await post(`${mount}/revoke`, { serial_number: (serial.replace(/^00/, '').match(/../g) as string[]).join(':') });
    },
    async trustBundle() {
      const path = issuer === undefined ? `${mount}/cert/ca_chain` : `${mount}/issuer/${issuer}/json`;
      const answer = await callVault(server, { method: 'GET', path });
      return textOf(memberOf(answer, 'data', 'ca_chain')) || needed(memberOf(answer, 'data', 'certificate'), `${what}: ${path}`);
    },
  };
}

/** @throws ERR_PROVIDER_UNAVAILABLE when the time is over */
async function within<T>({ timeoutMs, what }: ProviderOptions, work: Promise<T>): Promise<T> {
  const ended = new AbortController();
  const late = systemTimer.sleep(timeoutMs, ended.signal, true).then((): Promise<T> => {
    if (ended.signal.aborted) return work;
    throw new JoineryError('ERR_PROVIDER_UNAVAILABLE', `${what}: expected an answer in time, found none`, {
      hint: 'nothing was written: ask again',
    });
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    ended.abort();
    late.catch(() => undefined);
    work.catch(() => undefined);
  }
}

function signBody({ csr_pem: csr, uris, dns_names: dns, ip_addresses: ip, lifetime }: SigningRequest): JsonObject {
  const [identity = ''] = uris;
  return {
    csr,
    // For people: it must not become a name of its own.
    common_name: identity.slice(identity.lastIndexOf('/') + 1).slice(0, 64),
    exclude_cn_from_sans: true,
    uri_sans: uris.join(','),
    ...(dns.length > 0 && { alt_names: dns.join(',') }),
    ...(ip.length > 0 && { ip_sans: ip.join(',') }),
    ttl: `${lifetime}s`,
    format: 'pem',
  };
}

function signedIn(answer: JsonValue, what: string): ProvidedCertificate {
  const chain = textOf(memberOf(answer, 'data', 'ca_chain')) || textOf(memberOf(answer, 'data', 'issuing_ca'));
  return { certificatePem: needed(memberOf(answer, 'data', 'certificate'), what), chainPem: chain };
}

/** A chain is a text in some answers and a list in others. */
function textOf(value: JsonValue | undefined): string {
  const texts = Array.isArray(value) ? value : [value];
  return texts
    .map((text) => (typeof text === 'string' ? `${text.trim()}\n` : ''))
    .join('')
    .trimStart();
}

/** @throws ERR_PROVIDER_CERTIFICATE */
function needed(value: JsonValue | undefined, what: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new JoineryError('ERR_PROVIDER_CERTIFICATE', `${what}: expected data.certificate in the answer, found none`);
}

async function anchorsIn(file: string, what: string): Promise<string> {
  try {
    return decodeUtf8(await systemFiles.read(file, MAX_ANCHORS), file);
  } catch (cause) {
    throw new JoineryError('ERR_PROVIDER_UNAVAILABLE', `${what}: ${(cause as Error).message}`, { cause });
  }
}
