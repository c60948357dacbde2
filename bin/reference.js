// What the reference and the man pages say of commands: the manifest of oclif, turned into words, and what no manifest knows (environment, files).
import { EXIT_STATUS } from '../src/core/errors.ts';

/** What an exit status means, by the family of the error. */
const MEANINGS = {
  ok: 'done',
  bug: 'a bug in joinery',
  usage: 'wrong flags or arguments',
  malformed: 'a file, a configuration or an input is malformed',
  refused: 'refused: a check failed, a policy denies, something is revoked, replayed or expired',
  conflict: 'it exists already, or somebody else was faster',
  'not-found': 'something that was named is not there',
  network: 'a server, a device or a disk failed, or took too long; it may work later',
  objective: 'a drill missed its objective',
  interrupted: 'interrupted',
};

/** [exit status, meaning], in order. */
export const exitStatus = () => [[0, MEANINGS.ok], ...Object.entries(EXIT_STATUS).map(([family, status]) => [status, MEANINGS[family]])];

const has = (flag) => (command) => command.flags.some(({ name }) => name === flag);
const id = (pattern) => (command) => pattern.test(command.id);

/** [variable, meaning, which commands read it]. */
export const ENVIRONMENT = [
  ['JOINERY_REALM', 'directory of the realm, where `--realm` is not given', has('realm')],
  ['JOINERY_ACTOR', 'who does it, for the audit log, where `--actor` is not given', has('actor')],
  ['JOINERY_PASSPHRASE', 'passphrase of the offline keys; removed from the environment once it is read', has('passphrase-file')],
  [
    'JOINERY_ONLINE_PASSPHRASE',
    'passphrase of the online keys; removed from the environment once it is read',
    has('online-passphrase-file'),
  ],
  [
    'CREDENTIALS_DIRECTORY',
    'credentials of systemd: `joinery-online-passphrase` for the server, `joinery.token` for a node',
    id(/^(server:start|node:join)$/),
  ],
  [
    'SPIFFE_ENDPOINT_SOCKET',
    'where the SPIFFE Workload API is, where a flag says `env`',
    (command) => command.id !== 'node:agent' && has('workload-api')(command),
  ],
  ['NOTIFY_SOCKET', 'where systemd is told of the state', id(/^node:agent$/)],
  ['WATCHDOG_USEC', 'how often systemd wants to hear of the agent', id(/^node:agent$/)],
  ['GITHUB_OUTPUT', 'file for the outputs of a step, for `--ci github`', has('ci')],
  ['AWS_REGION', 'region of an AWS caller, for `--attest`', has('attest')],
  ['AWS_DEFAULT_REGION', 'the same, where `AWS_REGION` is not set', has('attest')],
  ['AWS_ACCESS_KEY_ID', 'with `AWS_SECRET_ACCESS_KEY`: what an AWS caller signs with', has('attest')],
  ['AWS_SECRET_ACCESS_KEY', 'see `AWS_ACCESS_KEY_ID`', has('attest')],
  ['AWS_SESSION_TOKEN', 'of temporary AWS credentials', has('attest')],
  ['XDG_CACHE_HOME', 'where compiled code is kept between runs, in a directory of its own (default: `~/.cache`)', () => true],
  ['NO_COLOR', 'no colours, if it is set to anything', () => true],
  ['TERM', 'no colours, if it is `dumb`', () => true],
];

const realm = has('realm');
const node = (command) => /^(node|remote):/.test(command.id) && (has('directory')(command) || has('identity')(command));

/** [path, meaning, which commands use it]. */
export const FILES = [
  ['REALM/joinery.yaml', 'configuration of the realm', realm],
  ['REALM/state.db', 'authorities, tokens, trust versions and the audit log, in SQLite', realm],
  ['REALM/keys/offline, REALM/keys/online', 'private keys, encrypted', realm],
  ['REALM/ca', 'certificates of authorities, and their revocation lists', realm],
  ['/var/lib/joinery', 'what a node has of joinery, unless a flag names another directory', node],
];

const byText = (a, b) => (a < b ? -1 : Number(a > b));

