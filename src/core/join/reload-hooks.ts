/** `reload.conf` of a node directory: who is told of a new identity. The shell agent reads the same file. */
import { JoineryError } from '../errors.ts';

export type ReloadHook =
  | { readonly kind: 'unit'; readonly unit: string }
  | { readonly kind: 'signal'; readonly signal: string; readonly pidFile: string }
  | { readonly kind: 'command'; readonly program: string };

/** What a hook is called in logs. */
export function hookName(hook: ReloadHook): string {
  if (hook.kind === 'unit') return `unit ${hook.unit}`;
  return hook.kind === 'signal' ? `signal ${hook.signal} ${hook.pidFile}` : `command ${hook.program}`;
}

/** One consumer a line; empty lines and those that begin with `#` say nothing. @throws ERR_NODE_DIRECTORY */
export function parseReloadHooks(text: string, what: string): readonly ReloadHook[] {
  return text.split('\n').flatMap((line, index) => {
    const words = line.trim().split(/[ \t]+/);
    return words[0] === '' || words[0]?.startsWith('#') === true ? [] : [hookOf(words, `${what}, line ${index + 1}`)];
  });
}

const UNIT = /^[A-Za-z0-9:_.@\\-]{1,255}$/;
const SIGNAL = /^(?:SIG)?(HUP|INT|QUIT|USR1|USR2|TERM|WINCH|CONT)$/;

function hookOf([kind, first = '', second = '']: readonly string[], what: string): ReloadHook {
  const [, signal] = SIGNAL.exec(first) ?? [];
  if (kind === 'unit' && UNIT.test(first) && !first.startsWith('-')) return { kind, unit: first };
  if (kind === 'signal' && signal !== undefined && second.startsWith('/')) return { kind, signal: `SIG${signal}`, pidFile: second };
  if (kind === 'command' && first.startsWith('/')) return { kind, program: first };
  throw new JoineryError(
    'ERR_NODE_DIRECTORY',
    `${what}: expected unit NAME, signal NAME PIDFILE or command PATH with absolute paths, found something else`,
  );
}
