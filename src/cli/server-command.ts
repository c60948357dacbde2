/** `server start`: where its passphrase comes from, what it prints, and how signals move it. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonLogger } from '../adapters/logger.ts';
import { createBootstrapServer } from '../bootstrap-server.ts';
import type { ListenAddress, ServerConfig } from '../core/realm/server-config.ts';
import type { Secret } from '../core/secret.ts';
import type { LogLevel } from '../core/telemetry.ts';
import type { Context } from './context.ts';
import type { RunningServer } from './server-run.ts';
import { currentIo } from './io.ts';
import { otherPassphrase } from './passphrases.ts';

export interface ServeOptions {
  readonly context: Context;
  readonly directory: string;
  readonly server: ServerConfig;
  readonly logLevel: LogLevel;
  readonly passphraseFile: string | undefined;
  /** Is told when both ports are open. */
  started(addresses: ServerAddresses): Promise<void>;
}

export interface ServerAddresses {
  readonly listen: string;
  readonly admin: string;
}

export interface Served extends ServerAddresses {
  readonly signal: string;
}

/** The file that a unit of systemd names with `LoadCredential=` or `LoadCredentialEncrypted=`. */
const CREDENTIAL = 'joinery-online-passphrase';

/** Serves until SIGTERM or SIGINT, then until what is under way is answered; a second signal ends it at once. SIGHUP reloads. */
export async function serve(options: ServeOptions): Promise<Served> {
  // Before anything else: a reload or a stop that comes while the server begins must not end it half-way.
  const held: { running?: RunningServer } = {};
  const signals = signalsOf({
    reload: () => void held.running?.reload(),
    abort: () => (held.running === undefined ? process.exit(130) : held.running.abort()),
  });
  try {
    const logger = jsonLogger({ stream: currentIo().stderr.stream, level: options.logLevel });
    const onlinePassphrase = await passphraseSource(options);
    const server = await createBootstrapServer({ realm: options.directory, onlinePassphrase, server: options.server, logger });
    try {
      held.running = await server.listen();
      const { address, adminAddress } = held.running;
      const addresses = { listen: `https://${text(address)}`, admin: `http://${text(adminAddress)}` };
      await options.started(addresses);
      return { ...addresses, signal: await signals.first };
    } finally {
      await server.close();
    }
  } finally {
    signals.off();
  }
}

function text({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The flag, the environment, the credential of systemd, or the terminal. */
async function passphraseSource({ context, passphraseFile }: ServeOptions): Promise<() => Promise<Secret>> {
  const { env } = currentIo();
  const directory = env['CREDENTIALS_DIRECTORY'];
  const given = passphraseFile !== undefined || context.passphrases.given('online');
  const file = given || directory === undefined ? undefined : join(directory, CREDENTIAL);
  if (file === undefined || (await stat(file).catch(() => undefined)) === undefined) return () => context.passphrases('online', 'open');
  const world = { files: context.world.files, prompter: context.prompter };
  return () =>
    otherPassphrase(world, { file, flag: '--online-passphrase-file', question: 'Passphrase of the online keys', confirm: false });
}

interface Signals {
  /** The name of the first signal to stop. */
  readonly first: Promise<string>;
  off(): void;
}

function signalsOf({ reload, abort }: { reload(): void; abort(): void }): Signals {
  let asked = false;
  let resolve: (signal: string) => void;
  const first = new Promise<string>((done) => (resolve = done));
  const stop = (signal: string): void => {
    if (asked) abort();
    asked = true;
    resolve(signal);
  };
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', reload);
  return {
    first,
    off: () => void process.off('SIGTERM', stop).off('SIGINT', stop).off('SIGHUP', reload),
  };
}
