/** Known answers of signatures, and of JSON Web Signatures, keys and encryption. */
import { type JsonObject, parseStrictJson } from '../canonical-json.ts';
import { concat, decodeUtf8, equalBytes, fromBase64Url, fromHex, utf8 } from '../encoding.ts';
import { jwkThumbprint, parsePublicJwk } from '../jwk.ts';
import type { SignatureAlgorithm } from '../key-ports.ts';
import { Secret } from '../secret.ts';
import { parseAnyJwks, JWS_ALGORITHMS } from '../token/jws-keys.ts';
import { verifyAnyJws } from '../token/jws.ts';
import { bitString, integer, NULL, oid, sequence } from '../x509/der-writer.ts';
import { OID } from '../x509/oids.ts';
import { known, type KnownAnswer } from './known-answer.ts';

/** DER of SubjectPublicKeyInfo up to the key (RFC 5480, RFC 8410). */
const SPKI = {
  p256: '3059301306072a8648ce3d020106082a8648ce3d03010703420004',
  p384: '3076301006072a8648ce3d020106052b8104002203620004',
  p521: '30819b301006072a8648ce3d020106052b810400230381860004',
  ed25519: '302a300506032b6570032100',
  ed448: '3043300506032b6571033a00',
};

interface Signed {
  readonly key: string;
  readonly message: string;
  readonly signature: string;
}

function signature(id: string, source: string, curve: keyof typeof SPKI, algorithm: SignatureAlgorithm, vector: Signed): KnownAnswer {
  return known('signatures', id, source, { ...vector }, ({ key, message, signature: octets }, { verifySignature }) =>
    verifySignature({
      algorithm,
      spki: concat(fromHex(SPKI[curve]), fromHex(key)),
      data: fromHex(message),
      signature: fromHex(octets),
      encoding: 'ieee-p1363',
    }),
  );
}

/** "sample" of RFC 6979 appendix A.2. */
const SAMPLE = '73616d706c65';

function jws(id: string, source: string, key: string, text: string): KnownAnswer {
  return known('jose', id, source, { key, jws: text }, async (vector, { verifyJws }) => {
    const keys = parseAnyJwks(vector.key, 'key');
    await verifyAnyJws(vector.jws, { keys, algorithms: JWS_ALGORITHMS, verifyJws });
    return true;
  });
}

/** The same signature without JOSE: the key as SubjectPublicKeyInfo. */
function rsa(id: string, source: string, algorithm: SignatureAlgorithm, key: string, text: string): KnownAnswer {
  return known('signatures', id, source, { key, jws: text }, (vector, { verifySignature }) => {
    const { kty, n, e } = parseStrictJson(vector.key, 'key') as JsonObject;
    const [header, payload, octets] = vector.jws.split('.') as [string, string, string];
    const number = (value: unknown): Uint8Array => integer(fromBase64Url(value as string));
    const spki = sequence(sequence(oid(OID.rsaEncryption), NULL), bitString(sequence(number(n), number(e))));
    const check = { algorithm, spki, data: utf8(`${header}.${payload}`), signature: fromBase64Url(octets), encoding: 'der' } as const;
    return kty === 'RSA' && verifySignature(check);
  });
}

const JOE = 'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ';
const FRODO =
  'SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4';
const RS256_KEY =
  '{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}';
const RS256 = `eyJhbGciOiJSUzI1NiJ9.${JOE}.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw`;
const PS384_KEY =
  '{"kty":"RSA","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}';
const PS384 = `eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.${FRODO}.cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw`;
const ES256_KEY =
  '{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}';
const OKP_KEY = '{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}';

