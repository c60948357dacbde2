/**
 * A ceremony: what the keys of authorities are to sign, written down and reviewed before any key is opened. Schema
 * `joinery/ceremony/1`. Nothing of what is signed is left to a default or to the clock: two people who read the file know every byte but
 * the new keys, and the serial numbers where it says `random`.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../canonical-json.ts';
import { JoineryError } from '../errors.ts';
import { name, trustDomain } from '../names.ts';
import { array, integer, object, oneOf, optional, type Parsed, parseDocument, type Parser, refine, string } from '../parse.ts';
import { KEY_TYPES } from '../key-ports.ts';
import { formatInstant, type Instant, parseInstant } from '../time.ts';
import { REVOCATION_REASON_NAMES } from '../x509/crl-writer.ts';
import { parseNameText } from '../x509/name-text.ts';
import { nameConstraintsMember } from './constraints.ts';

const time: Parser<Instant> = refine(string({ maxLength: 20, describe: 'a time like 2036-11-22T10:00:00Z' }), (text) => {
  const at = parseInstant(text);
  return at === undefined ? { issue: 'expected a time like 2036-11-22T10:00:00Z, found something else' } : { value: at };
});

/** DER of Name. */
const subject: Parser<Uint8Array> = refine(string({ minLength: 1, maxLength: 1024 }), (text) => {
  try {
    return { value: parseNameText(text, 'subject') };
  } catch (error) {
    return { issue: (error as JoineryError).message };
  }
});

/** RFC 5280 section 4.1.2.2, and FORMATS 6: 16 to 20 octets, positive. */
const serial = string({
  pattern: /^(?:random|[0-7][0-9a-f](?:[0-9a-f]{2}){15,19})$/,
  describe: 'random, or 16 to 20 octets in lower-case hex below 80',
});

const validity = {
  serial,
  not_before: time,
  not_after: time,
  path_len: optional(integer(0, 16)),
  /** Nothing is taken over from the issuer: the lint refuses what is wider. Of a cross-certificate: in place of the authority's own. */
  name_constraints: optional(nameConstraintsMember),
};
/** What a new authority has. */
const key = { key_type: oneOf(KEY_TYPES), custody: oneOf(['offline', 'online']), trust_domain: optional(trustDomain()) };

const SHAPES = {
  root: object({ kind: oneOf(['root']), name: name(), subject, ...key, ...validity }),
  intermediate: object({ kind: oneOf(['intermediate']), name: name(), issuer: name(), subject, ...key, ...validity }),
  cross: object({ kind: oneOf(['cross']), name: name(), issuer: name(), ...validity }),
  crl: object({
    kind: oneOf(['crl']),
    issuer: name(),
    number: integer(1),
    this_update: time,
    next_update: time,
    revoked: array(
      object({
        serial: string({ pattern: /^(?:[0-9a-f]{2}){1,20}$/, describe: 'a whole serial number in lower-case hex' }),
        at: time,
        reason: oneOf(REVOCATION_REASON_NAMES),
      }),
    ),
  }),
} as const;

type Kind = keyof typeof SHAPES;
const KINDS = Object.keys(SHAPES) as readonly Kind[];

export type RootStep = Parsed<(typeof SHAPES)['root']>;
export type IntermediateStep = Parsed<(typeof SHAPES)['intermediate']>;
export type CrossStep = Parsed<(typeof SHAPES)['cross']>;
export type CrlStep = Parsed<(typeof SHAPES)['crl']>;
export type CeremonyStep = RootStep | IntermediateStep | CrossStep | CrlStep;

const step: Parser<CeremonyStep> = {
  schema: { oneOf: KINDS.map((kind) => SHAPES[kind].schema) },
  read(value, path, issues) {
    const kind = isJsonObject(value) ? KINDS.find((known) => known === value['kind']) : undefined;
    if (kind !== undefined) return SHAPES[kind].read(value, path, issues);
    issues.push({ path, message: `expected a step of kind ${KINDS.join(', ')}, found another` });
    return undefined;
  },
};

const ceremony = object({
  schema: oneOf(['joinery/ceremony/1']),
  title: string({ minLength: 1, maxLength: 255 }),
  environment: name(),
  /** Authorities that are there already, and are those that the reviewers mean. */
  authorities: optional(
    array(object({ name: name(), fingerprint: string({ pattern: /^[0-9a-f]{64}$/, describe: 'a fingerprint in lower-case hex' }) })),
  ),
  steps: array(step, { minItems: 1, maxItems: 100 }),
});

export type Ceremony = Parsed<typeof ceremony>;

/** The published JSON Schema of a ceremony file. */
export function ceremonySchema(): JsonObject {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://joinery.dev/schema/ceremony-1.json',
    title: 'joinery key ceremony (joinery/ceremony/1)',
    ...ceremony.schema,
  };
}

/** What a step is called in messages: `step 2, intermediate issuing`. */
export function stepLabel(place: number, { kind, ...rest }: CeremonyStep): string {
  const who = 'name' in rest ? rest.name : rest.issuer;
  return `step ${place + 1}, ${kind} ${who}`;
}

/** @param what names the file. @throws ERR_CEREMONY_MALFORMED with every wrong path, or with the first step that makes no sense. */
export function parseCeremony(value: JsonValue, what: string): Ceremony {
  const document = parseDocument(ceremony, value, what, 'ERR_CEREMONY_MALFORMED');
  const known = new Set((document.authorities ?? []).map((authority) => authority.name));
  for (const [place, entry] of document.steps.entries()) {
    const problem = problemOf(entry, known);
    if (problem !== undefined) throw new JoineryError('ERR_CEREMONY_MALFORMED', `${what}: ${stepLabel(place, entry)}: ${problem}`);
    if (entry.kind === 'root' || entry.kind === 'intermediate') known.add(entry.name);
  }
  return document;
}

function problemOf(entry: CeremonyStep, known: ReadonlySet<string>): string | undefined {
  return namesProblem(entry, known) ?? timesProblem(entry);
}

function namesProblem(entry: CeremonyStep, known: ReadonlySet<string>): string | undefined {
  const makes = entry.kind === 'root' || entry.kind === 'intermediate';
  if (makes && known.has(entry.name)) return `expected a new name, found ${entry.name}`;
  const used = [...(entry.kind === 'root' ? [] : [entry.issuer]), ...(entry.kind === 'cross' ? [entry.name] : [])];
  const unknown = used.find((authority) => !known.has(authority));
  if (unknown !== undefined) return `expected an authority of an earlier step or under authorities, found ${unknown}`;
  return entry.kind === 'cross' && entry.name === entry.issuer ? 'expected another authority as issuer, found the same' : undefined;
}

function timesProblem(entry: CeremonyStep): string | undefined {
  const [from, to] = entry.kind === 'crl' ? [entry.this_update, entry.next_update] : [entry.not_before, entry.not_after];
  if (from >= to) return `expected an end after ${formatInstant(from)}, found ${formatInstant(to)}`;
  const twice = entry.kind === 'crl' && new Set(entry.revoked.map((revocation) => revocation.serial)).size < entry.revoked.length;
  return twice ? 'expected each serial number once, found one twice' : undefined;
}
