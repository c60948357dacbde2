// The OpenAPI document of the server's REST interface: messages from the parsers that enforce them, routes from the table below,
// which a test holds against the routes that the server has.
import { readFileSync } from 'node:fs';
import { ERRORS } from '../src/core/errors.ts';
import { messageSchemas } from '../src/core/join/messages.ts';
import { PROBLEM_TYPE, problemSchema } from '../src/core/join/problem.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const CHAIN = 'application/pem-certificate-chain';

const ref = (name) => ({ $ref: `#/components/schemas/${name}` });
const json = (name) => ({ 'application/json': { schema: ref(name) } });
const text = (description) => ({ schema: { type: 'string', description } });

const HEADERS = {
  'x-correlation-id': { description: 'The id of the audit records and log lines of the request', schema: { type: 'string' } },
};
const ETAG = { etag: { description: 'For If-None-Match', schema: { type: 'string' } } };
const CHAIN_HEADERS = Object.fromEntries(
  ['node-id', 'audit-id', 'trust', 'issued-at', 'renew-after', 'expires-at'].map((name) => [
    `joinery-${name}`,
    { description: `With ${CHAIN} only`, schema: { type: 'string' } },
  ]),
);

/** The problems of a route, by status, with the codes that it may have; what every route may answer comes with it. */
function problems(codes) {
  const byStatus = new Map();
  for (const code of [...codes, 'ERR_RATE_LIMITED', 'ERR_SERVER_BUSY', 'ERR_INTERNAL']) {
    const { http } = ERRORS[code];
    byStatus.set(http, [...(byStatus.get(http) ?? []), code]);
  }
  const entries = [...byStatus].sort(([a], [b]) => a - b);
  return Object.fromEntries(
    entries.map(([status, names]) => [
      status,
      {
        description: names.join(', '),
        headers: { ...HEADERS, ...((status === 429 || status === 503) && { 'retry-after': { schema: { type: 'integer' } } }) },
        content: { [PROBLEM_TYPE]: { schema: ref('Problem') } },
      },
    ]),
  );
}

const BODY = ['ERR_REQUEST_MALFORMED', 'ERR_REQUEST_TYPE', 'ERR_REQUEST_TIMEOUT'];
const NODE = ['ERR_JOIN_UNAUTHENTICATED', 'ERR_CERTIFICATE_REVOKED', 'ERR_NODE_REVOKED', 'ERR_PEER_CERTIFICATE'];
const ADMIN = ['ERR_JOIN_UNAUTHENTICATED', 'ERR_PEER_CERTIFICATE', 'ERR_ADMIN_DENIED'];
const TOKEN = [
  'ERR_JOIN_UNAUTHENTICATED',
  'ERR_TOKEN_ROLE',
  'ERR_TOKEN_NODE',
  'ERR_TOKEN_AUDIENCE',
  'ERR_POLICY_DENIED',
  'ERR_NODE_EXISTS',
];
const SPENT = ['ERR_TOKEN_EXPIRED', 'ERR_TOKEN_REVOKED', 'ERR_TOKEN_REPLAYED', 'ERR_TOKEN_EXHAUSTED'];

const body = (name) => ({ required: true, content: json(name) });
const ok = (description, content, headers = {}) => ({ description, headers: { ...HEADERS, ...headers }, content });
const unchanged = { description: 'It has not changed since the ETag in If-None-Match', headers: { ...HEADERS, ...ETAG } };
const parameter = (name, where, description, schema = { type: 'string' }) => ({
  name,
  in: where,
  required: where === 'path',
  description,
  schema,
});
const IF_NONE_MATCH = parameter('if-none-match', 'header', 'ETag of an earlier answer');

const joined = {
  200: ok(
    'The certificate, and all that a node needs',
    { ...json('JoinReply'), [CHAIN]: text('The certificate, then its authorities') },
    CHAIN_HEADERS,
  ),
};

/** A public document, with its problems. */
const document = (summary, content, { parameters = [], codes = [] } = {}) => ({
  summary,
  security: [],
  parameters: [...parameters, IF_NONE_MATCH],
  responses: { 200: ok(summary, content, ETAG), 304: unchanged, ...problems(codes) },
});

const chain = { 'application/json': { schema: { type: 'object', description: 'joinery/trust-chain/1' } } };
const purpose = parameter('purpose', 'path', 'Which trust', { enum: ['control-plane-https', 'node-cert-lifecycle'] });

