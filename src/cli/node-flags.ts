/** Flags of the commands that run on a node, and the world that they run in. */
import { resolve } from 'node:path';
import * as Flags from '@oclif/core/flags';
import type { NodeClientWorld } from '../client/node-client.ts';
import type { JoinWishes } from '../client/join-plan.ts';
import { type Digest, isPin, parseDigest, type Pin } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import { DEFAULT_NODE_DIRECTORY } from '../core/onboarding/model.ts';
import { type Purpose, PURPOSES } from '../core/trust/purpose.ts';
import type { World } from './context.ts';
import { durationFlag } from './flags.ts';
import { nodeWorld } from './node-world.ts';

export const directoryFlag = {
  directory: Flags.string({ description: 'directory of the node', default: DEFAULT_NODE_DIRECTORY, helpValue: 'DIR' }),
};

export const urlFlag = {
  url: Flags.string({
    multiple: true,
    default: [],
    description: 'bootstrap server, asked in this order (repeatable; default: as the package or the token says)',
    helpValue: 'URL',
  }),
};

export const callFlags = {
  timeout: Flags.string({ description: 'how long to try, with all servers and attempts', default: '60s', helpValue: 'DURATION' }),
  'correlation-id': Flags.string({ description: 'id that the audit log of the server will show (default: a new one)', helpValue: 'ID' }),
};

/** The node directory, absolute: its documents name their own paths. */
export function nodeDirectory(flags: { readonly directory: string }): string {
  return resolve(flags.directory);
}

export function timeoutMs(flags: { readonly timeout: string }): number {
  return durationFlag('--timeout', flags.timeout) * 1000;
}

/** The network and the keys are loaded when a node asks a server. */
export async function nodeClientWorld(world: World): Promise<NodeClientWorld> {
  const [{ clientWorld }, { systemSwitches }, { portableKeys }] = await Promise.all([
    import('../bootstrap-client.ts'),
    import('../adapters/switches.ts'),
    import('../adapters/portable-keys.ts'),
  ]);
  return { ...clientWorld, ...nodeWorld(world), random: world.random, switches: systemSwitches, keys: portableKeys };
}

/** @throws ERR_USAGE */
export function pinFlags(values: readonly string[]): readonly Pin[] {
  const wrong = values.find((value) => !isPin(value));
  if (wrong === undefined) return values as readonly string[] as readonly Pin[];
  throw new JoineryError('ERR_USAGE', '--pin: expected sha256: and 64 lower-case hex digits, found another form');
}

/** @throws ERR_USAGE, ERR_INPUT_MALFORMED */
export function trustDigestFlags(values: readonly string[]): JoinWishes['trustDigests'] {
  const digests: Partial<Record<Purpose, Digest>> = {};
  for (const text of values) {
    const [word, hex = ''] = text.split('=', 2);
    const purpose = PURPOSES.find((known) => known === word);
    if (purpose === undefined)
      throw new JoineryError(
        'ERR_USAGE',
        `--trust-digest: expected ${PURPOSES.join('=HEX or ')}=HEX, found ${JSON.stringify(text.slice(0, 80))}`,
      );
    digests[purpose] = parseDigest(hex, `--trust-digest ${purpose}`);
  }
  return digests;
}