const plain = (text, pjson, command) =>
  text.replaceAll('<%= config.bin %>', pjson.oclif.bin).replaceAll('<%= command.id %>', command.id.replaceAll(':', ' '));

/** What stands for the value: its own name, or a few words to choose from. */
function valueName(flag) {
  if (flag.type === 'boolean') return '';
  const words = flag.options?.join('|') ?? '';
  return [flag.helpValue ?? []].flat().join(' ') || (words !== '' && words.length <= 48 ? words : 'VALUE');
}

function flagModel(flag) {
  const value = valueName(flag);
  const text = flag.description ?? flag.summary ?? '';
  const notes = [
    ...(flag.required ? ['required'] : []),
    ...(flag.options && value !== flag.options.join('|') ? [`one of ${flag.options.join(', ')}`] : []),
    ...(flag.default !== undefined && !Array.isArray(flag.default) && !text.includes('default') ? [`default: ${flag.default}`] : []),
    ...(flag.multiple && !/repeat/.test(text) ? ['repeatable'] : []),
    ...(flag.dependsOn ? [`only with ${flag.dependsOn.map((name) => `--${name}`).join(', ')}`] : []),
    ...(flag.exclusive ? [`not with ${flag.exclusive.map((name) => `--${name}`).join(', ')}`] : []),
  ];
  return {
    name: flag.name,
    char: flag.char,
    value,
    no: flag.allowNo === true,
    required: flag.required === true,
    multiple: flag.multiple === true,
    group: flag.helpGroup ?? '',
    text,
    notes,
  };
}

function commandModel(pjson, command) {
  const flags = Object.values(command.flags)
    .filter(({ hidden }) => !hidden)
    .map(flagModel);
  const args = Object.values(command.args).map((argument) => ({
    name: argument.name.toUpperCase(),
    required: argument.required === true,
    multiple: argument.multiple === true,
    text: argument.description ?? '',
    notes: argument.options ? [`one of ${argument.options.join(', ')}`] : [],
  }));
  const examples = (command.examples ?? []).map((example) => (typeof example === 'string' ? example : example.command));
  return {
    id: command.id,
    words: command.id.replaceAll(':', ' '),
    summary: command.summary ?? '',
    paragraphs: plain(command.description ?? '', pjson, command)
      .split(/\n+/)
      .filter((text) => text !== ''),
    args,
    flags,
    examples: examples.map((example) => plain(example, pjson, command)),
  };
}

/** The synopsis: the arguments, the flags that must be there, and that there are more. Arguments first: a repeatable flag would take them. */
export function synopsis({ words, flags, args }) {
  const required = flags
    .filter((flag) => flag.required)
    .map((flag) => `--${flag.name}${flag.value && ` ${flag.value}`}${flag.multiple ? ' ...' : ''}`);
  const names = args.map(({ name, required, multiple }) => (required ? name : `[${name}]`) + (multiple ? ' ...' : ''));
  return ['joinery', words, ...names, ...required, '[FLAG ...]'].join(' ');
}

/** How a flag is written: `-q, --quiet`, `--cluster NAME`, `--[no-]signature`. */
export const flagName = ({ char, name, value, no }) => `${char ? `-${char}, ` : ''}--${no ? '[no-]' : ''}${name}${value && ` ${value}`}`;

/** What is said of a flag, in one line. */
export const flagText = ({ text, notes }) => `${text}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`;

/** All commands and topics, in the order in which a person looks for them: commands without a topic first. */
export function reference(manifest, pjson) {
  const commands = Object.values(manifest.commands)
    .filter(({ hidden }) => !hidden)
    .map((command) => commandModel(pjson, command))
    .sort((a, b) => a.words.includes(' ') - b.words.includes(' ') || (a.words < b.words ? -1 : 1));
  const names = new Set(
    commands.flatMap(({ words }) =>
      words
        .split(' ')
        .slice(0, -1)
        .map((_, at, all) => all.slice(0, at + 1).join(' ')),
    ),
  );
  const topics = [...names].sort(byText).map((words) => ({
    words,
    summary: pjson.oclif.topics[words.replaceAll(' ', ':')]?.description ?? '',
    commands: commands.filter((command) => command.words.startsWith(`${words} `)),
  }));
  return { commands, topics };
}
