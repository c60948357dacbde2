import type { JsonObject } from '../../src/core/canonical-json.ts';
import { digestOf } from '../../src/core/digest.ts';
import { utf8 } from '../../src/core/encoding.ts';
import { defaultBundlePath } from '../../src/core/onboarding/layout.ts';
import type { NodeAssets } from '../../src/core/onboarding/files.ts';
import { type PackageModel, parseOnboarding, type TrustParts } from '../../src/core/onboarding/model.ts';
import { Secret } from '../../src/core/secret.ts';
import { parseClaims } from '../../src/core/token/claims.ts';
import { signClaims } from '../../src/core/token/jwt.ts';

/** A script as good as any: rendering does not look into it. */
export const SCRIPT = utf8('#!/bin/sh\nexit 0\n');

export const ASSETS: NodeAssets = { trustCheck: SCRIPT, agent: new Map() };

/** 2026-11-22T10:00:00Z */
export const NOW = 1795341600;

export async function tokenWith(changes: JsonObject = {}): Promise<string> {
  const claims = {
    iss: 'joinery:platform_control',
    aud: 'prod',
    jti: '11111111-2222-4333-8444-555555555555',
    iat: NOW,
    exp: NOW + 900,
    role: 'worker',
    max_uses: 1,
    ...changes,
  };
  return signClaims({ algorithm: 'HS256', sign: () => new Uint8Array(32) }, parseClaims(claims).claims);
}

/** The onboarding document with members replaced. */
export function onboardingWith(changes: JsonObject = {}) {
  const directory = (changes['directory'] as string | undefined) ?? '/var/lib/joinery';
  const pin = (purpose: 'control-plane-https' | 'node-cert-lifecycle') => ({
    version: 1,
    manifest_digest: digestOf(utf8(`manifest of ${purpose}`)),
    sha256_fingerprint: digestOf(utf8(`bundle of ${purpose}\n`)),
    path: defaultBundlePath(directory, purpose),
  });
  return parseOnboarding(
    {
      schema: 'joinery/onboarding/1',
      created_at: '2026-11-22T10:00:00Z',
      environment: { name: 'platform_control', domain: 'control.example.internal' },
      cluster: 'prod',
      role: 'worker',
      api_url: 'https://boot.control.example.internal:9443',
      join_urls: ['https://boot.control.example.internal:9443', 'https://10.0.0.1/join'],
      env_prefix: 'JOINERY',
      directory,
      trust: { 'control-plane-https': pin('control-plane-https'), 'node-cert-lifecycle': pin('node-cert-lifecycle') },
      ...changes,
    },
    'test',
  );
}

const signed = {
  manifest: { payload: 'e30', signatures: [{ protected: 'e30', signature: 'AA' }] },
  activation: { payload: 'e30', signatures: [{ protected: 'e30', signature: 'AQ' }] },
};

export const TRUST_PARTS: TrustParts = {
  'control-plane-https': { bundlePem: 'bundle of control-plane-https\n', signed },
  'node-cert-lifecycle': { bundlePem: 'bundle of node-cert-lifecycle\n', signed },
};

/** A model of the right form; its manifests prove nothing. */
export async function packageModel(
  changes: { onboarding?: JsonObject; token?: string | null; seedPeers?: JsonObject } = {},
): Promise<PackageModel> {
  const token = changes.token === undefined ? await tokenWith() : changes.token;
  return {
    onboarding: onboardingWith({ ...changes.onboarding, ...(token === null && { token_delivery: 'none' }) }),
    trust: TRUST_PARTS,
    seedPeers: { schema: 'joinery/seed-peers/1', cluster: 'prod', version: 1, peers: [], ...(changes.seedPeers as object | undefined) },
    ...(token !== null && { token: new Secret(token) }),
  };
}
