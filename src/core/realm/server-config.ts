/** The member `server` of `joinery.yaml`: where a server listens, what its certificate is, what it offers and what it bears. */
import type { JsonObject } from '../canonical-json.ts';
import { dnsName, name } from '../names.ts';
import { array, boolean, integer, object, optional, type Parsed, parseDocument, refine, string } from '../parse.ts';

/** Host or address and port; port 0 takes a free one. */
const listen = refine(
  string({
    maxLength: 300,
    pattern: /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}$/,
    describe: 'host:port, an IPv6 address in brackets',
  }),
  (value) => (listenAddress(value).port <= 65535 ? { value } : { issue: 'expected a port of at most 65535, found a larger one' }),
);

const file = string({ minLength: 1, maxLength: 4096 });

const certificate = object({
  /** Authority of the realm that issues it; default: the newest online one under an active anchor of control-plane-https. */
  ca: optional(name()),
  /** Default: the hosts of the join URLs of every cluster. */
  dns: optional(array(dnsName(), { maxItems: 50 })),
  ip: optional(array(string({ maxLength: 45 }), { maxItems: 50 })),
  /** Seconds. */
  lifetime: optional(integer(300, 31536000)),
  /** Instead of `ca`: PEM of the chain, its root included, and of the key, both read again when they change. */
  chain_file: optional(file),
  key_file: optional(file),
});

const limits = object({
  /** Bytes of a request's body. */
  body: optional(integer(1024, 1048576)),
  /** TCP connections at once. */
  connections: optional(integer(1, 1000000)),
  /** Connections of one address (IPv6: of one /64) at once. */
  connections_per_address: optional(integer(1, 1000000)),
  /** Requests at once, and in one HTTP/2 session. */
  requests: optional(integer(1, 100000)),
  streams: optional(integer(1, 10000)),
  /** Seconds: for a handshake, for the headers, for a whole request, and without any request. */
  handshake_timeout: optional(integer(1, 300)),
  header_timeout: optional(integer(1, 300)),
  request_timeout: optional(integer(1, 3600)),
  idle_timeout: optional(integer(1, 86400)),
  /** Requests a minute of one address (IPv6: of one /64), and joins a minute with one token. */
  per_address: optional(integer(1, 1000000)),
  per_token: optional(integer(1, 1000000)),
  /** Seconds that a stop waits for what is under way. */
  drain_timeout: optional(integer(0, 3600)),
});

const omnirelay = object({
  /** The key that is shared with OmniRelay: its UTF-8 bytes. */
  key_file: file,
  /** Default: omnirelay-bootstrap and omnirelay-cli. */
  issuers: optional(array(string({ minLength: 1, maxLength: 256 }), { minItems: 1, maxItems: 20 })),
});

const alerts = object({
  /** A program and its arguments; the alert is its standard input, as JSON. */
  exec: optional(array(string({ minLength: 1, maxLength: 4096 }), { minItems: 1, maxItems: 50 })),
  webhook: optional(string({ maxLength: 2048, pattern: /^https?:\/\/[^\s/?#@]+(?:\/[^\s#]*)?$/, describe: 'an http or https URL' })),
  /** Certificates of one node that have not ended, from which on `frequent-renewals` is raised, and of which age at most (seconds). */
  renewals: optional(integer(3, 100)),
  renewals_within: optional(integer(60, 31536000)),
});

export const serverConfig = object({
  listen: optional(listen),
  admin_listen: optional(listen),
  certificate: optional(certificate),
  limits: optional(limits),
  /** Offers `POST /omnirelay/bootstrap/join`; off unless it is here, because the server makes the key of the node. */
  omnirelay: optional(omnirelay),
  /** Offers gRPC `/gastrolog.v1.ClusterService/Enroll`. */
  gastrolog: optional(boolean()),
  /** Offers `POST /v1/tokens` to admins; the token signing key must be online. */
  tokens: optional(boolean()),
  alerts: optional(alerts),
});

export type ServerConfig = Parsed<typeof serverConfig>;

export const DEFAULT_LISTEN = '0.0.0.0:8443';
export const DEFAULT_ADMIN_LISTEN = '127.0.0.1:8444';

export interface ServerLimits {
  readonly body: number;
  readonly connections: number;
  readonly connections_per_address: number;
  readonly requests: number;
  readonly streams: number;
  readonly handshake_timeout: number;
  readonly header_timeout: number;
  readonly request_timeout: number;
  readonly idle_timeout: number;
  readonly per_address: number;
  readonly per_token: number;
  readonly drain_timeout: number;
}

/** What a server bears where the configuration says nothing else. */
const DEFAULT_LIMITS: ServerLimits = {
  body: 65536,
  connections: 12000,
  connections_per_address: 4000,
  requests: 1000,
  streams: 100,
  handshake_timeout: 10,
  header_timeout: 10,
  request_timeout: 30,
  idle_timeout: 120,
  per_address: 3000,
  per_token: 60,
  drain_timeout: 20,
};

export function limitsOf(config: ServerConfig | undefined): ServerLimits {
  return { ...DEFAULT_LIMITS, ...config?.limits };
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Splits `host:port` as the configuration has it. */
export function listenAddress(text: string): ListenAddress {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}

/** Addresses from a command line, in the form of the configuration. @throws ERR_CONFIG_MALFORMED */
export function listenMembers(given: Readonly<Record<'listen' | 'admin_listen', string | undefined>>): ServerConfig {
  const members = Object.entries(given).filter(([, value]) => value !== undefined);
  return parseDocument(serverConfig, Object.fromEntries(members) as JsonObject, 'command line', 'ERR_CONFIG_MALFORMED');
}
