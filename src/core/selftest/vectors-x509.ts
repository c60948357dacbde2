/** Known answers of certificates, requests, revocation lists and key files. The samples are joinery's own, of November 2026. */
import { digestOf } from '../digest.ts';
import { equalBytes, fromBase64, fromHex, parsePem, type PemBlock } from '../encoding.ts';
import { formatInstant, type Instant, parseInstant } from '../time.ts';
import { parseSpki, readAlgorithm } from '../x509/algorithms.ts';
import { checkAnchor } from '../x509/anchor.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { parseRevocationList } from '../x509/crl.ts';
import { assertCsrSignature, parseCsr } from '../x509/csr.ts';
import { DerReader } from '../x509/der.ts';
import { OID } from '../x509/oids.ts';
import { type PathResult, validatePath } from '../x509/path.ts';
import { known, type KnownAnswer, type SelftestTools } from './known-answer.ts';

const AT = parseInstant('2026-11-23T12:00:00Z') as Instant;
const SOURCE = 'a realm of joinery (RFC 5280)';
const ROOT =
  'MIIBpTCCAUugAwIBAgIQSmSo0D0fW7HRPrUsCiRShDAKBggqhkjOPQQDAjAiMREwDwYDVQQKDAhzZWxmdGVzdDENMAsGA1UEAwwEcm9vdDAeFw0yNjExMjMwNTE1MjlaFw0zNjExMjAwNTE2MjlaMCIxETAPBgNVBAoMCHNlbGZ0ZXN0MQ0wCwYDVQQDDARyb290MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEr1ATmGYtky5c9hHhamb7IA3JFvv7wqxPJdJUD9YbHAPTBoox6PuJkEJON7G6/VitzVb7EgvJR68xFIbcbXXsA6NjMGEwDwYDVR0TAQH/BAUwAwEB/zAOBgNVHQ8BAf8EBAMCAQYwHQYDVR0OBBYEFIurODpNFdeS1h2DAeO2MnbwxvwWMB8GA1UdIwQYMBaAFIurODpNFdeS1h2DAeO2MnbwxvwWMAoGCCqGSM49BAMCA0gAMEUCIFoD4Wznp4ux8QTGW+ZA31T3fYxdwT6Im25HGwdpN+o0AiEAwnDnpVQHZe2sfO9gSGUBFOon2g32eQRat1o9gDbCR5k=';
const ISSUING =
  'MIIBqzCCAVGgAwIBAgIQbMNRqSouzD5xind02cyHFjAKBggqhkjOPQQDAjAiMREwDwYDVQQKDAhzZWxmdGVzdDENMAsGA1UEAwwEcm9vdDAeFw0yNjExMjMwNTE1MzNaFw0zMTExMjIwNTE2MzNaMCUxETAPBgNVBAoMCHNlbGZ0ZXN0MRAwDgYDVQQDDAdpc3N1aW5nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAERZ+Aajy8LbZ1vA3Ql8qBNqSYuax3cKmKIy2ZtDmOH24FyJl3OFqDij61IG5pa8GfYFW2KhIWQklVDBwiwt2vDqNmMGQwEgYDVR0TAQH/BAgwBgEB/wIBADAOBgNVHQ8BAf8EBAMCAQYwHQYDVR0OBBYEFF6ilBlf6kt3Suu55agVv+L/Y2MrMB8GA1UdIwQYMBaAFIurODpNFdeS1h2DAeO2MnbwxvwWMAoGCCqGSM49BAMCA0gAMEUCIDLbZv8saga8Hpb+Ikh4hhcGi7v8dbrz5X+7ruhE/UXkAiEA4UeJ+fh3leLY1UYDHIjEoKQM0LmmNbsBJ43+RPCghkI=';
const CRL =
  'MIIBETCBuAIBATAKBggqhkjOPQQDAjAlMREwDwYDVQQKDAhzZWxmdGVzdDEQMA4GA1UEAwwHaXNzdWluZxcNMjYxMTIzMDUyMjMyWhcNMzExMTIyMDUyMjMyWjAxMC8CEHl8oKM8bsLfTT1y1WZiP4IXDTI2MTEyMzA1MjIyOFowDDAKBgNVHRUEAwoBAaAvMC0wHwYDVR0jBBgwFoAUXqKUGV/qS3dK67nlqBW/4v9jYyswCgYDVR0UBAMCAQMwCgYIKoZIzj0EAwIDSAAwRQIhAIaHi+oviqGTL2z9v2C6mevzllBjCuWrOCck4YypzdJhAiBWSGVxtrQ90G9l0LQIdKsXTbSRs6fIR8B4n2wG/V59lg==';
