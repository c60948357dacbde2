/** What completion scripts are made from: the commands of the manifest. No command module runs while a person types. */

export interface CompletionFlag {
  /** Without dashes. */
  readonly name: string;
  readonly summary: string;
  /** One of a few words, a file, anything else, or nothing at all. */
  readonly value: 'choice' | 'file' | 'text' | 'none';
  /** For `choice`. */
  readonly choices: readonly string[];
  readonly repeatable: boolean;
}

export interface CompletionCommand {
  /** Words of the command: `token`, `mint`. */
  readonly words: readonly string[];
  readonly summary: string;
  readonly flags: readonly CompletionFlag[];
}

/** What the manifest says of a flag. */
export interface FlagEntry {
  readonly name: string;
  readonly description?: string | undefined;
  readonly type: string;
  readonly options?: readonly string[] | undefined;
  readonly helpValue?: string | readonly string[] | undefined;
  readonly multiple?: boolean | undefined;
}

export function completionFlag(flag: FlagEntry): CompletionFlag {
  const choices = flag.options ?? [];
  const names = [flag.helpValue ?? []].flat().flatMap((value) => value.split('|'));
  const file = names.some((name) => /^(FILE|DIR|PATH)/.test(name));
  const value = flag.type === 'boolean' ? 'none' : choices.length > 0 ? 'choice' : file ? 'file' : 'text';
  return { name: flag.name, summary: flag.description ?? '', value, choices, repeatable: flag.multiple === true };
}

/** A word that may come next, and what it is. */
export interface Choice {
  readonly word: string;
  readonly summary: string;
}

/**
 * For each beginning of a command (`` and `token`), the words that may follow.
 *
 * @param topics what topics are about, by `:`-joined name.
 */
export function branches(
  commands: readonly CompletionCommand[],
  topics: Readonly<Record<string, { readonly description?: string | undefined }>>,
): Map<string, readonly Choice[]> {
  const next = new Map<string, Map<string, Choice>>();
  for (const { words, summary } of commands) {
    for (const [index, word] of words.entries()) {
      const prefix = words.slice(0, index).join(' ');
      const whole = index === words.length - 1;
      const choices = next.get(prefix) ?? new Map<string, Choice>();
      const about = whole ? summary : (topics[words.slice(0, index + 1).join(':')]?.description ?? '');
      next.set(prefix, choices.set(word, { word, summary: about }));
    }
  }
  return new Map([...next].map(([prefix, choices]) => [prefix, [...choices.values()]]));
}
