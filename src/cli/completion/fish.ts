import type { Choice, CompletionCommand, CompletionFlag } from './model.ts';

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

export function fishScript(commands: readonly CompletionCommand[], next: ReadonlyMap<string, readonly Choice[]>): string {
  const lines = [...next].flatMap(([prefix, choices]) =>
    choices.map(
      ({ word, summary }) => `complete -c joinery -f -n ${quoted(`__joinery_at ${prefix}`.trim())} -a ${word} -d ${quoted(summary)}`,
    ),
  );
  const flags = commands.flatMap(({ words, flags: own }) =>
    own.map(
      (flag) =>
        `complete -c joinery -n ${quoted(`__joinery_in ${words.join(' ')}`)} -l ${flag.name}${value(flag)} -d ${quoted(flag.summary)}`,
    ),
  );
  return `# fish completion for joinery, written by: joinery completion fish
function __joinery_words
  commandline -opc | tail -n +2 | string match -v -- '-*'
end
function __joinery_at
  set -l words (__joinery_words)
  test "$words" = "$argv"
end
function __joinery_in
  set -l words (__joinery_words)
  string match -q -- "$argv *" "$words "
end
${[...lines, ...flags].join('\n')}
`;
}

function value({ value, choices }: CompletionFlag): string {
  return { none: '', choice: ` -x -a ${quoted(choices.join(' '))}`, file: ' -r -F', text: ' -x' }[value];
}
