/**
 * The values of an onboarding package that reach a shell, an environment file or a path on a node. Each is refused unless every
 * character of it is harmless there, so that nothing has to be escaped: a quote, a backslash, a blank, a control character or a
 * letter outside ASCII never gets as far as a renderer.
 */
import { type Parser, string } from '../parse.ts';

const HOST = String.raw`(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])`;
const URL = new RegExp(String.raw`^https://${HOST}(?::\d{1,5})?(?:/[A-Za-z0-9._~!$&()*+,;=:@%/-]*)?$`);
const ABSOLUTE_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._+-]{1,100}){1,12}$/;
const ENV_PREFIX = /^[A-Z][A-Z0-9_]{0,31}$/;
const LABEL_NAME = /^[A-Za-z0-9._/-]{1,63}$/;
const SERVICE_NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/;
const OWNER = /^(?:[a-z_][a-z0-9_-]{0,31}|\d{1,9}):(?:[a-z_][a-z0-9_-]{0,31}|\d{1,9})$/;
const PEER_ADDRESS = /^(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):\d{1,5}$/;

/** `script`: POSIX sh, openssl and curl; `binary`: the joinery executable. Without either something else on the node joins. */
export const AGENT_KINDS = ['script', 'binary'] as const;
export type AgentKind = (typeof AGENT_KINDS)[number];

export const DEFAULT_SERVICE = 'joinery-join';

/** An https URL without user, query and fragment, its host in lower case. */
export function nodeUrl(): Parser<string> {
  return string({ maxLength: 2048, pattern: URL, describe: 'an https URL (lower case host, no user, query or quote)' });
}

/** The host of a {@link nodeUrl}, without brackets. */
export function hostOfUrl(url: string): string {
  return (url.split('/')[2] as string).replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
}

/** An absolute path of letters, digits and `. _ + -`, without `.` and `..` and without a final slash. */
export function nodePath(): Parser<string> {
  return string({ maxLength: 240, pattern: ABSOLUTE_PATH, describe: 'an absolute path of letters, digits and . _ + - (no . or .. step)' });
}

/** What the names of the environment variables start with: `JOINERY`, `GPUAAS`. */
export function envPrefix(): Parser<string> {
  return string({ maxLength: 32, pattern: ENV_PREFIX, describe: 'an environment prefix (A-Z first, then A-Z 0-9 _, at most 32)' });
}

/** Name of a systemd unit or an init script, without its ending. */
export function serviceName(): Parser<string> {
  return string({ maxLength: 63, pattern: SERVICE_NAME, describe: 'a service name (a letter, then A-Z a-z 0-9 _ . -, at most 63)' });
}

/** `user:group`, by names or by numbers. */
export function fileOwner(): Parser<string> {
  return string({ maxLength: 65, pattern: OWNER, describe: 'user:group in lower case, or two numbers' });
}

export function peerAddress(): Parser<string> {
  return string({ maxLength: 300, pattern: PEER_ADDRESS, describe: 'host:port' });
}

export function isLabelName(text: string): boolean {
  return LABEL_NAME.test(text);
}
