/** Files of policies and of their tests, for the commands about them. */
import type { PolicyFile, PolicyWorld } from '../app/check-policy.ts';
import { MAX_POLICY_BYTES, type ReadDocument } from '../app/load-policy.ts';
import { isJoineryError } from '../core/errors.ts';
import type { Files } from '../core/ports.ts';
import type { RealmConfig } from '../core/realm/config.ts';
import type { Context } from './context.ts';
import { nameOfInput, readInput } from './input.ts';

/** YAML and JSON alike. */
export const readDocument: ReadDocument = async (text, what) => (await import('../adapters/config-file.ts')).parseYaml(text, what);

export function policyWorld({ world: { clock } }: Context): PolicyWorld {
  return { clock, readDocument };
}

/** @throws ERR_FILE_*, ERR_INPUT_TOO_LARGE */
export async function policyFile(files: Pick<Files, 'read'>, path: string): Promise<PolicyFile> {
  return { bytes: await readInput(files, path, MAX_POLICY_BYTES), what: nameOfInput(path) };
}

/** The realm that is named or found; undefined where none is named and none is found: these commands work without. */
export async function realmIfAny(context: Context, named: boolean): Promise<Awaited<ReturnType<Context['location']>> | undefined> {
  try {
    return await context.location();
  } catch (error) {
    if (!named && isJoineryError(error, 'ERR_REALM_NOT_FOUND')) return undefined;
    throw error;
  }
}

/** The policy files that a configuration names, each once. */
export function configuredPolicies({ directory, config }: { readonly directory: string; readonly config: RealmConfig }): readonly string[] {
  const paths = config.clusters.flatMap(({ policy }) => policy ?? []);
  return [...new Set(paths.map((path) => (path.startsWith('/') ? path : `${directory}/${path}`)))];
}
