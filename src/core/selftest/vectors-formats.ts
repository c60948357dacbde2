/** Known answers of the formats that joinery writes and reads: JSON, encodings, logs, notes, tokens, trust manifests, shares, sealed files. */
import { inclusionProof, leafHash, merkleRoot, verifyInclusion } from '../audit/merkle.ts';
import { parseNoteKey } from '../audit/note-key.ts';
import { openNote, parseVerifierKey } from '../audit/checkpoint.ts';
import { signaturesOf, splitNote } from '../audit/note.ts';
import { canonicalJson, type JsonObject, parseStrictJson } from '../canonical-json.ts';
import { digestOf, type Digest } from '../digest.ts';
import { decodeUtf8, equalBytes, fromBase64, fromBase64Url, fromHex, toBase64Url, toHex, toPem, utf8 } from '../encoding.ts';
import { assertShares, parseShare, readSharedSecret } from '../key-share.ts';
import { Secret } from '../secret.ts';
import { parseInstant, formatInstant } from '../time.ts';
import { parseCompact } from '../token/jwt.ts';
import { parseClaims } from '../token/claims.ts';
import { formatK3s, k3sCaHash, parseK3s } from '../token/k3s.ts';
import { formatKubeadm, parseKubeadm } from '../token/kubeadm.ts';
import { openOmnirelay } from '../token/omnirelay.ts';
import { parseSecure } from '../token/secure.ts';
import { assertThreshold } from '../trust/envelope.ts';
import { readManifest } from '../trust/manifest.ts';
import { known, type KnownAnswer } from './known-answer.ts';

const ROOT =
  'MIIBpTCCAUugAwIBAgIQSmSo0D0fW7HRPrUsCiRShDAKBggqhkjOPQQDAjAiMREwDwYDVQQKDAhzZWxmdGVzdDENMAsGA1UEAwwEcm9vdDAeFw0yNjExMjMwNTE1MjlaFw0zNjExMjAwNTE2MjlaMCIxETAPBgNVBAoMCHNlbGZ0ZXN0MQ0wCwYDVQQDDARyb290MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEr1ATmGYtky5c9hHhamb7IA3JFvv7wqxPJdJUD9YbHAPTBoox6PuJkEJON7G6/VitzVb7EgvJR68xFIbcbXXsA6NjMGEwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwHQYDVR0OBBYEFIurODpNFdeS1h2DAeO2MnbwxvwWMB8GA1UdIwQYMBaAFIurODpNFdeS1h2DAeO2MnbwxvwWMAoGCCqGSM49BAMCA0gAMEUCIFoD4Wznp4ux8QTGW+ZA31T3fYxdwT6Im25HGwdpN+o0AiEAwnDnpVQHZe2sfO9gSGUBFOon2g32eQRat1o9gDbCR5k=';

