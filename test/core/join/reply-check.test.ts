import { expect, test } from 'vitest';
import { verifySignature } from '../../../src/adapters/signatures.ts';
import { toPem } from '../../../src/core/encoding.ts';
import { checkReply, type CheckableReply, offersOf, type ReplyExpectation } from '../../../src/core/join/reply-check.ts';
import { formatInstant, plus } from '../../../src/core/time.ts';
import { OID } from '../../../src/core/x509/oids.ts';
import { type Authority, make, type MakeOptions, NOW } from '../x509/make.ts';

const ID = 'spiffe://lab.example/prod/worker/n1';
const root = make({ name: 'node-root', ca: true });
const other = make({ name: 'other-root', ca: true });
const issuing = make({ name: 'issuing', ca: true, issuer: root });
const LEAF: MakeOptions = {
  name: '',
  issuer: issuing,
  names: [{ kind: 'uri', value: ID }],
  purposes: [OID.clientAuth, OID.serverAuth],
  notBefore: '2026-11-22T09:59:00Z',
  notAfter: '2026-11-23T10:00:00Z',
};
const pem = ({ certificate }: Authority): string => toPem('CERTIFICATE', certificate.der);

function replyWith(leaf: Authority, changes: Partial<CheckableReply> = {}): CheckableReply {
  return {
    cluster: 'prod',
    role: 'worker',
    node_id: 'n1',
    identity: ID,
    certificate_pem: pem(leaf),
    chain_pem: pem(issuing),
    renew_after: formatInstant(leaf.certificate.notBefore),
    expires_at: formatInstant(leaf.certificate.notAfter),
    ...changes,
  };
}

const leaf = make(LEAF);
const expectation = (changes: Partial<ReplyExpectation> = {}): ReplyExpectation => ({
  spki: leaf.certificate.spki,
  cluster: 'prod',
  role: 'worker',
  node: 'n1',
  anchors: [root.certificate],
  now: NOW,
  verifySignature,
  ...changes,
});

test('the reply that was asked for gives its certificate and chain', () => {
  const checked = checkReply(replyWith(leaf), expectation());
  expect(checked.certificate.fingerprint).toBe(leaf.certificate.fingerprint);
  expect(checked.chain.map(({ fingerprint }) => fingerprint)).toEqual([issuing.certificate.fingerprint]);
  const direct = make({ ...LEAF, issuer: root });
  expect(checkReply(replyWith(direct, { chain_pem: '' }), expectation({ spki: direct.certificate.spki })).chain).toEqual([]);
});

test('where nobody said who the node is to be, the reply says it', () => {
  const anyone = { cluster: undefined, role: undefined, node: undefined };
  expect(checkReply(replyWith(leaf, { node_id: 'x' }), expectation(anyone)).certificate).toBeDefined();
});

const REFUSED: readonly (readonly [string, Partial<CheckableReply>, Partial<ReplyExpectation>, string])[] = [
  ['another key', {}, { spki: root.certificate.spki }, 'ERR_REPLY_KEY'],
  ['another cluster', { cluster: 'edge' }, {}, 'ERR_REPLY_IDENTITY'],
  ['another role', { role: 'control-plane' }, {}, 'ERR_REPLY_IDENTITY'],
  ['another node', { node_id: 'n2' }, {}, 'ERR_REPLY_IDENTITY'],
  ['another identity than the certificate', { identity: `${ID}0` }, {}, 'ERR_REPLY_IDENTITY'],
  ['another identity than before', {}, { identity: `${ID}0` }, 'ERR_REPLY_IDENTITY'],
  ['another end', { expires_at: '2026-11-24T10:00:00Z' }, {}, 'ERR_REPLY_VALIDITY'],
  ['a renewal before it begins', { renew_after: '2026-11-22T09:58:59Z' }, {}, 'ERR_REPLY_VALIDITY'],
  ['a renewal that comes too late', { renew_after: '2026-11-23T10:00:00Z' }, {}, 'ERR_REPLY_VALIDITY'],
  ['an end that has passed', {}, { now: plus(NOW, 86_400) }, 'ERR_REPLY_VALIDITY'],
  ['a beginning after the skew', {}, { now: plus(NOW, -121) }, 'ERR_REPLY_VALIDITY'],
  ['no certificate', { certificate_pem: '' }, {}, 'ERR_REPLY_MALFORMED'],
  ['two certificates', { certificate_pem: pem(leaf) + pem(root) }, {}, 'ERR_REPLY_MALFORMED'],
  ['a key instead of a certificate', { certificate_pem: toPem('PRIVATE KEY', leaf.certificate.der) }, {}, 'ERR_REPLY_MALFORMED'],
  ['no PEM', { chain_pem: '-----BEGIN CERTIFICATE-----' }, {}, 'ERR_REPLY_MALFORMED'],
  ['no DER', { chain_pem: toPem('CERTIFICATE', new Uint8Array(3)) }, {}, 'ERR_REPLY_MALFORMED'],
  ['a chain without the issuer', { chain_pem: '' }, {}, 'ERR_REPLY_UNTRUSTED'],
  ['another anchor', {}, { anchors: [other.certificate] }, 'ERR_REPLY_UNTRUSTED'],
];

test.each(REFUSED)('%s is refused', (_what, changes, expected, code) => {
  expect(() => checkReply(replyWith(leaf, changes), expectation(expected))).toThrow(expect.objectContaining({ code }));
});

const LEAVES: readonly (readonly [string, MakeOptions, string])[] = [
  ['no SPIFFE ID', { names: [{ kind: 'dns', value: 'n1.lab.example' }] }, 'ERR_REPLY_IDENTITY'],
  ['no names', { names: [] }, 'ERR_REPLY_IDENTITY'],
  [
    'two SPIFFE IDs',
    {
      names: [
        { kind: 'uri', value: ID },
        { kind: 'uri', value: `${ID}0` },
      ],
    },
    'ERR_REPLY_IDENTITY',
  ],
  ['no purpose of a client', { purposes: [OID.serverAuth] }, 'ERR_REPLY_UNTRUSTED'],
];

test.each(LEAVES)('a certificate with %s is refused', (_what, options, code) => {
  const wrong = make({ ...LEAF, ...options });
  expect(() => checkReply(replyWith(wrong), expectation({ spki: wrong.certificate.spki }))).toThrow(expect.objectContaining({ code }));
});

test('a certificate that begins within the skew is taken', () => {
  expect(checkReply(replyWith(leaf), expectation({ now: plus(NOW, -120) })).certificate).toBeDefined();
});

test('the identity of an administrator is none of a node', () => {
  const identity = 'spiffe://lab.example/joinery/admin/ops';
  const admin = make({ ...LEAF, names: [{ kind: 'uri', value: identity }] });
  expect(() => checkReply(replyWith(admin, { identity }), expectation({ spki: admin.certificate.spki }))).toThrow(
    expect.objectContaining({ code: 'ERR_REPLY_IDENTITY' }),
  );
});

test('the versions of a purpose are read from its chain', () => {
  const trust = { 'control-plane-https': {}, 'node-cert-lifecycle': {} };
  expect(() => offersOf({ trust }, 'control-plane-https')).toThrow(expect.objectContaining({ code: 'ERR_TRUST_ENVELOPE_MALFORMED' }));
});
