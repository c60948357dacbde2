// docs/reference/commands.md: every command, from the manifest.
import { ENVIRONMENT, exitStatus, FILES, flagName, flagText, reference, synopsis } from './reference.js';

const cell = (text) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('*', '\\*').replaceAll('\n', ' ');
const code = (text) => `\`${text.replaceAll('|', '\\|')}\``;
const table = (header, rows) => [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
const flagTable = (flags) =>
  table(
    ['flag', 'meaning'],
    flags.map((flag) => [code(flagName(flag)), cell(flagText(flag))]),
  );
const anchor = (words) => `joinery-${words.replaceAll(' ', '-')}`;
const link = ({ words, summary }) => `[\`${words}\`](#${anchor(words)}): ${summary}`;

/** Flags that many commands share word for word are said once, at the top: [heading, group of the flags]. */
const SHARED = [
  ['Flags of every command', 'GLOBAL'],
  ['Flags of commands that open a realm', 'REALM'],
  ['Flags of commands that use keys of a realm', 'KEYS'],
];

/** The flags of a group as most commands have them. */
function sharedFlags(commands, group) {
  const counts = new Map();
  for (const flag of commands.flatMap(({ flags }) => flags).filter((flag) => flag.group === group)) {
    const key = flagName(flag) + flagText(flag);
    counts.set(key, { flag, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()].filter(({ count }) => count >= 10).map(({ flag }) => flag);
}

function section(command, shared) {
  const lines = [`### joinery ${command.words}`, '', `${command.summary}.`, ''];
  for (const text of command.paragraphs) lines.push(text, '');
  lines.push('```', synopsis(command), '```', '');
  if (command.args.length > 0) {
    lines.push(
      table(
        ['argument', 'meaning'],
        command.args.map((argument) => [code(argument.name), cell(flagText(argument))]),
      ),
      '',
    );
  }
  const known = new Map([...shared.values()].flat().map((flag) => [flagName(flag) + flagText(flag), flag]));
  const own = command.flags.filter((flag) => !known.has(flagName(flag) + flagText(flag)));
  if (own.length > 0) lines.push(flagTable(own), '');
  const also = SHARED.slice(1).flatMap(([heading, group]) => {
    const names = command.flags.filter((flag) => flag.group === group && known.has(flagName(flag) + flagText(flag)));
    return names.length > 0
      ? [`[${names.map(({ name }) => `\`--${name}\``).join(', ')}](#${heading.toLowerCase().replaceAll(' ', '-')})`]
      : [];
  });
  if (also.length > 0) lines.push(`Also ${also.join(', ')}.`, '');
  lines.push('```', ...command.examples, '```', '');
  return lines;
}

/** The page as Markdown. */
export function commandsPage(manifest, pjson) {
  const { commands, topics } = reference(manifest, pjson);
  const shared = new Map(SHARED.map(([heading, group]) => [heading, sharedFlags(commands, group)]));
  const top = topics.filter(({ words }) => !words.includes(' '));
  const alone = commands.filter(({ words }) => !words.includes(' '));
  const lines = [
    '# Commands',
    '',
    'Written by `npm run docs` from the commands; a test keeps the two equal, and every example on this page is parsed by it. The same is in the man pages (`man joinery`, `man joinery-token-mint`) and in `--help`.',
    '',
    ...alone.map((command) => `- ${link(command)}`),
    ...top.map(({ words, summary }) => `- [\`${words}\`](#${words}): ${summary}`),
    '',
    '## What all commands share',
    '',
    'The result goes to stdout and nothing else; progress, warnings and hints go to stderr. With `--json` stdout is one object: `{"schema": "joinery/token-mint/1", "ok": true, "data": {}, "warnings": []}`, or `{"ok": false, "error": {"code", "message", "hint", "details"}, "warnings": []}`. `-` in the place of a file is stdin or stdout. Nothing is asked where there is no terminal: an error names the flag that answers. No secret is ever an argument.',
    '',
  ];
  for (const [heading, flags] of shared) lines.push(`### ${heading}`, '', flagTable(flags), '');
  lines.push('### Exit status', '', table(['exit status', 'meaning'], exitStatus()), '', 'Each error has a code: [errors](errors.md).', '');
  lines.push(
    '### Environment',
    '',
    table(
      ['variable', 'meaning'],
      ENVIRONMENT.map(([name, text]) => [code(name), text]),
    ),
    '',
  );
  lines.push(
    '### Files',
    '',
    table(
      ['path', 'what it is'],
      FILES.map(([name, text]) => [code(name), text]),
    ),
    '',
    'All of them: [files](formats.md).',
    '',
  );
  lines.push('## Commands without a topic', '', ...alone.flatMap((command) => section(command, shared)));
  for (const topic of top) {
    lines.push(`## ${topic.words}`, '', `${topic.summary}.`, '', ...topic.commands.map((command) => `- ${link(command)}`), '');
    lines.push(...topic.commands.flatMap((command) => section(command, shared)));
  }
  return `${lines.join('\n').trimEnd()}\n`;
}
