/**
 * `joinery.env`: one text that systemd (EnvironmentFile=, systemd.exec(5)) and a POSIX shell (`. file`) read alike. Single quotes
 * are the one form in which neither gives any character a meaning; values hold neither a single quote nor a backslash (values.ts).
 */
import { JoineryError } from '../errors.ts';
import { nodeLayout } from './layout.ts';
import type { Onboarding } from './model.ts';

const HEADER = '# Written by joinery, for systemd and sh.\n';
const LINE = /^([A-Z][A-Z0-9_]{0,63})='([\x20-\x26\x28-\x5b\x5d-\x7e]*)'$/;

/** The file name under which systemd hands a credential to a service (systemd.exec(5), LoadCredential=). */
export const TOKEN_CREDENTIAL = 'joinery.token';

/** The environment keys of a node (FORMATS 3), without the prefix, in the order in which they are written. */
export function environmentOf(onboarding: Onboarding): ReadonlyMap<string, string> {
  const { node, trust_url: trustUrl } = onboarding;
  const https = onboarding.trust['control-plane-https'];
  const nodeCert = onboarding.trust['node-cert-lifecycle'];
  const values: readonly (readonly [string, string])[] = [
    ['API_URL', onboarding.api_url],
    ['CA_FINGERPRINT', https.sha256_fingerprint],
    ['CA_BUNDLE_PATH', https.path],
    ['NODE_CERT_CA_FINGERPRINT', nodeCert.sha256_fingerprint],
    ['NODE_CERT_CA_BUNDLE_PATH', nodeCert.path],
    ['TRUST_BUNDLE_VERSION', String(https.version)],
    ['TRUST_MANIFEST_DIGEST', https.manifest_digest],
    ['NODE_CERT_TRUST_MANIFEST_DIGEST', nodeCert.manifest_digest],
    ...(trustUrl === undefined ? [] : [['TRUST_URL', trustUrl] as const]),
    ['ENVIRONMENT', onboarding.environment.name],
    ['CLUSTER', onboarding.cluster],
    ['ROLE', onboarding.role],
    ...(node === undefined ? [] : [['NODE', node] as const]),
    ['JOIN_URLS', onboarding.join_urls.join(' ')],
    ...tokenSource(onboarding),
  ];
  return new Map(values.map(([key, value]) => [`${onboarding.env_prefix}_${key}`, value]));
}

function tokenSource(onboarding: Onboarding): readonly (readonly [string, string])[] {
  const { token_delivery: delivery } = onboarding;
  if (delivery === 'none') return [];
  if (delivery === 'systemd-credential') return [['JOIN_TOKEN_CREDENTIAL', TOKEN_CREDENTIAL]];
  return [['JOIN_TOKEN_FILE', nodeLayout(onboarding).token]];
}

export function renderEnvFile(values: ReadonlyMap<string, string>): string {
  return HEADER + [...values].map(([key, value]) => `${key}='${value}'\n`).join('');
}

/** Reads {@link renderEnvFile}'s form and nothing wider: comments, and `KEY='value'` with each key once. @throws ERR_PACKAGE_MALFORMED */
export function parseEnvFile(text: string, what: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue;
    const [, key, value] = LINE.exec(line) ?? [];
    if (key === undefined || values.has(key)) {
      throw new JoineryError(
        'ERR_PACKAGE_MALFORMED',
        `${what}, line ${index + 1}: expected KEY='value' with each key once, found another line`,
      );
    }
    values.set(key, value as string);
  }
  return values;
}
