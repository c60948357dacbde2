/** How the results of package commands look, as data and as text. */
import type { BatchInspection } from '../../app/inspect-batch.ts';
import type { RenderPackageResult } from '../../app/render-package.ts';
import type { RenderPackagesResult } from '../../app/render-packages.ts';
import type { JsonObject, JsonValue } from '../../core/canonical-json.ts';
import { type Digest, digestOf } from '../../core/digest.ts';
import type { CheckRow } from '../../core/onboarding/checklist.ts';
import { grantData, type PackageDifference } from '../../core/onboarding/diff.ts';
import { setupCommands } from '../../core/onboarding/files.ts';
import { octal } from '../../core/onboarding/formats/artifact.ts';
import type { Inspection } from '../../core/onboarding/inspect.ts';
import { describeSize, type UserDataSize } from '../../core/onboarding/limits.ts';
import type { PackageManifest } from '../../core/onboarding/manifest.ts';
import { grantOfToken, usesText } from '../../core/onboarding/token.ts';
import { formatInstant, type Instant } from '../../core/time.ts';
import type { Grant } from '../../core/token/grant.ts';
import { PURPOSES } from '../../core/trust/purpose.ts';
import { fields, type Style, table } from './text.ts';

export function renderedData({ out, manifest, trustDigest, size, sealed, tokenCopies }: RenderPackageResult): JsonObject {
  return {
    out,
    trust_digest: trustDigest,
    ...(size !== undefined && { size: sizeData(size) }),
    ...(sealed !== undefined && { sealed }),
    token_copies: [...tokenCopies],
    manifest: { ...manifest } as JsonObject,
  };
}

export function sizeData({ raw, base64, gzip, tooLargeFor: too_large_for, fitsCompressed: fits_compressed }: UserDataSize): JsonObject {
  return { raw, base64, ...(gzip !== undefined && { gzip }), too_large_for, fits_compressed };
}

export function renderedText({ out, manifest, trustDigest, size, sealed, tokenCopies }: RenderPackageResult): string {
  const { format, cluster, role, node, token, trust, files } = manifest;
  const facts = fields({
    package: sealed === undefined ? out : `${out}/${sealed}`,
    format: `${format}: ${(files[0] as { path: string }).path}`,
    cluster,
    role,
    node: node ?? 'any (the token is bound to none)',
    token: token && `${token.id}, ${usesText({ maxUses: token.max_uses })}, until ${token.expires_at}`,
    'trust versions': PURPOSES.map((purpose) => `${purpose} ${trust[purpose].version}`).join(', '),
    'trust digest': trustDigest,
    'user-data': size && describeSize(size),
    'token copies': tokenCopies.length === 0 ? undefined : tokenCopies.join('; '),
  });
  return `${facts}\n\n${nextText(out, manifest, trustDigest, sealed)}`;
}

export function batchData({ out, manifest, trustDigest, size, tokenCopies }: RenderPackagesResult): JsonObject {
  return {
    out,
    trust_digest: trustDigest,
    ...(size !== undefined && { size: sizeData(size) }),
    token_copies: [...tokenCopies],
    manifest: { ...manifest } as JsonObject,
  };
}

export function batchText({ out, manifest, trustDigest, size, tokenCopies }: RenderPackagesResult): string {
  const { format, cluster, role, nodes, token, trust } = manifest;
  const facts = fields({
    packages: `${nodes} in ${out}/nodes, listed in ${out}/index.jsonl`,
    format,
    cluster,
    role,
    tokens: token === undefined ? 'none' : `one for each node, until ${token.expires_at}`,
    'trust versions': PURPOSES.map((purpose) => `${purpose} ${trust[purpose].version}`).join(', '),
    'trust digest': trustDigest,
    'user-data': size && describeSize(size),
    'token copies': tokenCopies.length === 0 ? undefined : tokenCopies.join('; '),
  });
  return `${facts}\n\nNext: joinery package verify ${out} --trust-digest ${trustDigest}`;
}

export function batchInspectionData(directory: string, { manifest, nodes, first }: BatchInspection): JsonObject {
  return { batch: { ...manifest } as JsonObject, nodes: [...nodes], first: `${directory}/${first}` };
}

export function batchInspectionText(directory: string, { manifest, nodes, first }: BatchInspection): string {
  const { format, cluster, role, environment, created_at, token, trust } = manifest;
  const shown = nodes.slice(0, 5).join(', ');
  const facts = fields({
    packages: `${nodes.length}: ${shown}${nodes.length > 5 ? ', ...' : ''}`,
    format,
    environment: `${environment.name} (${environment.domain})`,
    cluster,
    role,
    made: created_at,
    tokens: token === undefined ? 'none' : `one for each node (${token.delivery}), until ${token.expires_at}`,
    'trust versions': PURPOSES.map((purpose) => `${purpose} ${trust[purpose].version}`).join(', '),
  });
  return `${facts}\n\nOne of them: joinery package inspect ${directory}/${first}`;
}

