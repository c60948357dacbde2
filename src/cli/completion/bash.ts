import type { Choice, CompletionCommand } from './model.ts';

/** Completion of commands, flags and the values of flags, for bash 4 and newer. */
export function bashScript(commands: readonly CompletionCommand[], next: ReadonlyMap<string, readonly Choice[]>): string {
  const topics = [...next].map(([prefix, choices]) => `    "${prefix}") choices="${choices.map(({ word }) => word).join(' ')}" ;;`);
  const flags = commands.map(({ words, flags: own }) => {
    const path = words.join(' ');
    return `    "${path}" | "${path} "*) flags="${own.map(({ name }) => `--${name}`).join(' ')}" ;;`;
  });
  const values = commands.flatMap(({ words, flags: own }) => own.flatMap((flag) => valueCase(words.join(' '), flag)));
  return `# bash completion for joinery, written by: joinery completion bash
_joinery() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD - 1]}" at="" choices="" flags="" value="" i
  # bash takes "--flag=value" apart.
  if [[ $prev == "=" ]]; then prev="\${COMP_WORDS[COMP_CWORD - 2]}"; elif [[ $cur == "=" ]]; then cur=""; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      -* | =) ;;
      *) at="$at\${at:+ }\${COMP_WORDS[i]}" ;;
    esac
  done
  COMPREPLY=()
  case "$at" in
${topics.join('\n')}
  esac
  case "$at" in
${flags.join('\n')}
  esac
  case "$prev $at " in
${values.join('\n')}
  esac
  case "$value" in
    "") ;;
    FILE) return ;;
    TEXT) compopt +o default 2>/dev/null; return ;;
    *) COMPREPLY=($(compgen -W "$value" -- "$cur")); return ;;
  esac
  if [[ -n $choices ]]; then
    COMPREPLY=($(compgen -W "$choices" -- "$cur"))
  elif [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
  fi
}
complete -o default -F _joinery joinery
`;
}

function valueCase(path: string, { name, value, choices }: CompletionCommand['flags'][number]): string[] {
  if (value === 'none') return [];
  return [`    "--${name} ${path} "*) value="${value === 'choice' ? choices.join(' ') : value.toUpperCase()}" ;;`];
}
