/** The commands of a line of shell, as words: enough of its grammar for what documents show. Substitutions count as commands, too. */
export function shellCommands(line: string): string[][] {
  const commands: string[][] = [];
  let words: string[] = [];
  let word: string | undefined;
  const endWord = () => {
    if (word !== undefined) words.push(word);
    word = undefined;
  };
  const endCommand = () => {
    endWord();
    if (words.length > 0) commands.push(withoutRedirections(words));
    words = [];
  };
  for (let at = 0; at < line.length; at++) {
    const char = line[at] as string;
    const two = line.slice(at, at + 2);
    if (char === "'") {
      const end = line.indexOf("'", at + 1);
      word = (word ?? '') + line.slice(at + 1, end);
      at = end;
    } else if (two === '$(' || two === '<(') {
      const end = closing(line, at + 1);
      commands.push(...shellCommands(line.slice(at + 2, end)));
      word = `${word ?? ''}$`;
      at = end;
    } else if (char === '"') word ??= '';
    else if (char === '\\') {
      word = (word ?? '') + (line[at + 1] ?? '');
      at += 1;
    } else if (/\s/.test(char) && !inQuotes(line, at)) endWord();
    else if (/[|;&]/.test(char) && !inQuotes(line, at)) endCommand();
    else if (char === '#' && word === undefined && !inQuotes(line, at)) break;
    else word = (word ?? '') + char;
  }
  endCommand();
  return commands;
}

/** Whether the place is inside of double quotes: an odd number of them before it. */
function inQuotes(line: string, at: number): boolean {
  return (
    line
      .slice(0, at)
      .replaceAll(/\\.|'[^']*'/g, '')
      .split('"').length %
      2 ===
    0
  );
}

/** Where the parenthesis that opens at a place is closed. */
function closing(line: string, at: number): number {
  for (let depth = 0, index = at; index < line.length; index++) {
    if (line[index] === '(') depth += 1;
    if (line[index] === ')') depth -= 1;
    if (depth === 0) return index;
  }
  return line.length;
}

/** Neither assignments before a command nor redirections are words of it. */
function withoutRedirections(words: readonly string[]): string[] {
  const first = words.findIndex((word) => !/^[A-Z_]+=/.test(word));
  const own = first === -1 ? [] : words.slice(first);
  return own.filter((word, index) => !/^\d?[<>]/.test(word) && !/^\d?(<|>>?)$/.test(own[index - 1] ?? ''));
}