const ROOT_CRL =
  'MIHcMIGCAgEBMAoGCCqGSM49BAMCMCIxETAPBgNVBAoMCHNlbGZ0ZXN0MQ0wCwYDVQQDDARyb290Fw0yNjExMjMwNTE3NTJaFw0zMTExMjIwNTE3NTJaoC8wLTAfBgNVHSMEGDAWgBSLqzg6TRXXktYdgwHjtjJ28Mb8FjAKBgNVHRQEAwIBATAKBggqhkjOPQQDAgNJADBGAiEApMU+4l7+ZYOMv/HniKtxnfz+J7rZb4fJ7qZPmTeUJxoCIQDXIVElI39whfcChqvTpuyxlrbBzaXlhAFADIWrgRYk1w==';

interface Path {
  readonly leaf: string;
  readonly issuing: string;
  readonly root: string;
  readonly crl: string;
  readonly rootCrl: string;
  readonly host: string;
}

function judge(path: Path, { verifySignature }: SelftestTools): PathResult {
  const certificate = (text: string) => parseCertificate(fromBase64(text));
  return validatePath({
    leaf: certificate(path.leaf),
    intermediates: [certificate(path.issuing)],
    anchors: [certificate(path.root)],
    crls: [parseRevocationList(fromBase64(path.crl)), parseRevocationList(fromBase64(path.rootCrl))],
    at: AT,
    purpose: OID.serverAuth,
    identities: [{ kind: 'dns', value: path.host }],
    verifySignature,
  });
}

/** Of an anchor, path validation needs no signature; the sample is signed by its own key all the same. */
function isAnchor(text: string, { verifySignature }: SelftestTools): boolean {
  return checkAnchor(parseCertificate(fromBase64(text)), verifySignature).length === 0;
}

/** The only block of a text. */
function blockOf(text: string): PemBlock {
  return parsePem(text)[0] as PemBlock;
}