/** What the operator does now, and what with a token that is not in the document. */
function nextText(out: string, { token, node_files }: PackageManifest, trustDigest: Digest, sealed: string | undefined): string {
  if (sealed !== undefined) return `Next, at the recipient: joinery package unseal ${out}/${sealed} --key KEY --out DIR`;
  const verify = `Next: joinery package verify ${out} --trust-digest ${trustDigest}`;
  const last = node_files.find(({ path }) => path.endsWith('/onboarding.json'))?.path ?? '';
  const tokenFile = last.replace(/onboarding\.json$/, 'secrets/join-token');
  if (token?.delivery === 'file-later')
    return `${verify}\nThen bring ${out}/join-token to ${tokenFile} on the node (0600), and remove it here.`;
  if (token?.delivery === 'systemd-credential')
    return `${verify}\nThen give the machine ${out}/join-token as the credential joinery.token (SMBIOS: io.systemd.credential:joinery.token=...), and remove it here.`;
  return verify;
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

export function inspectionData({ format, model, files }: Inspection): JsonObject {
  const grant = model.token && grantOfToken(model.token);
  return {
    format,
    onboarding: { ...model.onboarding } as JsonObject,
    seed_peers: { ...model.seedPeers } as JsonObject,
    token: grant === undefined ? null : grantData(grant),
    files: files.map(({ path, owner, mode, bytes }) => ({ path, owner, mode: octal(mode), bytes: bytes.length, sha256: digestOf(bytes) })),
    parts: (model.parts ?? []).map(({ name, type, bytes }) => ({ name, type, bytes: bytes.length, sha256: digestOf(bytes) })),
    commands: setupCommands(model.onboarding).map((words) => [...words]),
  };
}

/** A `jwt` token always ends. */
function describeGrant({ id, maxUses, expiresAt }: Grant): string {
  return `${id}, ${usesText({ maxUses })}, until ${formatInstant(expiresAt as Instant)} (not verified)`;
}

export function inspectionText({ format, model, files }: Inspection): string {
  const { onboarding, parts = [] } = model;
  const grant = model.token && grantOfToken(model.token);
  const facts = fields({
    format,
    environment: `${onboarding.environment.name} (${onboarding.environment.domain})`,
    cluster: onboarding.cluster,
    role: onboarding.role,
    node: onboarding.node,
    'join URLs': onboarding.join_urls.join(' '),
    'seed peers': model.seedPeers.peers.length,
    made: onboarding.created_at,
    token: grant === undefined ? `none (${onboarding.token_delivery})` : describeGrant(grant),
    'trust from': onboarding.trust_url,
    agent: [onboarding.agent ?? 'none', onboarding.agent_path].filter((each) => each !== undefined).join(' '),
  });
  const trust = PURPOSES.map((purpose) => {
    const { version, sha256_fingerprint, manifest_digest } = onboarding.trust[purpose];
    return [purpose, String(version), sha256_fingerprint.slice(0, 16), manifest_digest.slice(0, 16)];
  });
  const list = files.map((file) => [octal(file.mode), file.owner, String(file.bytes.length), file.path]);
  const commands = setupCommands(onboarding).map((words) => `  ${words.join(' ')}`);
  return [
    facts,
    table(['TRUST', 'VERSION', 'PEM SHA-256', 'MANIFEST'], trust),
    table(['MODE', 'OWNER', 'BYTES', 'FILE'], list),
    ['Commands that run as root, once:', ...commands].join('\n'),
    ...(parts.length === 0
      ? []
      : [['Parts before it:', ...parts.map(({ name, type, bytes }) => `  ${name} (${type}, ${bytes.length} bytes)`)].join('\n')]),
  ].join('\n\n');
}

export function differenceData({ facts, files }: PackageDifference): JsonObject {
  return { same: facts.length + files.length === 0, facts: facts.map((fact) => ({ ...fact })), files: files.map((file) => ({ ...file })) };
}

/** `- from` and `+ to`, as diff(1) has them. */
export function differenceText({ facts, files }: PackageDifference): string {
  if (facts.length + files.length === 0) return 'the packages say the same';
  const sides = (name: string, from: string | undefined, to: string | undefined): readonly string[] => [
    ...(from === undefined ? [] : [`- ${name}  ${from}`]),
    ...(to === undefined ? [] : [`+ ${name}  ${to}`]),
  ];
  const shown = (value: JsonValue | undefined) => (value === undefined ? undefined : JSON.stringify(value));
  return [
    ...facts.flatMap(({ fact, from, to }) => sides(fact, shown(from), shown(to))),
    ...files.flatMap(({ path, from, to }) => sides(path, from, to)),
  ].join('\n');
}