export const FORMAT_ANSWERS: readonly KnownAnswer[] = [
  known(
    'formats',
    'canonical-json',
    'RFC 8785 sections 3.2.2 to 3.2.4',
    {
      json: '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
      canonical:
        '7b226c69746572616c73223a5b6e756c6c2c747275652c66616c73655d2c226e756d62657273223a5b3333333333333333332e333333333333332c31652b33302c342e352c302e3030322c31652d32375d2c22737472696e67223a22e282ac245c75303030665c6e4127425c225c5c5c5c5c222f227d',
    },
    ({ json, canonical }) => toHex(utf8(canonicalJson(parseStrictJson(json, 'sample')))) === canonical,
  ),
  known('formats', 'base64url', 'RFC 4648 section 10, RFC 7515 section 2', { text: 'fooba', encoded: 'Zm9vYmE' }, ({ text, encoded }) => {
    return toBase64Url(utf8(text)) === encoded && decodeUtf8(fromBase64Url(encoded)) === text;
  }),
  known(
    'formats',
    'time',
    'RFC 3339 section 5.8, in whole seconds',
    { text: '1985-04-12T23:20:50Z', seconds: '482196050' },
    ({ text, seconds }) => {
      const at = parseInstant(text);
      return at !== undefined && String(at) === seconds && formatInstant(at) === text;
    },
  ),
  known(
    'formats',
    'merkle-tree',
    'RFC 6962 section 2.1: the tree of eight entries of Certificate Transparency',
    {
      entries: '|00|10|2021|3031|40414243|5051525354555657|606162636465666768696a6b6c6d6e6f',
      root: '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
    },
    ({ entries, root }) => {
      const leaves = entries.split('|').map((entry) => leafHash(fromHex(entry)));
      const claim = { leaf: leaves[5] as Uint8Array, index: 5, size: leaves.length, root: fromHex(root), proof: inclusionProof(leaves, 5) };
      return toHex(merkleRoot(leaves)) === root && verifyInclusion(claim);
    },
  ),
  known(
    'formats',
    'signed-note',
    'C2SP signed-note, the example of golang.org/x/mod/sumdb/note',
    {
      key: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
      note: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n",
    },
    (vector, { verifySignature }) => {
      const key = parseNoteKey('log', vector.key, 'key');
      const note = splitNote(vector.note, 'note');
      const [signature] = signaturesOf(note, key) as [Uint8Array];
      return verifySignature({ algorithm: 'ed25519', spki: key.spki, data: utf8(note.text), signature, encoding: 'der' });
    },
  ),
  known(
    'formats',
    'checkpoint',
    'an audit log of joinery (C2SP tlog-checkpoint)',
    {
      key: 'joinery/selftest/audit+2a79994d+ATM2P6XZVfnJliKvBXsnW/HNuxBAgQgn8tObZIXmc7cx',
      note: 'joinery/selftest/audit\n15\ntLvO+HGDZpGy1o5/5zvMCDGLW34dDXZ0QuZj+i+NicQ=\n\n\u2014 joinery/selftest/audit KnmZTbtziCQa48NJAOVpkfiODCCO9G3g/AUeaNqZrgWellsXtDvk3DKS9J7xDQUcT9yw7oUOqJuB6ayJ/CNADATKCg4=\n',
      size: '15',
    },
    ({ key, note, size }, { verifySignature }) =>
      String(openNote(note, parseVerifierKey(key, 'key'), verifySignature, 'note').size) === size,
  ),
  known(
    'formats',
    'token-jwt',
    'a join token of joinery (RFC 7519)',
    {
      key: '{"crv":"P-256","kty":"EC","x":"kB_vlCUnYTOBhVdxQtUpBtpkaIM0zFyV9b_Tb91kJu4","y":"px8vmjQ7-9CDUXg0TghoJ93fH1z4bggFPfVROUh92Fs"}',
      token:
        'eyJhbGciOiJFUzI1NiIsImtpZCI6IktHWmVLVlFJN25mR3VocUN6OEJhdUlYOWhNX3ljTWVVdGxvSi1XVGd5TUkiLCJ0eXAiOiJqb2luK2p3dCJ9.eyJhdWQiOiJzYW1wbGUiLCJlbnYiOiJzZWxmdGVzdCIsImV4cCI6MTc5NTQxMjA0MSwiaWF0IjoxNzk1NDExMTQxLCJpc3MiOiJzZWxmdGVzdC5leGFtcGxlIiwianRpIjoiZTlhOThjNTItY2Q1OC00MTQ5LWI5NGEtM2VlNTdlMTI1MmMxIiwibWF4X3VzZXMiOjEsIm5iZiI6MTc5NTQxMTE0MSwibm9kZSI6Im4xIiwicm9sZSI6IndvcmtlciIsInRydXN0Ijp7Im5vZGUtY2VydC1saWZlY3ljbGUiOiIzZTJlYTU2Nzg2Njg1NTM3OTg4ZmFiZDc0Y2RkODU4MGU2NTQxOTg2YzY1ODBiZDNlMjBkOTlhMjVkM2ZkY2Q4In19._ef0-iiE7hUG779x6Csrh4mHcMCtNUlc8oLvf8YJLPQnR4xknSiSdIVNN2PmRAvTYtdXS__WA6ROyintZQI7DQ',
      node: 'n1',
    },
    async ({ key, token, node }, { verifyJws }) => {
      const { claims } = parseClaims(parseCompact(token).payload);
      return claims.node === node && (await verifyJws(token, parseStrictJson(key, 'key') as JsonObject, 'ES256'));
    },
  ),
  known(
    'formats',
    'token-k3s',
    'K3s: the hash of a cluster CA file (sha256 of its PEM)',
    {
      certificate: ROOT,
      hash: '7342597c8eea43ec4114828771e6071145f385454aa46c34e1889276310e2b2e',
      token: 'K107342597c8eea43ec4114828771e6071145f385454aa46c34e1889276310e2b2e::node:0123456789abcdef0123456789abcdef',
      user: 'node',
      password: '0123456789abcdef0123456789abcdef',
    },
    ({ certificate, hash, token, user, password }, { verifySignature }) => {
      const pem = toPem('CERTIFICATE', fromBase64(certificate));
      const read = parseK3s(token);
      const { credential } = read;
      const same = 'user' in credential && credential.user === user && credential.password === password;
      return same && k3sCaHash(pem, verifySignature) === hash && formatK3s({ ...read, caHash: hash as Digest }) === token;
    },
  ),
  known(
    'formats',
    'token-kubeadm',
    'Kubernetes: the form of a bootstrap token',
    { token: 'abcdef.0123456789abcdef', id: 'abcdef', secret: '0123456789abcdef' },
    ({ token, id, secret }) => formatKubeadm({ id, secret }) === token && parseKubeadm(token).secret === secret,
  ),
  known(
    'formats',
    'token-secure',
    'GastroLog: secret and fingerprint of the CA certificate',
    {
      certificate: ROOT,
      secret: 'c0ffee0000000000000000000000000000000000000000000000000000000000',
      token:
        'c0ffee0000000000000000000000000000000000000000000000000000000000:d5211a6d661a6d8519a20b5b775a5a64e72132bcc9b3805d66b1d31d746e709c',
    },
    ({ certificate, token, secret }) => {
      const read = parseSecure(token);
      return read.caFingerprint === (digestOf(fromBase64(certificate)) as string) && toHex(read.secret) === secret;
    },
  ),
  known(
    'formats',
    'token-omnirelay',
    'OmniRelay: payload and HMAC-SHA256',
    {
      key: 'selftest key of joinery',
      token:
        'eyJ0b2tlbklkIjoiNWYyZDBiMWUtM2M0YS00ZDVlLThmNjAtNzE4MjkzYTRiNWM2IiwiY2x1c3RlcklkIjoic2FtcGxlIiwicm9sZSI6IndvcmtlciIsImlzc3VlZEF0IjoiMjAyNi0xMS0yM1QxMjowMDowMCswMDowMCIsImV4cGlyZXNBdCI6IjIwMjYtMTEtMjNUMTM6MDA6MDArMDA6MDAiLCJtYXhVc2VzIjoxLCJpc3N1ZXIiOiJvbW5pcmVsYXktYm9vdHN0cmFwIn0=.GyxgvT+AfCZi+jWFRoEWkqpaAPT21JvEt3SOCOGZCwM=',
      cluster: 'sample',
    },
    async ({ key, token, cluster }, { primitives }) =>
      (await openOmnirelay(token, (data) => primitives.hmac('sha256', utf8(key), data))).clusterId === cluster,
  ),
  known(
    'formats',
    'trust-manifest',
    'joinery/trust-bundle/1, published by joinery',
    {
      manifest:
        '{"payload":"eyJhbmNob3JzIjpbeyJmaW5nZXJwcmludCI6ImQ1MjExYTZkNjYxYTZkODUxOWEyMGI1Yjc3NWE1YTY0ZTcyMTMyYmNjOWIzODA1ZDY2YjFkMzFkNzQ2ZTcwOWMiLCJub3RfYWZ0ZXIiOiIyMDM2LTExLTIwVDA1OjE2OjI5WiIsIm5vdF9iZWZvcmUiOiIyMDI2LTExLTIzVDA1OjE1OjI5WiIsInBoYXNlIjoiYWN0aXZlIiwic3BraV9waW4iOiJzaGEyNTY6OGJkMTBlMzI3ZWJkZGI1N2FmYzUwMDZkZWEyYWM4YmJlOTg0NmJkNzkyMTc4YjUxMTNhNWFiMWI4MmM2MmFiZCJ9XSwiYnVuZGxlX3BlbSI6Ii0tLS0tQkVHSU4gQ0VSVElGSUNBVEUtLS0tLVxuTUlJQnBUQ0NBVXVnQXdJQkFnSVFTbVNvMEQwZlc3SFJQclVzQ2lSU2hEQUtCZ2dxaGtqT1BRUURBakFpTVJFd1xuRHdZRFZRUUtEQWh6Wld4bWRHVnpkREVOTUFzR0ExVUVBd3dFY205dmREQWVGdzB5TmpFeE1qTXdOVEUxTWpsYVxuRncwek5qRXhNakF3TlRFMk1qbGFNQ0l4RVRBUEJnTlZCQW9NQ0hObGJHWjBaWE4wTVEwd0N3WURWUVFEREFSeVxuYjI5ME1Ga3dFd1lIS29aSXpqMENBUVlJS29aSXpqMERBUWNEUWdBRXIxQVRtR1l0a3k1YzloSGhhbWI3SUEzSlxuRnZ2N3dxeFBKZEpVRDlZYkhBUFRCb294NlB1SmtFSk9ON0c2L1ZpdHpWYjdFZ3ZKUjY4eEZJYmNiWFhzQTZOalxuTUdFd0R3WURWUjBUQVFIL0JBVXdBd0VCL3pBT0JnTlZIUThCQWY4RUJBTUNBUVl3SFFZRFZSME9CQllFRkl1clxuT0RwTkZkZVMxaDJEQWVPMk1uYnd4dndXTUI4R0ExVWRJd1FZTUJhQUZJdXJPRHBORmRlUzFoMkRBZU8yTW5id1xueHZ3V01Bb0dDQ3FHU000OUJBTUNBMGdBTUVVQ0lGb0Q0V3pucDR1eDhRVEdXK1pBMzFUM2ZZeGR3VDZJbTI1SFxuR3dkcE4rbzBBaUVBd25EbnBWUUhaZTJzZk85Z1NHVUJGT29uMmczMmVRUmF0MW85Z0RiQ1I1az1cbi0tLS0tRU5EIENFUlRJRklDQVRFLS0tLS1cbiIsImVudmlyb25tZW50X2RvbWFpbiI6InNlbGZ0ZXN0LmV4YW1wbGUiLCJlbnZpcm9ubWVudF9uYW1lIjoic2VsZnRlc3QiLCJleHBpcmVzX2F0IjoiMjAyNy0xMS0yM1QwNToxNzo1NVoiLCJtaW5fc2lnbmF0dXJlcyI6MSwicHVibGlzaGVkX2F0IjoiMjAyNi0xMS0yM1QwNToxNzo1NVoiLCJwdXJwb3NlIjoibm9kZS1jZXJ0LWxpZmVjeWNsZSIsInNjaGVtYSI6ImpvaW5lcnkvdHJ1c3QtYnVuZGxlLzEiLCJzaGEyNTZfZmluZ2VycHJpbnQiOiI3MzQyNTk3YzhlZWE0M2VjNDExNDgyODc3MWU2MDcxMTQ1ZjM4NTQ1NGFhNDZjMzRlMTg4OTI3NjMxMGUyYjJlIiwic2lnbmVycyI6W3siY3J2IjoiRWQyNTUxOSIsImt0eSI6Ik9LUCIsIngiOiJPeGNtOGplcHA3THBiQ1BvRHRoWTkwZzZ3WG5hcTBkZ2FUSWxweFB2U1BZIn0seyJjcnYiOiJFZDI1NTE5Iiwia3R5IjoiT0tQIiwieCI6IjdYTVV6cTROcEZac2FYalFQeVNZdGo0MmhORURtMFBnRDRURWlTTXloS00ifV0sInRydXN0X2J1bmRsZV92ZXJzaW9uIjoxfQ","signatures":[{"protected":"eyJhbGciOiJFZERTQSIsImtpZCI6ImJUVkUwX3pZTlBFTDkxMy1paWVZMGstRnN5RlJ6VnBXRm1tLVAzMi1kcTAiLCJ0eXAiOiJ0cnVzdC1idW5kbGUrandzIn0","signature":"av9h4JzzowiaqpFsL3gyweSyyuAcMqpxDdWkuQ_B0N-P7DWVg4uBl38ufNTlCg40uvhpae6gksnF-iHOXrUrAg"}]}',
      digest: '3e2ea56786685537988fabd74cdd8580e6541986c6580bd3e20d99a25d3fdcd8',
    },
    ({ manifest, digest }, { verifySignature }) => {
      const signed = readManifest(parseStrictJson(manifest, 'sample'), 'node-cert-lifecycle', verifySignature, 'sample');
      const { signers, min_signatures } = signed.manifest;
      assertThreshold(signed.opened, { signers, min_signatures }, verifySignature, 'sample', 'its own');
      return signed.digest === digest;
    },
  ),
  known(
    'formats',
    'secret-sharing',
    'joinery-share-1: Shamir over GF(2^8), 2 of 3',
    {
      first:
        'joinery-share-1.0123456789abcdef.1.3.2.drRLlZn_60kTjdnCs6-TfwsvV8-QJtZmjYA8pkZRx0o5wD7ICsQck2vDyGdLMdS4Ti5KfV6DUu6nbcXDihou7q0.3e7c1dae',
      third:
        'joinery-share-1.0123456789abcdef.3.3.2.DNx9l3qwMBsRO8La7Qq2XvEEjIZHBgZ6cEaJQIHcyt_4oCSHBC6ob3ihqHYTCNt_dVkNQY67BgEuuj56VTdZAeI.7d4e78a7',
      passphrase: 'selftest',
    },
    async ({ first, third, passphrase }, { sharing }) => {
      const shares = [parseShare(first, 'first'), parseShare(third, 'third')];
      const set = assertShares(shares);
      return readSharedSecret(await sharing.combine(shares.map(({ bytes }) => bytes)), set) === passphrase;
    },
  ),
  known(
    'formats',
    'age',
    'age-encryption.org/v1: X25519, HKDF-SHA256, ChaCha20-Poly1305',
    {
      identity: 'AGE-SECRET-KEY-1K5LC3JZPD49WCN2XSDARV2P6YTKKVELUF2SZ87MN8UEPG8NLJW3S30ZK6R',
      sealed:
        'YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBHWXErSjI1Q0tZZjRVbWppbDdkY1U2SmlQWDRMaGFXSkFTNWMvdHVCTTNjClRlNmQvSjhBVk1PUHhnZk51TFdkMUhwbTgyZ2VlUVJQUHdSN0loVVdaSjQKLS0tIHNZbThCQXlwQ0RXVXFuVWtQN1BxYm5GUGJKMHVvZ1BtSVVsQXdHdGtRdkkKGH1f8SLyB4AoU0FRcIXmEwQMRLJZomKEyrLV79L5I3/CMif7jRHUyZ72z6nr',
      plaintext: 'sealed by age',
    },
    async ({ identity, sealed, plaintext }, { openAge }) =>
      equalBytes(await openAge(fromBase64(sealed), new Secret(identity)), utf8(plaintext)),
  ),
];
