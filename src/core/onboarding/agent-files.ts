/**
 * What of the agent a package puts on a node: templates (files of `templates/`), where each lies, its mode, and what is run once, last.
 * The list is all that rendering knows of the agent: to ship another file, add a row.
 *
 * In `path`, and in the text of a template, these are replaced by values that are harmless in a shell, a unit file and a path (values.ts):
 * `@NODE_DIR@` the node directory, `@ENV_FILE@` its joinery.env, `@ENV_PREFIX@` what the names in it start with, `@SERVICE@` the name of
 * the join service (units are `@SERVICE@.service`, ...), `@AGENT@` the executable that joins (the script, or the joinery binary),
 * `@PROGRAM@` where the joinery binary is, if it is on the node.
 */
import { JoineryError } from '../errors.ts';
import { utf8 } from '../encoding.ts';
import { compact } from './compact.ts';
import type { Onboarding } from './model.ts';
import { type AgentKind, DEFAULT_SERVICE } from './values.ts';

export interface AgentTemplate {
  /** Name of a file in `templates/`. */
  readonly template: string;
  /** Absolute, with the placeholders above. */
  readonly path: string;
  readonly mode: 0o644 | 0o755;
  /** Which agents need it. */
  readonly agents: readonly AgentKind[];
}

const ANY_AGENT: readonly AgentKind[] = ['script', 'binary'];

/** With the binary, the script still tells the consumers of a new identity: `join-agent reload`. */
export const AGENT_TEMPLATES: readonly AgentTemplate[] = [
  { template: 'join-agent.sh', path: '@NODE_DIR@/bin/join-agent', mode: 0o755, agents: ANY_AGENT },
  { template: 'service/enable-agent.sh', path: '@NODE_DIR@/bin/enable-agent', mode: 0o755, agents: ANY_AGENT },
  { template: 'service/join.service', path: '@NODE_DIR@/service/@SERVICE@.service', mode: 0o644, agents: ANY_AGENT },
  { template: 'service/renew.service', path: '@NODE_DIR@/service/@SERVICE@-renew.service', mode: 0o644, agents: ANY_AGENT },
  { template: 'service/renew.timer', path: '@NODE_DIR@/service/@SERVICE@-renew.timer', mode: 0o644, agents: ANY_AGENT },
  { template: 'service/join.initd', path: '@NODE_DIR@/service/@SERVICE@.initd', mode: 0o755, agents: ANY_AGENT },
  { template: 'service/renew-hourly.sh', path: '@NODE_DIR@/service/renew-hourly', mode: 0o755, agents: ANY_AGENT },
];

/** What is run once as root after all files are written and the trust is checked; words with placeholders, no shell between them. */
const AGENT_COMMANDS: readonly (readonly string[])[] = [['sh', '@NODE_DIR@/bin/enable-agent']];

/** Where the joinery executable of `--agent binary` lies, unless the image has it at another place. */
export const BINARY_PATH = '@NODE_DIR@/bin/joinery';
const SCRIPT_PATH = '@NODE_DIR@/bin/join-agent';

type Facts = Pick<Onboarding, 'directory' | 'env_prefix' | 'agent' | 'agent_path' | 'service'>;

/** @returns the text with every placeholder replaced. */
export function fillPlaceholders(text: string, onboarding: Facts): string {
  const program = onboarding.agent_path ?? BINARY_PATH.replace('@NODE_DIR@', onboarding.directory);
  const values: Readonly<Record<string, string>> = {
    NODE_DIR: onboarding.directory,
    ENV_FILE: `${onboarding.directory}/joinery.env`,
    ENV_PREFIX: onboarding.env_prefix,
    SERVICE: onboarding.service ?? DEFAULT_SERVICE,
    AGENT: onboarding.agent === 'binary' ? program : SCRIPT_PATH.replace('@NODE_DIR@', onboarding.directory),
    PROGRAM: program,
  };
  return text.replaceAll(/@(NODE_DIR|ENV_FILE|ENV_PREFIX|SERVICE|AGENT|PROGRAM)@/g, (_, name: string) => values[name] as string);
}

/** Paths and modes of the agent's files for this package; empty without an agent. */
export function agentFileModes(onboarding: Facts, templates = AGENT_TEMPLATES): readonly (readonly [path: string, mode: number])[] {
  const { agent } = onboarding;
  if (agent === undefined) return [];
  const chosen = templates.filter(({ agents }) => agents.includes(agent));
  const files = chosen.map(({ path, mode }) => [fillPlaceholders(path, onboarding), mode] as const);
  return agent === 'binary' && onboarding.agent_path === undefined ? [...files, [fillPlaceholders(BINARY_PATH, onboarding), 0o755]] : files;
}

export function agentCommands(onboarding: Facts, commands = AGENT_COMMANDS): readonly (readonly string[])[] {
  return onboarding.agent === undefined ? [] : commands.map((words) => words.map((word) => fillPlaceholders(word, onboarding)));
}

/** The bytes that files of the agent are made from: texts of templates by name, and the executable of `--agent binary`. */
export interface AgentSources {
  readonly templates: ReadonlyMap<string, string>;
  readonly binary?: Uint8Array;
}

/** Content by path for {@link agentFileModes}. @throws ERR_FILE_NOT_FOUND for a template that is not there */
export function agentContents(
  onboarding: Facts,
  { templates: texts, binary }: AgentSources,
  templates = AGENT_TEMPLATES,
): ReadonlyMap<string, Uint8Array> {
  const { agent } = onboarding;
  const contents = new Map<string, Uint8Array>();
  for (const { template, path, agents } of templates) {
    if (agent === undefined || !agents.includes(agent)) continue;
    const text = texts.get(template);
    if (text === undefined) throw new JoineryError('ERR_FILE_NOT_FOUND', `templates/${template}: expected a file, found none`);
    contents.set(fillPlaceholders(path, onboarding), utf8(fillPlaceholders(compact(text), onboarding)));
  }
  if (binary !== undefined) contents.set(fillPlaceholders(BINARY_PATH, onboarding), binary);
  return contents;
}
