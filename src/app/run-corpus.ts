/** Tries this very program on public suites of vectors that the user has in a directory. */
import { JoineryError } from '../core/errors.ts';
import type { VerifyJws, VerifySignature } from '../core/key-ports.ts';
import type { Clock, Files } from '../core/ports.ts';
import { isLimbo, readLimbo, tryLimbo } from '../core/selftest/limbo.ts';
import { PKITS_ANCHOR, type PkitsFile, readPkits } from '../core/selftest/pkits.ts';
import type { Primitives } from '../core/selftest/primitives.ts';
import { corpusError } from '../core/selftest/shape.ts';
import { addCounts, type Counts, reportSuite, type SuiteReport, type Trial } from '../core/selftest/trial.ts';
import { isWycheproof, readWycheproof } from '../core/selftest/wycheproof.ts';
import { formatDuration, type Seconds } from '../core/time.ts';

export interface CorpusWorld {
  readonly files: Pick<Files, 'list' | 'read' | 'stat'>;
  readonly clock: Clock;
  readonly verifySignature: VerifySignature;
  readonly verifyJws: VerifyJws;
  readonly primitives: Primitives;
}

export interface CorpusInput {
  readonly directory: string;
  readonly maxTime: Seconds;
  /** Told how far it is. */
  say(label: string): void;
}

export interface CorpusReport {
  readonly suites: readonly SuiteReport[];
  readonly counts: Counts;
}

/** All of x509-limbo with BetterTLS is some 50 MB. */
const MAX_JSON_BYTES = 256 * 1024 * 1024;
const MAX_DER_BYTES = 1024 * 1024;
const MAX_DEPTH = 8;
const MAX_FILES = 20_000;

type Runs = readonly { run(): Trial | Promise<Trial> }[];
interface Suite {
  readonly name: string;
  /** Relative to the directory. */
  readonly file: string;
  readonly runs: Runs;
}

/**
 * @throws ERR_CORPUS_NOT_FOUND when no file is of a suite that is known, ERR_CORPUS_MALFORMED, ERR_CORPUS_TIMEOUT, ERR_INPUT_TOO_LARGE and
 *   what reading throws.
 */
export async function runCorpus(world: CorpusWorld, input: CorpusInput): Promise<CorpusReport> {
  const deadline = world.clock.now() + input.maxTime;
  const suites: SuiteReport[] = [];
  for (const entry of await listFiles(world, input.directory)) {
    const suite = await openSuite(world, input.directory, entry);
    if (suite === undefined) continue;
    // None disagrees where there are none: a file that lost its cases must not pass.
    if (suite.runs.length === 0) throw corpusError(suite.file, 'cases');
    input.say(`${suite.name} ${suite.file}`);
    const trials: Trial[] = [];
    for (const { run } of suite.runs) {
      if (world.clock.now() > deadline) throw tooSlow(suite, trials.length, input.maxTime);
      trials.push(await run());
    }
    suites.push(reportSuite(suite.name, suite.file, trials));
  }
  if (suites.length === 0) throw notFound(input.directory);
  return { suites, counts: addCounts(suites.map(({ counts }) => counts)) };
}

/** Paths relative to the directory, in order; symbolic links are not followed. */
async function listFiles({ files }: CorpusWorld, directory: string): Promise<readonly string[]> {
  const found: string[] = [];
  const walk = async (below: string, depth: number): Promise<void> => {
    for (const name of await files.list(`${directory}${below}`)) {
      const path = `${below}/${name}`;
      const kind = (await files.stat(`${directory}${path}`))?.kind;
      if (kind === 'directory' && depth < MAX_DEPTH && !name.startsWith('.')) await walk(path, depth + 1);
      if (kind === 'file') found.push(path);
      if (found.length > MAX_FILES)
        throw new JoineryError('ERR_INPUT_TOO_LARGE', `${directory}: expected at most ${MAX_FILES} files, found more`);
    }
  };
  await walk('', 0);
  return found.map((path) => path.slice(1));
}

async function openSuite(world: CorpusWorld, directory: string, file: string): Promise<Suite | undefined> {
  if (file === PKITS_ANCHOR || file.endsWith(`/${PKITS_ANCHOR}`)) return openPkits(world, directory, file);
  if (!file.endsWith('.json')) return undefined;
  const document = parse(new TextDecoder().decode(await world.files.read(`${directory}/${file}`, MAX_JSON_BYTES)), file);
  if (isLimbo(document)) {
    const limbo = { verifySignature: world.verifySignature, now: world.clock.now() };
    return { name: 'x509-limbo', file, runs: readLimbo(document, file).map((entry) => ({ run: () => tryLimbo(entry, limbo) })) };
  }
  return isWycheproof(document) ? { name: 'wycheproof', file, runs: readWycheproof(document, file, world) } : undefined;
}

/** A document that is damaged is an error where it says that it is a suite; other files of a directory are nobody's business. */
function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (!/"(?:testGroups|testcases)"/.test(text)) return undefined;
    throw new JoineryError('ERR_CORPUS_MALFORMED', `${file}: expected JSON, found a damaged file`, { cause });
  }
}

/** The lists lie beside the certificates. */
async function openPkits(world: CorpusWorld, directory: string, file: string): Promise<Suite> {
  const certs = file.slice(0, -PKITS_ANCHOR.length).replace(/\/$/, '');
  const crls = `${certs}/../crls`.replace(/(?:^|[^/]+\/)\.\.\//, '');
  const runs = readPkits(
    await readAll(world, `${directory}/${certs}`, '.crt'),
    await readAll(world, `${directory}/${crls}`, '.crl'),
    world.verifySignature,
  );
  return { name: 'NIST PKITS', file: certs, runs };
}

async function readAll({ files }: CorpusWorld, directory: string, ending: string): Promise<readonly PkitsFile[]> {
  const names = (await files.list(directory)).filter((name) => name.endsWith(ending));
  return Promise.all(names.map(async (name) => ({ name, bytes: await files.read(`${directory}/${name}`, MAX_DER_BYTES) })));
}

function notFound(directory: string): JoineryError {
  return new JoineryError('ERR_CORPUS_NOT_FOUND', `${directory}: expected a suite of vectors, found none`, {
    hint: "known are x509-limbo's limbo.json, Wycheproof's JSON files, and NIST PKITS (certs and crls)",
  });
}

function tooSlow(suite: Suite, done: number, maxTime: Seconds): JoineryError {
  return new JoineryError(
    'ERR_CORPUS_TIMEOUT',
    `${suite.file}: expected to be finished in ${formatDuration(maxTime)}, found ${done} of ${suite.runs.length} cases done`,
    { hint: 'give it more time with --max-time, or try one suite at a time' },
  );
}
