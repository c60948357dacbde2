/** What modes and kinds the files of a realm and of a node have (docs/reference/formats.md), and what differs. */
import type { Instant } from '../time.ts';
import type { DiskEntry } from './disk.ts';
import type { Finding } from './finding.ts';

export interface FileRule {
  /** Of the path relative to the realm or node; the empty path is the directory itself. */
  readonly pattern: RegExp;
  readonly kind: 'file' | 'directory';
  /** Bits that must not be set. */
  readonly forbidden: number;
  /** A secret is in it. */
  readonly secret: boolean;
}

const NOBODY_ELSE = 0o077;
const NO_WRITERS = 0o022;

const secretFile = (pattern: RegExp): FileRule => ({ pattern, kind: 'file', forbidden: NOBODY_ELSE, secret: true });
const secretDirectory = (pattern: RegExp): FileRule => ({ pattern, kind: 'directory', forbidden: NOBODY_ELSE, secret: true });
const publicFile = (pattern: RegExp): FileRule => ({ pattern, kind: 'file', forbidden: NO_WRITERS, secret: false });
const publicDirectory = (pattern: RegExp): FileRule => ({ pattern, kind: 'directory', forbidden: NO_WRITERS, secret: false });

/** The first that fits counts. */
export const REALM_FILES: readonly FileRule[] = [
  secretDirectory(/^$/),
  secretDirectory(/^keys(\/(offline|online))?$/),
  secretFile(/^keys\/(offline|online)\/[^/]+$/),
  secretFile(/^state\.db(-wal|-shm|-journal)?$/),
  publicFile(/^joinery\.(yaml|yml|json)$/),
  publicDirectory(/^(ca|policies)$/),
  publicFile(/^(ca|policies)\/[^/]+$/),
];

export const NODE_FILES: readonly FileRule[] = [
  publicDirectory(/^$/),
  secretDirectory(/^(secrets|pending)$/),
  secretFile(/^(secrets|pending)\/[^/]+$/),
  secretFile(/^identity\/gen-\d+\/node\.key$/),
  publicDirectory(/^(identity|trust|bin)$/),
  publicDirectory(/^identity\/gen-\d+$/),
  publicFile(/^(identity\/gen-\d+|trust)\/[^/]+$/),
  publicFile(/^bin\/[^/]+$/),
  publicFile(/^(joinery\.env|onboarding\.json|seed-peers\.json|status\.json)$/),
];

export interface SeenFile {
  /** Relative. */
  readonly path: string;
  readonly entry: DiskEntry;
}

/** A write in progress is over in a moment; this old is what a kill left. */
const STALE = 3600;
const TEMPORARY = /\.tmp-[0-9a-f]{16}$/;

/** Judges what lies below `root`. Files that no rule knows are not joinery's, and are left alone. */
export function judgeFiles(root: string, seen: readonly SeenFile[], rules: readonly FileRule[], now: Instant): Finding[] {
  return seen.flatMap((file) => {
    const path = file.path === '' ? root : `${root}/${file.path}`;
    if (TEMPORARY.test(file.path)) return staleFindings(path, file.entry, now);
    const rule = rules.find(({ pattern }) => pattern.test(file.path));
    return rule === undefined ? [] : judge(path, file.entry, rule);
  });
}

function staleFindings(path: string, entry: DiskEntry, now: Instant): Finding[] {
  if (entry.kind !== 'file' || now - entry.modifiedAt < STALE) return [];
  const what = 'expected no temporary file older than an hour, found one that an interrupted run left';
  return [{ code: 'file-stale', severity: 'warn', where: path, what, next: 'remove it: --fix', fix: { kind: 'remove', path } }];
}

function judge(path: string, { kind, mode }: DiskEntry, rule: FileRule): Finding[] {
  if (kind !== rule.kind) {
    const what = `expected a ${rule.kind}, found a ${kind}`;
    return [
      {
        code: 'file-kind',
        severity: 'critical',
        where: path,
        what,
        next: `look who put it there, and put the ${rule.kind} itself in its place`,
      },
    ];
  }
  const excess = mode & rule.forbidden;
  if (excess === 0) return [];
  const wanted = mode & ~rule.forbidden;
  const what = `expected mode ${octal(wanted)}, found ${octal(mode)}: others may ${(excess & NO_WRITERS) === 0 ? 'read' : 'change'} it`;
  const next = `chmod ${octal(wanted)}, or --fix${rule.secret && kind === 'file' ? '; think about who could have read it, and about a new secret' : ''}`;
  // A directory that others may only list gives no secret away while the files in it are closed.
  const harmless = kind === 'directory' && (excess & NO_WRITERS) === 0;
  return [
    { code: 'file-mode', severity: harmless ? 'warn' : 'critical', where: path, what, next, fix: { kind: 'mode', path, mode: wanted } },
  ];
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
