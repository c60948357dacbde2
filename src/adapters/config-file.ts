/** Finds and reads `joinery.yaml` with cosmiconfig: JSON and YAML only, nothing executable, no walk above the project or home. */
import type { Stats } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { JsonValue } from '../core/canonical-json.ts';
import { JoineryError } from '../core/errors.ts';
import { type RealmConfig, parseRealmConfig } from '../core/realm/config.ts';
import { fileError } from '../core/file-error.ts';

export const CONFIG_FILES = ['joinery.yaml', 'joinery.yml', 'joinery.json'];
const MAX_CONFIG_CHARACTERS = 1024 * 1024;
const MAX_DEPTH = 64;

export interface FoundConfig {
  /** Directory of the realm: where the configuration file lies. */
  readonly directory: string;
  readonly config: RealmConfig;
}

/** YAML 1.2 core schema, one document, no duplicate keys, no tags of its own, aliases bounded. @throws ERR_CONFIG_MALFORMED, ERR_INPUT_TOO_LARGE */
export function parseYaml(text: string, what: string): Promise<JsonValue> {
  return parseVersion(text, what, '1.2');
}

/** Of YAML 1.1: JSON holds no dates, and members that another place adds are not where they seem. */
const LEFT_OUT = ['tag:yaml.org,2002:timestamp', 'tag:yaml.org,2002:merge'];

/**
 * The same by YAML 1.1, as cloud-init reads its configuration: there `off` is false, and 0644 is octal. Dates stay text, and `<<` a name.
 * @throws ERR_CONFIG_MALFORMED, ERR_INPUT_TOO_LARGE
 */
export function parseCloudYaml(text: string, what: string): Promise<JsonValue> {
  return parseVersion(text, what, '1.1');
}

async function parseVersion(text: string, what: string, version: '1.1' | '1.2'): Promise<JsonValue> {
  const { parseDocument } = await import('yaml');
  if (text.length > MAX_CONFIG_CHARACTERS) {
    throw new JoineryError('ERR_INPUT_TOO_LARGE', `${what}: expected at most ${MAX_CONFIG_CHARACTERS} characters, found ${text.length}`);
  }
  try {
    const document = parseDocument(text, {
      uniqueKeys: true,
      version,
      merge: false,
      logLevel: 'error',
      customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !LEFT_OUT.includes(tag.tag)),
    });
    // A warning is a tag that the schema does not know, whose value another reader could take for something else.
    const [problem] = [...document.errors, ...document.warnings];
    if (problem !== undefined) throw problem;
    if (document.directives?.yaml.explicit === true) throw new Error('a %YAML directive, which could change what the text means');
    const value = document.toJS({ maxAliasCount: 20 }) as JsonValue;
    assertJson(value, MAX_DEPTH);
    return value;
  } catch (cause) {
    const first = (cause as Error).message.split('\n')[0];
    throw new JoineryError('ERR_CONFIG_MALFORMED', `${what}: expected YAML, found an error: ${first}`, { cause });
  }
}

/** YAML can say more than JSON: infinite numbers, bytes, and a value that holds itself. */
function assertJson(value: unknown, depth: number): void {
  if (depth < 0) throw new Error(`more than ${MAX_DEPTH} levels of nesting`);
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return;
  const plain = Array.isArray(value) || (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype);
  if (!plain) throw new Error('a value that JSON cannot hold');
  for (const member of Object.values(value as object)) assertJson(member, depth - 1);
}

/** The configuration in exactly this directory. @returns undefined when there is none. */
async function configIn(
  directory: string,
  assertAllowed: (path: string) => Promise<unknown> = plainFile,
): Promise<FoundConfig | undefined> {
  const { cosmiconfig } = await import('cosmiconfig');
  // The document is wrapped: cosmiconfig would obey a top-level `$import` and read other files.
  const load = async (path: string, text: string) => ({ document: await parseYaml(text, path) });
  const explorer = cosmiconfig('joinery', {
    searchPlaces: CONFIG_FILES,
    loaders: { '.yaml': load, '.yml': load, '.json': load },
    searchStrategy: 'none',
    cache: false,
  });
  for (const name of CONFIG_FILES) {
    const path = join(directory, name);
    await assertAllowed(path);
    // search() passes over what it may not read; load() says so.
    const result = await explorer.load(path).catch((error: unknown) => absentOrThrow(error, path));
    if (result) return { directory, config: parseRealmConfig(documentOf(result.config), path) };
  }
  return undefined;
}

