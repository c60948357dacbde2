/** SPIFFE trust domain bundles ("SPIFFE Trust Domain and Bundle", sections 4 and 5), written from anchors and read into PEM. */
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../canonical-json.ts';
import { fromBase64, toBase64, toBase64Url, toPem } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import { publicJwk } from '../jwk.ts';
import type { Certificate } from '../x509/certificate.ts';
import { enterDer, TAG } from '../x509/der.ts';
import type { PemText } from './bundle.ts';

/** Bundles change when somebody publishes; five minutes is what SPIFFE recommends where nothing better is known (section 4.1.3). */
export const REFRESH_HINT = 300;

/** @param sequence grows with every change (section 4.1.1): the trust bundle version. */
export function spiffeBundle(anchors: readonly Certificate[], sequence: number): JsonObject {
  return { spiffe_sequence: sequence, spiffe_refresh_hint: REFRESH_HINT, keys: anchors.map((anchor) => x509Authority(anchor)) };
}

/** Several trust domains in one document, as SPIRE and Envoy read it. */
export function spiffeBundleMap(bundles: Readonly<Record<string, JsonObject>>): JsonObject {
  return { trust_domains: bundles };
}

/** Section 4.2.2: `use` names the SVID type, `x5c` holds one self-signed certificate, and there is no `kid`. */
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

/**
 * The X.509 authorities of a bundle document, or of the one for `trustDomain` in a map. Entries of another or no `use` are passed
 * over (section 4.2.2).
 * @throws ERR_INPUT_MALFORMED, ERR_ENCODING_MALFORMED
 */
export function parseSpiffeBundle(value: JsonValue, trustDomain: string, what: string): readonly PemText[] {
  const keys = bundleIn(value, trustDomain, what)['keys'];
  if (keys === undefined || !isJsonArray(keys)) throw malformed(what, 'keys: expected an array');
  return keys.flatMap((key, index) => (isJsonObject(key) && key['use'] === 'x509-svid' ? [authority(key, `${what}: keys[${index}]`)] : []));
}

function bundleIn(value: JsonValue, trustDomain: string, what: string): JsonObject {
  if (!isJsonObject(value)) throw malformed(what, 'expected a JSON object');
  const map = value['trust_domains'];
  if (!isJsonObject(map)) return value;
  const bundle = Object.hasOwn(map, trustDomain) ? map[trustDomain] : undefined;
  if (!isJsonObject(bundle)) throw malformed(what, `trust_domains: expected the bundle of ${trustDomain}`);
  return bundle;
}

function authority(key: JsonObject, what: string): PemText {
  const x5c = key['x5c'];
  const certificate = x5c !== undefined && isJsonArray(x5c) && x5c.length === 1 ? x5c[0] : undefined;
  if (typeof certificate !== 'string') throw malformed(what, 'x5c: expected one certificate');
  return { text: toPem('CERTIFICATE', fromBase64(certificate, `${what}: x5c`)), what };
}

function malformed(what: string, message: string): JoineryError {
  return new JoineryError('ERR_INPUT_MALFORMED', `${what}: ${message}, found something else`);
}
