/** The files that are rendered for nodes, as they lie in `templates/` beside the program, or inside the single executable. */
import { readdir, readFile } from 'node:fs/promises';
import { decodeUtf8 } from '../core/encoding.ts';
import { fileError } from '../core/file-error.ts';
import { AGENT_TEMPLATES } from '../core/onboarding/agent-files.ts';
import { embeddedFile, embeddedNames } from './embedded-files.ts';

/** @param name of a file in `templates/`. @throws ERR_FILE_NOT_FOUND when the installation is incomplete. */
export async function readTemplate(name: string): Promise<Uint8Array> {
  try {
    // The same two steps up from src/adapters and from dist/adapters.
    return embeddedFile(`templates/${name}`) ?? (await readFile(new URL(`../../templates/${name}`, import.meta.url)));
  } catch (error) {
    throw fileError(error, `templates/${name}`);
  }
}

/** Names of the files in a directory of `templates/`, sorted. @throws ERR_FILE_NOT_FOUND when the installation is incomplete. */
export async function listTemplates(directory: string): Promise<readonly string[]> {
  try {
    const names = embeddedNames(`templates/${directory}`) ?? (await readdir(new URL(`../../templates/${directory}/`, import.meta.url)));
    return names.toSorted();
  } catch (error) {
    throw fileError(error, `templates/${directory}`);
  }
}

/** The texts that the agent's files are made from. @throws ERR_FILE_NOT_FOUND when the installation is incomplete. */
export async function readAgentTemplates(): Promise<ReadonlyMap<string, string>> {
  const names = [...new Set(AGENT_TEMPLATES.map(({ template }) => template))];
  return new Map(await Promise.all(names.map(async (name) => [name, decodeUtf8(await readTemplate(name), name)] as const)));
}