/** cosmiconfig reads whatever there is to its end: a pipe has none, a device may have no end. @returns undefined where nothing is */
async function plainFile(path: string): Promise<Stats | undefined> {
  const found = await stat(path).catch((error: unknown) => absentOrThrow(error, path));
  if (found === undefined || found.isFile()) return found;
  throw new JoineryError('ERR_FILE_ACCESS', `${path}: expected a file, found something else`);
}

/**
 * A realm that nobody named is one that somebody put there: its configuration can name programs (`identity_provider.exec`, `alerts.exec`), which
 * would run as whoever came by.
 */
async function assertOwn(path: string): Promise<void> {
  const found = await plainFile(path);
  const own = process.getuid?.();
  if (found === undefined || own === undefined) return;
  const { uid } = await lstat(path);
  const foreign = [uid, found.uid].find((user) => user !== own && user !== 0);
  if (foreign === undefined && (found.mode & 0o002) === 0) return;
  const what = foreign === undefined ? 'one that everybody may write' : `one of user ${foreign}`;
  throw new JoineryError('ERR_CONFIG_FOREIGN', `${path}: expected a file of user ${own} or root, found ${what}`, {
    hint: `its programs would run as you: if you trust it, name it with --realm ${dirname(path)}`,
  });
}

function documentOf(config: unknown): JsonValue {
  return (config as { document?: JsonValue } | undefined)?.document ?? null;
}

function absentOrThrow(error: unknown, path: string): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  if (error instanceof JoineryError) throw error;
  throw fileError(error, path);
}

/** The text of a new `joinery.yaml`. */
export async function renderConfig(config: RealmConfig): Promise<string> {
  const { stringify } = await import('yaml');
  return `# The realm's configuration: environment, trust domain, clusters and roles. Its JSON Schema ships as docs/schema/realm-config-1.json.\n${stringify(config)}`;
}

/** Reads the configuration of the realm in `directory`. @throws ERR_REALM_NOT_FOUND, ERR_CONFIG_MALFORMED */
export async function loadConfig(directory: string): Promise<FoundConfig> {
  const result = await configIn(resolve(directory));
  if (result !== undefined) return result;
  throw new JoineryError('ERR_REALM_NOT_FOUND', `expected ${CONFIG_FILES[0]} in ${directory}, found none`, {
    hint: 'create a realm with: joinery init --realm DIR --environment NAME --domain DOMAIN',
    details: { directory },
  });
}

/**
 * Looks for a configuration in `from` and, below the home directory, in its parents up to home.
 * @throws ERR_REALM_NOT_FOUND, ERR_CONFIG_FOREIGN, ERR_CONFIG_MALFORMED
 */
export async function findConfig(from: string): Promise<FoundConfig> {
  const last = lastDirectory(resolve(from));
  for (let directory = resolve(from); ; directory = dirname(directory)) {
    const result = await configIn(directory, assertOwn);
    if (result !== undefined) return result;
    if (directory === last) break;
  }
  throw new JoineryError(
    'ERR_REALM_NOT_FOUND',
    `expected ${CONFIG_FILES[0]} in ${from}${last === resolve(from) ? '' : ' or above it, up to home'}, found none`,
    {
      hint: 'name the realm with --realm DIR or JOINERY_REALM, or create one with: joinery init --environment NAME --domain DOMAIN',
    },
  );
}

/** Below home the walk ends at home; elsewhere there is no walk, so that another user's joinery.yaml in a shared parent is never adopted. */
function lastDirectory(from: string): string {
  const home = resolve(homedir());
  return from === home || from.startsWith(`${home}/`) ? home : from;
}
