/** Every known answer, in the order in which they are tried: what stands on another comes after it. */
import type { KnownAnswer } from './known-answer.ts';
import { FORMAT_ANSWERS } from './vectors-formats.ts';
import { PRIMITIVE_ANSWERS } from './vectors-primitives.ts';
import { JOSE_ANSWERS, SIGNATURE_ANSWERS } from './vectors-signatures.ts';
import { X509_ANSWERS } from './vectors-x509.ts';

export const KNOWN_ANSWERS: readonly KnownAnswer[] = [
  ...PRIMITIVE_ANSWERS,
  ...SIGNATURE_ANSWERS,
  ...JOSE_ANSWERS,
  ...X509_ANSWERS,
  ...FORMAT_ANSWERS,
];