export const SIGNATURE_ANSWERS: readonly KnownAnswer[] = [
  signature('ecdsa-p256-sha256', 'RFC 6979 A.2.5', 'p256', 'ecdsa-sha256', {
    key: '60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
    message: SAMPLE,
    signature:
      'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
  }),
  signature('ecdsa-p384-sha384', 'RFC 6979 A.2.6', 'p384', 'ecdsa-sha384', {
    key: 'ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc138015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720',
    message: SAMPLE,
    signature:
      '94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe4699ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8',
  }),
  signature('ecdsa-p521-sha512', 'RFC 6979 A.2.7', 'p521', 'ecdsa-sha512', {
    key: '01894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd371123d46e45db6b5d5370a7f20fb633155d38ffa16d2bd761dcac474b9a2f5023a400493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354d6630f746a28a0db25741b5b34a828008b22acc23f924faafbd4d33f81ea66956dfeaa2bfdfcf5',
    message: SAMPLE,
    signature:
      '00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a',
  }),
  signature('ed25519', 'RFC 8032 section 7.1, test 2', 'ed25519', 'ed25519', {
    key: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  }),
  signature('ed448', 'RFC 8032 section 7.4, 1 octet', 'ed448', 'ed448', {
    key: '43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802b8438ea4cb82169c235160627b4c3a9480',
    message: '03',
    signature:
      '26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f4352541b143c4b981b7e18f62de8ccdf633fc1bf037ab7cd779805e0dbcc0aae1cbcee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0ff3348ab21aa4adafd1d234441cf807c03a00',
  }),
  known(
    'signatures',
    'ed25519-sign',
    'RFC 8032 section 7.1, test 2',
    {
      seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      message: '72',
      signature:
        '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    },
    (vector, { primitives }) =>
      equalBytes(primitives.signEd25519(fromHex(vector.seed), fromHex(vector.message)), fromHex(vector.signature)),
  ),
  rsa('rsa-pkcs1-sha256', 'RFC 7515 A.2', 'rsa-sha256', RS256_KEY, RS256),
  rsa('rsa-pss-sha384', 'RFC 7520 section 4.2', 'rsa-pss-sha384', PS384_KEY, PS384),
];

export const JOSE_ANSWERS: readonly KnownAnswer[] = [
  jws(
    'jws-hs256',
    'RFC 7515 A.1',
    '{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}',
    `eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.${JOE}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`,
  ),
  jws('jws-rs256', 'RFC 7515 A.2', RS256_KEY, RS256),
  jws(
    'jws-es256',
    'RFC 7515 A.3',
    ES256_KEY,
    `eyJhbGciOiJFUzI1NiJ9.${JOE}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q`,
  ),
  jws('jws-ps384', 'RFC 7520 section 4.2', PS384_KEY, PS384),
  jws(
    'jws-es512',
    'RFC 7520 section 4.3',
    '{"kty":"EC","crv":"P-521","x":"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt","y":"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1"}',
    `eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.${FRODO}.AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2`,
  ),
  jws(
    'jws-eddsa',
    'RFC 8037 A.4',
    OKP_KEY,
    'eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg',
  ),
  known(
    'jose',
    'jwk-thumbprint',
    'RFC 8037 A.3 (RFC 7638)',
    { key: OKP_KEY, thumbprint: 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k' },
    ({ key, thumbprint }) => jwkThumbprint(parsePublicJwk(parseStrictJson(key, 'key'), 'key')) === thumbprint,
  ),
  known(
    'jose',
    'jwe-ecdh-es-a256gcm',
    'sealed by joinery to the key of RFC 7515 A.3 (RFC 7518 sections 4.6 and 5.3)',
    {
      key: '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\nH1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n-----END PRIVATE KEY-----\n',
      jwe: 'eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSIsImtpZCI6Im9LSXl3dkdVcFRWVHl4TVEzYndJSWVRVXVkZnJfQ2tMTWpDRTE5RUNELVUiLCJlcGsiOnsieCI6IkN1ekJkT3hVbVgxeTZLWUZSZTdFdW13Ti02ZHNOc082dVMybHlxa1lsbDgiLCJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieSI6Ik82bjYxM2JXdUNGU3NHVlNrLTVoN1ItdTFwZy0yaG5jb1NCLXF3THlyTEEifX0..YbrILjKurJs6ezAW.pqQ5ThJpXxXk7qhxvhYExtQ.9LLPBMg1OmYxYwJdyizhEA',
      plaintext: 'sealed by joinery',
    },
    async ({ key, jwe, plaintext }, { openJwe }) => decodeUtf8(await openJwe(jwe, new Secret(key))) === plaintext,
  ),
];
