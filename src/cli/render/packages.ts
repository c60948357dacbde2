/** How the results of package commands look, as data and as text. */
import type { RenderPackageResult } from '../../app/render-package.ts';
import type { JsonObject } from '../../core/canonical-json.ts';
import { digestOf } from '../../core/digest.ts';
import type { CheckRow } from '../../core/onboarding/checklist.ts';
import { bootCommands, octal, runCommands } from '../../core/onboarding/cloud-config.ts';
import type { Inspection } from '../../core/onboarding/inspect.ts';
import { describeSize } from '../../core/onboarding/limits.ts';
import { grantOfPackage } from '../../core/onboarding/token.ts';
import { formatInstant, type Instant } from '../../core/time.ts';
import type { Grant } from '../../core/token/grant.ts';
import { PURPOSES } from '../../core/trust/purpose.ts';
import { fields, type Style, table } from './text.ts';

export function renderedData({ out, manifest, trustDigest, size }: RenderPackageResult): JsonObject {
  const { raw, base64, tooLargeFor: too_large_for } = size;
  return { out, trust_digest: trustDigest, size: { raw, base64, too_large_for }, manifest: { ...manifest } as JsonObject };
}

export function renderedText({ out, manifest, trustDigest, size }: RenderPackageResult): string {
  const { cluster, role, node, token, trust } = manifest;
  const facts = fields({
    package: out,
    cluster,
    role,
    node: node ?? 'any (the token is bound to none)',
    token: token && `${token.id}, one use, until ${token.expires_at}`,
    'trust versions': PURPOSES.map((purpose) => `${purpose} ${trust[purpose].version}`).join(', '),
    'trust digest': trustDigest,
    'user-data': describeSize(size),
  });
  return `${facts}\n\nNext: joinery package verify ${out} --trust-digest ${trustDigest}`;
}

export function checksData(directory: string, ok: boolean, rows: readonly CheckRow[]): JsonObject {
  return { directory, ok, checks: rows.map((row) => ({ ...row })) };
}

const MARKS = { ok: ['green', 'ok'], failed: ['red', 'FAILED'], warning: ['yellow', 'look'], skipped: ['dim', 'skipped'] } as const;

export function checksText(ok: boolean, rows: readonly CheckRow[], paint: Style): string {
  const width = Math.max(...rows.map((row) => row.check.length));
  const lines = table(
    ['CHECK'.padEnd(width), 'RESULT', 'DETAIL'],
    rows.map(({ check, result, detail }) => [check, MARKS[result][1], detail]),
  ).split('\n');
  const coloured = rows.map(({ result }, index) => {
    const [colour, mark] = MARKS[result];
    return (lines[index + 1] as string).replace(mark.padEnd(7), paint(colour, mark.padEnd(7)));
  });
  const bad = rows.filter((row) => row.result === 'failed').length;
  const verdict = ok ? paint('green', 'the package holds') : paint('red', `refused: ${bad} of ${rows.length} checks failed`);
  return [lines[0], ...coloured, '', verdict].join('\n');
}

export function inspectionData({ model, files }: Inspection): JsonObject {
  const grant = grantOfPackage(model);
  return {
    onboarding: { ...model.onboarding } as JsonObject,
    seed_peers: { ...model.seedPeers } as JsonObject,
    token: grant === undefined ? null : inspectedGrant(grant),
    files: files.map(({ path, owner, mode, bytes }) => ({ path, owner, mode: octal(mode), bytes: bytes.length, sha256: digestOf(bytes) })),
    commands: [...bootCommands(model.onboarding), ...runCommands(model.onboarding)],
  };
}

function inspectedGrant(grant: Grant): JsonObject {
  const { allowReentry, keyThumbprint, issuedAt, notBefore, expiresAt, maxUses, clusters, ...same } = grant;
  return {
    ...same,
    clusters: [...clusters],
    allow_reentry: allowReentry,
    key_thumbprint: keyThumbprint,
    issued_at: formatInstant(issuedAt),
    not_before: formatInstant(notBefore),
    expires_at: formatInstant(expiresAt as Instant),
    max_uses: maxUses,
  };
}

/** A `jwt` token always ends and always counts its uses. */
function describeGrant({ id, maxUses, expiresAt }: Grant): string {
  return `${id}, ${maxUses === 1 ? 'one use' : `${maxUses} uses`}, until ${formatInstant(expiresAt as Instant)} (not verified)`;
}

export function inspectionText({ model, files }: Inspection): string {
  const { onboarding } = model;
  const grant = grantOfPackage(model);
  const facts = fields({
    environment: `${onboarding.environment.name} (${onboarding.environment.domain})`,
    cluster: onboarding.cluster,
    role: onboarding.role,
    node: onboarding.node,
    'join URLs': onboarding.join_urls.join(' '),
    'seed peers': model.seedPeers.peers.length,
    made: onboarding.created_at,
    token: grant === undefined ? 'none' : describeGrant(grant),
  });
  const trust = PURPOSES.map((purpose) => {
    const { version, sha256_fingerprint, manifest_digest } = onboarding.trust[purpose];
    return [purpose, String(version), sha256_fingerprint.slice(0, 16), manifest_digest.slice(0, 16)];
  });
  const list = files.map((file) => [octal(file.mode), file.owner, String(file.bytes.length), file.path]);
  const commands = [...bootCommands(onboarding), ...runCommands(onboarding)].map((words) => `  ${words.join(' ')}`);
  return [
    facts,
    table(['TRUST', 'VERSION', 'PEM SHA-256', 'MANIFEST'], trust),
    table(['MODE', 'OWNER', 'BYTES', 'FILE'], list),
    ['Commands that run as root:', ...commands].join('\n'),
  ].join('\n\n');
}
