/** SPIFFE trust domain bundles ("SPIFFE Trust Domain and Bundle", section 4; "X509-SVID", section 6), written from anchors and read into PEM. */
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../canonical-json.ts';
import { fromBase64, toBase64, toBase64Url, toPem } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { publicJwk } from '../jwk.ts';
import type { Certificate } from '../x509/certificate.ts';
import { enterDer, TAG } from '../x509/der.ts';
import type { PemText } from './bundle.ts';

/** Bundles change when somebody publishes; five minutes is low, as a quick redaction needs it (sections 4.1.2 and 5.1). */
export const REFRESH_HINT = 300;

/** @param sequence grows with every change (section 4.1.1): the trust bundle version. */
export function spiffeBundle(anchors: readonly Certificate[], sequence: number): JsonObject {
  return { spiffe_sequence: sequence, spiffe_refresh_hint: REFRESH_HINT, keys: anchors.map((anchor) => x509Authority(anchor)) };
}

/** Several trust domains in one document, as SPIRE and Envoy read it. */
export function spiffeBundleMap(bundles: Readonly<Record<string, JsonObject>>): JsonObject {
  return { trust_domains: bundles };
}

/** X509-SVID section 6.1: `use` names the SVID type, `x5c` holds one certificate, and there is no `kid`. */
function x509Authority(anchor: Certificate): JsonObject {
  return { ...jwkOf(anchor), use: 'x509-svid', x5c: [toBase64(anchor.der)] };
}

function jwkOf({ publicKey, spki, subject }: Certificate): JsonObject {
  if (publicKey.key.kind !== 'rsa') return { ...publicJwk(spki, subject.text) };
  // RFC 7518 section 6.3.1: modulus and exponent without the octet that DER puts before a high bit.
  const reader = enterDer(publicKey.bits, TAG.sequence, subject.text);
  const [n, e] = [reader.next(TAG.integer, 'modulus'), reader.next(TAG.integer, 'exponent')].map(({ content }) => {
    return toBase64Url(content[0] === 0 ? content.subarray(1) : content);
  }) as [string, string];
  return { kty: 'RSA', n, e };
}

/** Other key types are passed over (section 4.2.1). */
const KEY_TYPES: readonly (JsonValue | undefined)[] = ['EC', 'RSA', 'OKP'];

/**
 * The X.509 authorities of a bundle document, or of the one for `trustDomain` in a map.
 * @throws ERR_INPUT_MALFORMED, ERR_ENCODING_MALFORMED
 */
export function parseSpiffeBundle(value: JsonValue, trustDomain: string, what: string): readonly PemText[] {
  const keys = bundleIn(value, trustDomain, what)['keys'];
  if (keys === undefined || !isJsonArray(keys)) throw malformed(what, 'keys: expected an array');
  return keys.flatMap((key, index) => authorityIn(key, `${what}: keys[${index}]`));
}

function bundleIn(value: JsonValue, trustDomain: string, what: string): JsonObject {
  if (!isJsonObject(value)) throw malformed(what, 'expected a JSON object');
  const map = value['trust_domains'];
  if (!isJsonObject(map)) return value;
  const bundle = Object.hasOwn(map, trustDomain) ? map[trustDomain] : undefined;
  if (!isJsonObject(bundle)) throw malformed(what, `trust_domains: expected the bundle of ${trustDomain}`);
  return bundle;
}

/** Section 4.2.2 and X509-SVID section 6.2: entries of another use and without x5c are passed over; only the first certificate counts. */
function authorityIn(key: JsonValue, what: string): readonly PemText[] {
  if (!isJsonObject(key) || key['use'] !== 'x509-svid' || !KEY_TYPES.includes(key['kty'])) return [];
  const x5c = key['x5c'];
  if (x5c === undefined || !isJsonArray(x5c) || x5c.length === 0) return [];
  const [certificate] = x5c;
  if (typeof certificate !== 'string') throw malformed(what, 'x5c: expected a certificate in base64');
  return [{ text: toPem('CERTIFICATE', fromBase64(certificate, `${what}: x5c`)), what }];
}

function malformed(what: string, message: string): JoineryError {
  return new JoineryError('ERR_INPUT_MALFORMED', `${what}: ${message}, found something else`);
}
