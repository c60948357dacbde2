import type { Choice, CompletionCommand, CompletionFlag } from './model.ts';

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Works as a file of `fpath`, where zsh calls it, and where it is sourced. */
export function zshScript(commands: readonly CompletionCommand[], next: ReadonlyMap<string, readonly Choice[]>): string {
  const topics = [...next].map(([prefix, choices]) => {
    const rows = choices.map(({ word, summary }) => quoted(`${word}:${summary.replaceAll(':', '\\:')}`));
    return `    ${quoted(prefix)}) choices=(${rows.join(' ')}); _describe -t commands 'joinery command' choices ;;`;
  });
  const leaves = commands.map(({ words, flags }) => {
    const path = words.join(' ');
    return `    ${quoted(path)} | ${quoted(`${path} `)}*) _arguments ${flags.map(argument).join(' ')} '*:file:_files' ;;`;
  });
  return `#compdef joinery
# zsh completion for joinery, written by: joinery completion zsh
_joinery() {
  local at='' word
  local -a choices
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ $word == -* ]] || at="$at\${at:+ }$word"
  done
  case $at in
${[...topics, ...leaves].join('\n')}
  esac
}
if [[ $funcstack[1] == _joinery ]]; then _joinery "$@"; else compdef _joinery joinery; fi
`;
}

/** The specification of a flag for _arguments. */
function argument({ name, summary, value, choices, repeatable }: CompletionFlag): string {
  const escaped = summary.replaceAll(/[\\[\]:]/g, '\\$&');
  const values = { none: '', choice: `:value:(${choices.join(' ')})`, file: ':file:_files', text: ':value: ' };
  return quoted(`${repeatable ? '*' : ''}--${name}${value === 'none' ? '' : '='}[${escaped}]${values[value]}`);
}
