// The man pages: joinery(1), one for each topic and one for each command, from the manifest.
import { ENVIRONMENT, exitStatus, FILES, flagName, flagText, reference, synopsis } from './reference.js';
import { bold, escape, heading, literal, paragraph, prose, subheading, tagged, title } from './roff.js';

/** Headings of the groups of flags, in their order; other groups come after the first, under their own names. */
const GROUPS = { '': 'Flags', REALM: 'The realm', KEYS: 'Keys', STATELESS: 'Without a realm', GLOBAL: 'Flags of every command' };

const pageName = (words) => `joinery-${words.replaceAll(' ', '-')}`;
const sentence = (text) => (/[.!?]$/.test(text) ? text : `${text}.`);
/** A heading begins a paragraph by itself. */
const section = (name, [first, ...rest]) => (first === undefined ? [] : [heading(name), first.replace(/^\.PP\n/, ''), ...rest]);
const list = (rows) => rows.map(([term, text]) => tagged(String(term), sentence(text)));
const used = (rows, command) => rows.filter(([, , reads]) => reads(command));
const seeAlso = (names) => section('SEE ALSO', [paragraph(names.map((name) => `${bold(name)}(1)`).join(',\n'))]);

function page(name, about, summary, parts) {
  const header = title(name.toUpperCase(), '1', about.date, `joinery ${about.version}`, 'joinery');
  return `${[header, heading('NAME'), `${escape(name)} \\- ${escape(summary)}`, ...parts].join('\n')}\n`;
}

/** Flags by their groups, those of the command first. */
function flagParts(flags) {
  const order = ['', ...new Set(flags.map(({ group }) => group).filter((group) => !(group in GROUPS))), ...Object.keys(GROUPS).slice(1)];
  const groups = order.filter((group) => flags.some((flag) => flag.group === group));
  return groups.flatMap((group) => [
    ...(groups.length > 1 ? [subheading(GROUPS[group] ?? group[0] + group.slice(1).toLowerCase())] : []),
    ...flags.filter((flag) => flag.group === group).map((flag) => tagged(flagName(flag), sentence(flagText(flag)))),
  ]);
}

function commandPage(command, about) {
  const topic = command.words.split(' ').slice(0, -1);
  const paragraphs = command.paragraphs.length > 0 ? command.paragraphs : [command.summary];
  return page(pageName(command.words), about, command.summary, [
    ...section('SYNOPSIS', [paragraph(bold(synopsis(command)))]),
    ...section(
      'DESCRIPTION',
      paragraphs.map((text) => paragraph(prose(sentence(text)))),
    ),
    ...section('ARGUMENTS', list(command.args.map((argument) => [argument.name, flagText(argument)]))),
    ...section('OPTIONS', flagParts(command.flags)),
    ...section('EXIT STATUS', list(exitStatus())),
    ...section('ENVIRONMENT', list(used(ENVIRONMENT, command))),
    ...section('FILES', list(used(FILES, command))),
    ...section('EXAMPLES', [literal(command.examples)]),
    ...seeAlso(['joinery', ...topic.map((_, at) => pageName(topic.slice(0, at + 1).join(' ')))]),
  ]);
}

function topicPage(topic, about) {
  return page(pageName(topic.words), about, topic.summary, [
    ...section('SYNOPSIS', [paragraph(`${bold(`joinery ${topic.words}`)} COMMAND`)]),
    ...section('DESCRIPTION', [paragraph(prose(sentence(topic.summary)))]),
    ...section('COMMANDS', list(topic.commands.map(({ words, summary }) => [`joinery ${words}`, summary]))),
    ...seeAlso(['joinery', ...topic.commands.map(({ words }) => pageName(words))]),
  ]);
}

const ABOUT = [
  'joinery creates certificate authorities, mints and verifies join tokens, publishes signed versions of trust bundles, and renders onboarding packages that tell a bare node whom to trust and let it prove that it was invited. Only the commands that talk to a server need a network. Everything that joinery decides is in an audit log that shows any change.',
  'A realm is a directory with authorities, keys and state: **joinery init** makes one. **joinery demo** walks the whole way once.',
];
const ENVELOPE = [
  '{"schema": "joinery/token-mint/1", "ok": true, "data": {}, "warnings": []}',
  '{"ok": false, "error": {"code", "message", "hint", "details"}, "warnings": []}',
];
const FIRST_STEPS = [
  'joinery demo',
  'joinery init --environment lab --domain lab.example --cluster prod --roles worker',
  'joinery ca create node-root',
];

function mainPage({ commands, topics }, about) {
  const top = topics.filter(({ words }) => !words.includes(' '));
  const alone = commands.filter(({ words }) => !words.includes(' '));
  const global = commands[0].flags.filter(({ group }) => group === 'GLOBAL');
  return page('joinery', about, about.description, [
    ...section('SYNOPSIS', [
      paragraph(`${bold('joinery')} [TOPIC] COMMAND [ARGUMENT ...] [FLAG ...]`),
      paragraph(`${bold('joinery')} [TOPIC] [COMMAND] ${bold('--help')}`),
    ]),
    ...section(
      'DESCRIPTION',
      ABOUT.map((text) => paragraph(prose(text))),
    ),
    ...section('COMMANDS', list(alone.map(({ words, summary }) => [words, summary]))),
    ...section('TOPICS', list(top.map(({ words, summary }) => [words, `${sentence(summary)} See **${pageName(words)}**(1)`]))),
    ...section('OPTIONS', [...flagParts(global), tagged('-h, --help', 'print help.'), tagged('--version', 'print the version.')]),
    ...section('OUTPUT', [
      paragraph(
        prose(
          'The result goes to stdout and nothing else; progress, warnings and hints go to stderr. With **--json** stdout is one object:',
        ),
      ),
      literal(ENVELOPE),
      paragraph(
        prose(
          '**-** in the place of a file is stdin or stdout. Nothing is asked where there is no terminal: an error names the flag that answers. No secret is ever an argument.',
        ),
      ),
    ]),
    ...section('EXIT STATUS', list(exitStatus())),
    ...section('ENVIRONMENT', list(ENVIRONMENT)),
    ...section('FILES', list(FILES)),
    ...section('EXAMPLES', [literal(FIRST_STEPS)]),
    ...seeAlso([...alone, ...top].map(({ words }) => pageName(words))),
  ]);
}

/** File name to text. `date` is that of the sources, so that the same sources give the same pages. */
export function manPages(manifest, pjson, date) {
  const all = reference(manifest, pjson);
  const about = { date, version: pjson.version, description: pjson.description };
  return new Map([
    ['joinery.1', mainPage(all, about)],
    ...all.topics.map((topic) => [`${pageName(topic.words)}.1`, topicPage(topic, about)]),
    ...all.commands.map((command) => [`${pageName(command.words)}.1`, commandPage(command, about)]),
  ]);
}