export const X509_ANSWERS: readonly KnownAnswer[] = [
  known(
    'x509',
    'path',
    SOURCE,
    {
      leaf: 'MIIB6TCCAY+gAwIBAgIQUABNf7oPxjsjhxAC8ASF4TAKBggqhkjOPQQDAjAlMREwDwYDVQQKDAhzZWxmdGVzdDEQMA4GA1UEAwwHaXNzdWluZzAeFw0yNjExMjMwNTE2MTZaFw0yNzAyMjEwNTE3MTZaMDAxETAPBgNVBAoMCHNlbGZ0ZXN0MRswGQYDVQQDDBJhLnNlbGZ0ZXN0LmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQjJ9iBVOG1/7XgF4McEtEVhIzVs8D93mNReaBU6N792Qe0ymWyWWt7Co9FvzTYCffhs4cVZ9/ScUSGmUWG84CIo4GVMIGSMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMBMGA1UdJQQMMAoGCCsGAQUFBwMBMB0GA1UdEQQWMBSCEmEuc2VsZnRlc3QuZXhhbXBsZTAdBgNVHQ4EFgQUleP7igYbtBZfj5Gz/0bDizIJmzowHwYDVR0jBBgwFoAUXqKUGV/qS3dK67nlqBW/4v9jYyswCgYIKoZIzj0EAwIDSAAwRQIhAMkM6YR15X3tgp11/5GEILnowLWguvQ4NDuuvzccfF4jAiBCBIggURd1XSsv3SZlSRXuyvkJvIIzZc27ewA+U9LpeA==',
      issuing: ISSUING,
      root: ROOT,
      crl: CRL,
      rootCrl: ROOT_CRL,
      host: 'a.selftest.example',
    },
    (path, tools) => isAnchor(path.root, tools) && judge(path, tools).ok,
  ),
  known(
    'x509',
    'revoked',
    SOURCE,
    {
      leaf: 'MIIB7jCCAZWgAwIBAgIQeXygozxuwt9NPXLVZmI/gjAKBggqhkjOPQQDAjAlMREwDwYDVQQKDAhzZWxmdGVzdDEQMA4GA1UEAwwHaXNzdWluZzAeFw0yNjExMjMwNTE2MzFaFw0yNzAyMjEwNTE3MzFaMDMxETAPBgNVBAoMCHNlbGZ0ZXN0MR4wHAYDVQQDDBVnb25lLnNlbGZ0ZXN0LmV4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAQvm1sBBF/bVbo44TkPMUPCf/BpWUV/37+8OUK3lAr8Os+tM0RhN3KMg4j8NSkdVlQLgE2u6aE/hTBUUwGE2H/Yo4GYMIGVMAwGA1UdEwEB/wQCMAAwDgYDVR0PAQH/BAQDAgeAMBMGA1UdJQQMMAoGCCsGAQUFBwMBMCAGA1UdEQQZMBeCFWdvbmUuc2VsZnRlc3QuZXhhbXBsZTAdBgNVHQ4EFgQUz0OW+1S8gH6iB+qrl+pyW7tfseAwHwYDVR0jBBgwFoAUXqKUGV/qS3dK67nlqBW/4v9jYyswCgYIKoZIzj0EAwIDRwAwRAIgdBT7plpb6sXr5DfDzjZlZbZvvd26+RJ4sOrQAOPxJDACIHPQ42yIu2PoAVGKpP9zyfla+0dVVc19yLMVD77lRLYV',
      issuing: ISSUING,
      root: ROOT,
      crl: CRL,
      rootCrl: ROOT_CRL,
      fault: 'revoked',
    },
    ({ fault, ...path }, tools) => {
      const result = judge({ ...path, host: 'gone.selftest.example' }, tools);
      return isAnchor(path.root, tools) && !result.ok && result.code === fault;
    },
  ),
  known(
    'x509',
    'certificate',
    'RFC 5280 C.2, signed with SHA-1, which is not taken',
    {
      der: 'MIICcTCCAdqgAwIBAgIBEjANBgkqhkiG9w0BAQUFADBDMRMwEQYKCZImiZPyLGQBGRYDY29tMRcwFQYKCZImiZPyLGQBGRYHZXhhbXBsZTETMBEGA1UEAxMKRXhhbXBsZSBDQTAeFw0wNDA5MTUxMTQ4MjFaFw0wNTAzMTUxMTQ4MjFaMEMxEzARBgoJkiaJk/IsZAEZFgNjb20xFzAVBgoJkiaJk/IsZAEZFgdleGFtcGxlMRMwEQYDVQQDEwpFbmQgRW50aXR5MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDhauQDMJcCPPQQ87UeTX8Ue/b10HjppIrwo3Xs7bZWln+ImYWa8j5od4frntGfwLQX3KuJI6QdfhYjTE+oTfUxuHyq4xpJCfRLJtsnZzCCEgFK6Rq2wQxTi2z8L3pD7DM2fjKye9WqzwEUxhLsE/ItFHqLIVgUE0xGo5ryFpX/IwIDAQABo3UwczAhBgNVHREEGjAYgRZlbmQuZW50aXR5QGV4YW1wbGUuY29tMB0GA1UdDgQWBBQXe5Iw/0TWZuGQECJsFk/AjkHdbTAfBgNVHSMEGDAWgBQIaK+FM8g5Snr4gpOOcGpKIIQsMjAOBgNVHQ8BAf8EBAMCBsAwDQYJKoZIhvcNAQEFBQADgYEAACAoNFtoMgG7CjYOrXHFlRrhBM+urcdiFKQbNjHA4gw92R7AANwQoLqFb0HLYnq3TGOBJl7SgEVeM+dwRTs5OyZKnDvyJjZpCHm7+5ZDd0thi6GrkWTg8zdhPBqjpMmKsr9z1E3kWORi6rwgdJKGDs6EYHbpc7vHhdORRepiXc0=',
      fingerprint: 'db6380d23276ffac1287835039590ed11ada908f884d4e65477ae8f9f73dfb5a',
      subject: 'CN=End Entity,DC=example,DC=com',
      until: '2005-03-15T11:48:21Z',
    },
    ({ der, fingerprint, subject, until }) => {
      const certificate = parseCertificate(fromBase64(der));
      const fields = [
        certificate.fingerprint,
        certificate.subject.text,
        formatInstant(certificate.notAfter),
        certificate.signatureAlgorithm,
      ];
      return JSON.stringify(fields) === JSON.stringify([fingerprint, subject, until, undefined]);
    },
  ),
  known(
    'x509',
    'revocation-list',
    'RFC 5280 C.4, signed with SHA-1, which is not taken',
    {
      der: 'MIIBYDCBygIBATANBgkqhkiG9w0BAQUFADBDMRMwEQYKCZImiZPyLGQBGRYDY29tMRcwFQYKCZImiZPyLGQBGRYHZXhhbXBsZTETMBEGA1UEAxMKRXhhbXBsZSBDQRcNMDUwMjA1MTIwMDAwWhcNMDUwMjA2MTIwMDAwWjAiMCACARIXDTA0MTExOTE1NTcwM1owDDAKBgNVHRUEAwoBAaAvMC0wHwYDVR0jBBgwFoAUCGivhTPIOUp6+IKTjnBqSiCELDIwCgYDVR0UBAMCAQwwDQYJKoZIhvcNAQEFBQADgYEAItwYffcIzsx10NBqm60Q9HYjtIFutW2+DvsVFGzIF20f7pAXom9g5L2qjFXejoRvkvifEBInr0rUL4XiNkR9qqNMJTgV/wD9Pn7uPSYS69jnK2LiK8NGgO94gtEVxtCccmrLznrtZ5mLbnCBfUNCdMGmr8FVF6IzTNYGmCuk/C4=',
      digest: '32aa78668ef5e6bf86537b75f9d9bfc223778903e8b9beb8bb12cd73161fd4f2',
      serial: '12',
      at: '2004-11-19T15:57:03Z',
    },
    ({ der, digest, serial, at }) => {
      const list = parseRevocationList(fromBase64(der));
      const entry = list.revoked.get(serial);
      const fields = [digestOf(list.der), entry && formatInstant(entry.at), entry?.reason, list.signatureAlgorithm];
      return JSON.stringify(fields) === JSON.stringify([digest, at, 1, undefined]);
    },
  ),
  known(
    'x509',
    'request',
    'a request of joinery (RFC 2986)',
    {
      csr: '-----BEGIN CERTIFICATE REQUEST-----\nMIHrMIGSAgEAMAAwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATHTAMtKX6QhPhN\nRo2AsXOuUpBLOmDxwGRwpUBqaj8Z58w3YcSRaUbJc+xc0c+TKf+a4AdAzpmshLIX\nIaWMgyJNoDAwLgYJKoZIhvcNAQkOMSEwHzAdBgNVHREEFjAUghJhLnNlbGZ0ZXN0\nLmV4YW1wbGUwCgYIKoZIzj0EAwIDSAAwRQIhALNoLxI09u247WMj1xAUikBslDdD\n8/WP87YlaDQJct9YAiBQyaO2fY/tTtQQwNHBUzqzGIA4LBj58MGYc25rkS8dJA==\n-----END CERTIFICATE REQUEST-----\n',
      name: 'a.selftest.example',
    },
    ({ csr, name }, { verifySignature }) => {
      const request = parseCsr(blockOf(csr).der);
      assertCsrSignature(request, verifySignature);
      return request.extensions.subjectAltName?.some((entry) => entry.kind === 'dns' && entry.value === name) === true;
    },
  ),
  known(
    'x509',
    'der-strict',
    'X.690 section 10.1: a length in more octets than it needs',
    { identifier: '300a06082a8648ce3d030107' },
    ({ identifier }) => isDer(identifier) && !isDer(`3081${identifier.slice(2)}`),
  ),
  known(
    'x509',
    'public-key',
    'RFC 8410 section 10.1',
    {
      pem: '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n',
      key: '19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1',
    },
    ({ pem, key }) => {
      const spki = parseSpki(blockOf(pem).der);
      return spki.key.kind === 'ed25519' && equalBytes(spki.bits, fromHex(key));
    },
  ),
  known(
    'x509',
    'private-key',
    'RFC 8410 sections 10.1 and 10.3',
    {
      pem: '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n',
      spki: '302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1',
    },
    async ({ pem, spki }, { openKey }) => equalBytes(await openKey(pem, ''), fromHex(spki)),
  ),
  known(
    'x509',
    'private-key-pbes2',
    'encrypted by OpenSSL 3.0 (RFC 8018: PBKDF2-HMAC-SHA256, AES-256-CBC)',
    {
      pem: '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgrFPUxqQ+XuAICCAAw\nDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEAhEprMhGgSsMIQC6k4BEc0EgZA3\nt3f1dTveXkvXYAu8o1xcrC5TWq0p9vapNCw5GJgmKmo2BJ4ONon60TS0oBQsZRuz\n9xgXSWGM6WKQFi6lCoA0umlwQzOX+ulqwMsPHLbieNOJUKZjdL5lQp73rABAnGzw\n/0NNjeEk3EstgcbivQhjJLI11t8HNZYnXIoUso6dt+zBda2EEy7PX2uR2l0oqHo=\n-----END ENCRYPTED PRIVATE KEY-----\n',
      passphrase: 'selftest',
      spki: '3059301306072a8648ce3d020106082a8648ce3d03010703420004240d6db3eb3cbd04d55a25d53fc62ab226fb60dc52595251c0522fb146c9cf953ff7356c7d6ccbeeeae25b7c207bbdeeb4a26c60228d162018699473f61719dc',
    },
    async ({ pem, passphrase, spki }, { openKey }) => equalBytes(await openKey(pem, passphrase), fromHex(spki)),
  ),
];

function isDer(hex: string): boolean {
  try {
    return readAlgorithm(new DerReader(fromHex(hex), 'sample'), 'sample').oid === OID.p256;
  } catch {
    // That it cannot be read is the answer.
    return false;
  }
}
