import { bashScript } from './bash.ts';
import { fishScript } from './fish.ts';
import { branches, completionFlag, type FlagEntry } from './model.ts';
import { zshScript } from './zsh.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

const WRITERS = { bash: bashScript, zsh: zshScript, fish: fishScript };

/** What the manifest says of a command. */
export interface CommandEntry {
  readonly id: string;
  readonly summary?: string | undefined;
  readonly flags: Readonly<Record<string, FlagEntry>>;
}

/** @param topics what topics are about, by name (`token:keys`). */
export function completionScript(
  shell: Shell,
  entries: readonly CommandEntry[],
  topics: Readonly<Record<string, { readonly description?: string | undefined }>>,
): string {
  const commands = entries.map(({ id, summary, flags }) => ({
    words: id.split(':'),
    summary: summary ?? '',
    flags: Object.values(flags).map(completionFlag),
  }));
  return WRITERS[shell](commands, branches(commands, topics));
}
