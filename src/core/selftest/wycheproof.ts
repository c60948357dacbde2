/** Project Wycheproof (C2SP): vectors that wrong implementations accept. Files of both of its formats, told by their groups' types. */
import { isJoineryError } from '../errors.ts';
import type { VerifyJws, VerifySignature } from '../key-ports.ts';
import type { Primitives } from './primitives.ts';
import { corpusError, listOf, numberOf, objectOf, type Shape, textOf, textsOf } from './shape.ts';
import { type Expected, type Found, refused, skipped, type Trial } from './trial.ts';
import { JOSE_GROUPS } from './wycheproof-jose.ts';
import { SECRET_GROUPS } from './wycheproof-secret.ts';
import { SIGNATURE_GROUPS } from './wycheproof-signatures.ts';

export interface WycheproofTools {
  readonly verifySignature: VerifySignature;
  readonly verifyJws: VerifyJws;
  readonly primitives: Primitives;
}

/** What a group's type of vectors is tried with. */
export interface WycheproofGroup {
  /** Of the document: `AES-GCM`. */
  readonly algorithm: string;
  readonly group: Shape;
  readonly where: string;
  readonly tools: WycheproofTools;
}

/** True when the vector is accepted; may throw, which is a refusal. Or why the group is not tried. */
export type TryVector = (test: Shape) => boolean | Found | Promise<boolean | Found>;
export type OpenGroup = (group: WycheproofGroup) => TryVector | string;

const GROUPS: Readonly<Record<string, OpenGroup>> = { ...SIGNATURE_GROUPS, ...JOSE_GROUPS, ...SECRET_GROUPS };

export function isWycheproof(document: unknown): boolean {
  return typeof document === 'object' && document !== null && Array.isArray((document as Shape)['testGroups']);
}

export interface WycheproofTrial {
  readonly id: string;
  run(): Promise<Trial>;
}

/** @throws ERR_CORPUS_MALFORMED */
export function readWycheproof(document: unknown, what: string, tools: WycheproofTools): readonly WycheproofTrial[] {
  const { algorithm, testGroups } = objectOf(document, what);
  const named = typeof algorithm === 'string' ? algorithm : '';
  return listOf(testGroups, `${what}: testGroups`).flatMap((entry, index) => {
    const where = `${what}: testGroups[${index}]`;
    return readGroup({ algorithm: named, group: objectOf(entry, where), where, tools });
  });
}

const RESULTS: ReadonlyMap<string, Expected> = new Map([
  ['valid', 'accept'],
  ['invalid', 'refuse'],
  ['acceptable', 'either'],
]);

function readGroup(given: WycheproofGroup): readonly WycheproofTrial[] {
  const { group, where } = given;
  const type = textOf(group['type'], `${where}.type`);
  const open = Object.hasOwn(GROUPS, type) ? (GROUPS[type] as OpenGroup) : (): string => `joinery uses no ${type}`;
  const attempt = open(given);
  return listOf(group['tests'], `${where}.tests`).map((entry, index) => {
    const test = objectOf(entry, `${where}.tests[${index}]`);
    const id = `tc${numberOf(test['tcId'], `${where}.tests[${index}].tcId`)}`;
    textsOf(test['flags'], `${where}.tests[${index}].flags`);
    const expected = RESULTS.get(textOf(test['result'], `${where}.tests[${index}].result`));
    if (expected === undefined) throw corpusError(`${where}.tests[${index}].result`, 'valid, invalid or acceptable');
    return { id, run: async () => ({ id, expected, found: await tryVector(attempt, test) }) };
  });
}

async function tryVector(attempt: TryVector | string, test: Shape): Promise<Found> {
  if (typeof attempt === 'string') return skipped(attempt);
  const found = await settle(attempt, test);
  if (typeof found !== 'boolean') return found;
  return found ? { kind: 'accepted' } : refused('does not hold');
}

async function settle(attempt: TryVector, test: Shape): Promise<boolean | Found> {
  try {
    return await attempt(test);
  } catch (error) {
    if (isJoineryError(error, 'ERR_CORPUS_MALFORMED')) throw error;
    // Keys and texts that cannot be used are refused by an error.
    return false;
  }
}
