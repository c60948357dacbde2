/** A request that brings evidence, and tools that make it. */
import { execFileSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AttestationContext, Attestor } from '../../../src/core/attest/context.ts';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { JoineryError } from '../../../src/core/errors.ts';
import type { VerifiedAttestation } from '../../../src/core/policy/attestation.ts';
import { type Instant, parseInstant } from '../../../src/core/time.ts';
import type { Certificate } from '../../../src/core/x509/certificate.ts';

export const NOW = parseInstant('2026-11-22T10:00:00Z') as Instant;
export const NONCE = 'a-nonce-of-this-server';

export function spkiOf(key: KeyObject): Uint8Array {
  return new Uint8Array((key.type === 'public' ? key : createPublicKey(key)).export({ type: 'spki', format: 'der' }));
}

export const ec = (namedCurve = 'P-256') => generateKeyPairSync('ec', { namedCurve });
export const rsa = (modulusLength = 2048) => generateKeyPairSync('rsa', { modulusLength });

/** Keys of two nodes, each of which sends a CSR. */
export const CSR_SPKI = spkiOf(ec().publicKey);
export const OTHER_SPKI = spkiOf(ec().publicKey);

export function contextOf(more: Partial<AttestationContext> = {}): AttestationContext {
  return {
    csrSpki: CSR_SPKI,
    cluster: 'prod',
    nodeId: 'n1',
    now: NOW,
    verifyChallenge: (nonce) => nonce === NONCE,
    enrolledNode: (_certificate: Certificate) => Promise.reject(new JoineryError('ERR_JOIN_UNAUTHENTICATED', 'nobody')),
    ...more,
  };
}

export function attest(attestor: Attestor, evidence: JsonObject, more: Partial<AttestationContext> = {}): Promise<VerifiedAttestation> {
  return attestor.attest(evidence, contextOf(more));
}

/** `ok`, or the code and the message of the refusal. */
export async function outcomeOf(attestor: Attestor, evidence: JsonObject, more: Partial<AttestationContext> = {}): Promise<string> {
  try {
    await attest(attestor, evidence, more);
    return 'ok';
  } catch (error) {
    if (!(error instanceof JoineryError)) throw error;
    return `${error.code} ${error.message}`;
  }
}

const b64 = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A compact JWS by node:crypto: no code of joinery or jose. */
export function jws(key: KeyObject, header: JsonObject, payload: unknown): string {
  const text = `${b64(header)}.${b64(payload)}`;
  const alg = header['alg'] as string;
  const signature = sign(alg === 'EdDSA' ? null : `sha${alg.slice(2)}`, Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

const directory = mkdtempSync(join(tmpdir(), 'joinery-attest-'));

/** A new file for OpenSSL. */
export function file(name: string, contents: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, contents);
  return path;
}

export function openssl(args: readonly string[], input?: Uint8Array | string): Buffer {
  return execFileSync('openssl', args, { cwd: directory, input, stdio: ['pipe', 'pipe', 'pipe'] });
}

export const pemOf = (key: KeyObject): string => String(key.export({ type: key.type === 'public' ? 'spki' : 'pkcs8', format: 'pem' }));
