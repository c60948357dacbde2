/** Flags that several commands share, and the parsing of their values. */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { JoineryError } from '../core/errors.ts';
import { type Instant, parseDuration, parseInstant, type Seconds } from '../core/time.ts';

/** A positional argument. Without `ignoreStdin`, oclif would swallow piped data as its value. */
export function positional(options: { readonly description: string; readonly required: true }) {
  return Args.string({ ...options, required: true, ignoreStdin: true });
}

/** One positional argument or more. */
export function positionals(options: { readonly description: string }) {
  return Args.string({ ...options, required: true, multiple: true, ignoreStdin: true });
}

export function optionalPositional(options: { readonly description: string }) {
  return Args.string({ ...options, ignoreStdin: true });
}

/** For every command that opens a realm. */
export const realmFlags = {
  realm: Flags.string({
    description: 'directory of the realm (default: JOINERY_REALM, or found from the current directory)',
    helpGroup: 'REALM',
    helpValue: 'DIR',
  }),
  actor: Flags.string({
    description: 'who does it, for the audit log (default: JOINERY_ACTOR, or the OS user)',
    helpGroup: 'REALM',
    helpValue: 'NAME',
  }),
  'correlation-id': Flags.string({
    description: 'joins audit records of one operation (default: a new one)',
    helpGroup: 'REALM',
    helpValue: 'ID',
  }),
};

/** For commands that are given a passphrase. */
export const passphraseFlags = {
  'passphrase-file': Flags.string({
    description: 'file with the passphrase of the offline keys (or JOINERY_PASSPHRASE)',
    helpGroup: 'KEYS',
    helpValue: 'FILE',
  }),
  'online-passphrase-file': Flags.string({
    description: 'file with the passphrase of the online keys (or JOINERY_ONLINE_PASSPHRASE)',
    helpGroup: 'KEYS',
    helpValue: 'FILE',
  }),
};

/** For every command that needs a private key of the realm. */
export const keyFlags = {
  ...passphraseFlags,
  keychain: Flags.boolean({
    description: 'take passphrases that no file or variable gives from the keychain of the operating system',
    helpGroup: 'KEYS',
  }),
};

export const custodyFlag = Flags.option({
  options: ['offline', 'online'] as const,
  required: true,
  description: 'which keys: offline (roots, signers) or online (issuing authorities, audit)',
})();

/** @throws ERR_USAGE */
export function durationFlag(flag: string, value: string): Seconds {
  const parsed = parseDuration(value);
  if (parsed === undefined) {
    throw new JoineryError(
      'ERR_USAGE',
      `${flag}: expected a duration like 15m, 24h, 30d or 1y, found ${JSON.stringify(value.slice(0, 40))}`,
    );
  }
  return parsed;
}

/** @throws ERR_USAGE */
export function instantFlag(flag: string, value: string): Instant {
  const parsed = parseInstant(value);
  if (parsed === undefined) {
    throw new JoineryError('ERR_USAGE', `${flag}: expected a time like 2036-11-22T10:00:00Z, found ${JSON.stringify(value.slice(0, 40))}`);
  }
  return parsed;
}
