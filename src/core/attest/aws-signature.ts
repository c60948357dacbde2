/** A signed STS GetCallerIdentity request (AWS Signature Version 4): how a node makes one, and what of it the server sends on. */
import { digestOf, type Pin } from '../digest.ts';
import { toHex, utf8 } from '../encoding.ts';
import { type Instant, toCivil } from '../time.ts';

/** The only body that is ever sent: what is asked is who the signer is. */
export const STS_BODY = 'Action=GetCallerIdentity&Version=2011-06-15';
export const STS_CONTENT_TYPE = 'application/x-www-form-urlencoded; charset=utf-8';
/** Headers with which the signer answers the challenge, for the key of the CSR. */
export const CHALLENGE_HEADER = 'x-joinery-challenge';
export const KEY_HEADER = 'x-joinery-key';

export type Hmac = (key: Uint8Array, data: Uint8Array) => Uint8Array;

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface StsQuestion {
  /** With its port where that is not 443. */
  readonly host: string;
  readonly region: string;
  readonly nonce: string;
  /** Of the key in the CSR. */
  readonly pin: Pin;
  readonly now: Instant;
}

/** @returns the headers of the request, with its `authorization`, names in lower case; without `host`. */
export function signStsRequest(credentials: AwsCredentials, question: StsQuestion, hmac: Hmac): Readonly<Record<string, string>> {
  const date = amzDate(question.now);
  const headers: Record<string, string> = {
    'content-type': STS_CONTENT_TYPE,
    'x-amz-date': date,
    [CHALLENGE_HEADER]: question.nonce,
    [KEY_HEADER]: question.pin,
    ...(credentials.sessionToken !== undefined && { 'x-amz-security-token': credentials.sessionToken }),
  };
  const names = [...Object.keys(headers), 'host'].sort();
  const scope = `${date.slice(0, 8)}/${question.region}/sts/aws4_request`;
  const signature = stsSignature(credentials.secretAccessKey, { headers: { ...headers, host: question.host }, names, date, scope }, hmac);
  const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { ...headers, authorization };
}

export interface SignedParts {
  readonly headers: Readonly<Record<string, string>>;
  /** Of the headers that are signed, sorted. */
  readonly names: readonly string[];
  readonly date: string;
  readonly scope: string;
}

/** Lower-case hex: what STS computes too. */
export function stsSignature(secretAccessKey: string, { headers, names, date, scope }: SignedParts, hmac: Hmac): string {
  const lines = names.map((name) => `${name}:${(headers[name] as string).trim()}\n`).join('');
  const request = `POST\n/\n\n${lines}\n${names.join(';')}\n${digestOf(utf8(STS_BODY))}`;
  const text = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${digestOf(utf8(request))}`;
  const key = scope.split('/').reduce((secret, part) => hmac(secret, utf8(part)), utf8(`AWS4${secretAccessKey}`));
  return toHex(hmac(key, utf8(text)));
}

/** `20261122T100000Z`. */
function amzDate(now: Instant): string {
  const { year, month, day, hour, minute, second } = toCivil(now);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${year}${two(month)}${two(day)}T${two(hour)}${two(minute)}${two(second)}Z`;
}