const PATHS = {
  '/v1/ca': {
    get: document(
      'The active anchors of both purposes; in PEM those of control-plane-https',
      { ...json('CaReply'), [CHAIN]: text('Anchors') },
      {
        codes: ['ERR_TRUST_NOT_ACTIVATED'],
      },
    ),
  },
  '/v1/trust/{purpose}': {
    get: document(
      'Every activated version of a trust bundle up to the active one',
      { ...chain, [CHAIN]: text('The anchors of the active version') },
      {
        parameters: [purpose],
        codes: ['ERR_TRUST_NOT_ACTIVATED', 'ERR_ROUTE_NOT_FOUND'],
      },
    ),
  },
  '/v1/trust/{purpose}/{version}': {
    get: document('One activated version of a trust bundle', chain, {
      parameters: [purpose, parameter('version', 'path', 'Trust bundle version', { type: 'integer', minimum: 1 })],
      codes: ['ERR_TRUST_NOT_FOUND', 'ERR_ROUTE_NOT_FOUND'],
    }),
  },
  '/v1/spiffe-bundle': {
    get: document(
      'The SPIFFE bundle of the trust domain: the anchors of its nodes',
      { 'application/json': { schema: { type: 'object' } } },
      {
        codes: ['ERR_TRUST_NOT_ACTIVATED'],
      },
    ),
  },
  '/v1/crl/{issuer}': {
    get: document(
      'The revocation list of an authority, in DER',
      { 'application/pkix-crl': { schema: { type: 'string', format: 'binary' } } },
      {
        parameters: [parameter('issuer', 'path', 'Name of the authority')],
        codes: ['ERR_CA_NOT_FOUND', 'ERR_CRL_NOT_FOUND'],
      },
    ),
  },
  '/v1/challenge': {
    post: {
      summary: 'A nonce for an attestor that needs a fresh one',
      security: [],
      responses: { 200: ok('Good for a minute', json('ChallengeReply')), ...problems([]) },
    },
  },
  '/v1/join': {
    post: {
      summary: 'Join with a token. Safe to ask again with the same key: the same certificate, and no second use',
      security: [],
      requestBody: body('JoinRequest'),
      responses: { ...joined, ...problems([...BODY, ...TOKEN, ...SPENT]) },
    },
  },
  '/v1/renew': {
    post: {
      summary: 'Renew with a new key, as the node that holds the client certificate',
      requestBody: body('RenewRequest'),
      responses: { ...joined, ...problems([...BODY, ...NODE, 'ERR_RENEW_KEY', 'ERR_RENEW_SUPERSEDED', 'ERR_POLICY_DENIED']) },
    },
  },
  '/v1/peers': {
    get: {
      summary: 'Seed peers and live nodes of the cluster of the node that asks',
      parameters: [IF_NONE_MATCH],
      responses: { 200: ok('Who is there', json('PeersReply'), ETAG), 304: unchanged, ...problems(NODE) },
    },
  },
  '/v1/trust-report': {
    post: {
      summary: 'Which trust the node holds',
      requestBody: body('TrustReportRequest'),
      responses: { 200: ok('Recorded', json('TrustReportReply')), ...problems([...BODY, ...NODE]) },
    },
  },
  '/v1/revocations': {
    get: {
      summary: 'Revocations after a place in their list, for whoever must evict at once',
      parameters: [parameter('since', 'query', '`next` of the answer before; 0 for all', { type: 'integer', minimum: 0, default: 0 })],
      responses: { 200: ok('At most 1000', json('RevocationsReply')), ...problems(['ERR_REQUEST_MALFORMED', ...NODE]) },
    },
    post: {
      summary: 'Revoke a certificate, a node or a token, as an admin',
      requestBody: body('RevokeRequest'),
      responses: {
        200: ok('Revoked', json('RevokeReply')),
        ...problems([...BODY, ...ADMIN, 'ERR_CERTIFICATE_NOT_FOUND', 'ERR_NODE_NOT_FOUND', 'ERR_TOKEN_NOT_FOUND']),
      },
    },
  },
  '/v1/tokens': {
    post: {
      summary: 'Mint a join token, as an admin; off unless server.tokens turns it on',
      requestBody: body('MintRequest'),
      responses: {
        201: ok('The token, once', json('MintReply')),
        ...problems([...BODY, ...ADMIN, 'ERR_CLUSTER_UNKNOWN', 'ERR_ROLE_UNKNOWN', 'ERR_ROUTE_NOT_FOUND']),
      },
    },
  },
  '/omnirelay/bootstrap/join': {
    post: {
      summary: "OmniRelay's own bootstrap endpoint, with its messages; off unless server.omnirelay turns it on",
      security: [],
      requestBody: { required: true, content: { 'application/json': { schema: { type: 'object' } } } },
      responses: {
        200: ok('Certificate and key in PKCS #12', { 'application/json': { schema: { type: 'object' } } }),
        400: { description: 'Refused, in the words of OmniRelay', content: { 'application/json': { schema: { type: 'object' } } } },
        ...problems(['ERR_ROUTE_NOT_FOUND']),
      },
    },
  },
};

/** The document as JSON. */
export function openApi() {
  const schemas = Object.fromEntries(Object.entries(messageSchemas()).map(([name, schema]) => [name, { title: name, ...schema }]));
  return {
    openapi: '3.1.0',
    info: {
      title: 'joinery bootstrap server',
      version,
      summary: 'Join, renew, peers and trust over mTLS',
      description: 'TLS 1.3 only. Which certificate a route needs, and what refusals look like: docs/reference/rest.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'https://{host}:{port}', variables: { host: { default: 'localhost' }, port: { default: '8443' } } }],
    security: [{ certificate: [] }],
    paths: PATHS,
    components: {
      schemas: { ...schemas, Problem: { title: 'Problem', ...problemSchema() } },
      securitySchemes: { certificate: { type: 'mutualTLS', description: 'A certificate that this server issued' } },
    },
  };
}
