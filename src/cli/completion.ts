/** Completion scripts for bash, zsh and fish, written from the manifest: no command module runs while a person types. */

export interface CompletionCommand {
  /** Words of the command: `token mint`. */
  readonly words: readonly string[];
  readonly summary: string;
  /** Long flags without dashes. */
  readonly flags: readonly string[];
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completionScript(shell: Shell, commands: readonly CompletionCommand[]): string {
  if (shell === 'fish') return fish(commands);
  return shell === 'zsh' ? `#compdef joinery\nautoload -U +X bashcompinit && bashcompinit\n${bash(commands)}` : bash(commands);
}

/** For each prefix of a command (`` and `token`), the words that may follow. */
function branches(commands: readonly CompletionCommand[]): Map<string, Set<string>> {
  const next = new Map<string, Set<string>>();
  for (const { words } of commands) {
    for (const [index, word] of words.entries()) {
      const prefix = words.slice(0, index).join(' ');
      next.set(prefix, (next.get(prefix) ?? new Set()).add(word));
    }
  }
  return next;
}

function bash(commands: readonly CompletionCommand[]): string {
  const cases = [...branches(commands)].map(([prefix, words]) => `    "${prefix}") choices="${[...words].join(' ')}" ;;`);
  const leaves = commands.map(
    ({ words, flags }) => `    "${words.join(' ')}"*) choices="${flags.map((flag) => `--${flag}`).join(' ')}" ;;`,
  );
  return `_joinery() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" path="" choices="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      -*) ;;
      *) path="$path\${path:+ }\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path" in
${[...cases, ...leaves].join('\n')}
  esac
  case "$cur$choices" in
    -* | [!-]*) COMPREPLY=($(compgen -W "$choices" -- "$cur")) ;;
  esac
}
complete -o default -F _joinery joinery
`;
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function fish(commands: readonly CompletionCommand[]): string {
  const lines = [...branches(commands)].flatMap(([prefix, words]) =>
    [...words].map((word) => {
      const whole = commands.find((command) => command.words.join(' ') === `${prefix} ${word}`.trim());
      return `complete -c joinery -f -n ${quoted(`__joinery_at ${prefix}`.trim())} -a ${word}${whole ? ` -d ${quoted(whole.summary)}` : ''}`;
    }),
  );
  const flags = commands.flatMap(({ words, flags: names }) =>
    names.map((flag) => `complete -c joinery -n ${quoted(`__joinery_in ${words.join(' ')}`)} -l ${flag}`),
  );
  return `function __joinery_words
  commandline -opc | tail -n +2 | string match -v -- '-*'
end
function __joinery_at
  test (string join ' ' -- (__joinery_words)) = "$argv"
end
function __joinery_in
  string match -q -- "$argv*" (string join ' ' -- (__joinery_words))
end
${[...lines, ...flags].join('\n')}
`;
}
