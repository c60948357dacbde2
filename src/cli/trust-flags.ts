/** Flags that the trust commands share. */
import * as Flags from '@oclif/core/flags';
import { JoineryError } from '../core/errors.ts';
import { type Phase, PHASES } from '../core/trust/manifest.ts';
import { PURPOSES } from '../core/trust/purpose.ts';

const description = 'which trust: control-plane-https verifies platform endpoints, node-cert-lifecycle verifies node certificates';

export const purposeFlag = { purpose: Flags.option({ options: PURPOSES, description, required: true })() };

export const optionalPurposeFlag = { purpose: Flags.option({ options: PURPOSES, description: `${description} (default: both)` })() };

const VERSION_FLAG = { min: 1, max: 2147483647, helpValue: 'N' } as const;

export const versionFlag = (description: string) => Flags.integer({ ...VERSION_FLAG, description });
export const requiredVersionFlag = (description: string) => Flags.integer({ ...VERSION_FLAG, description, required: true });

export const stateFlag = {
  state: Flags.string({ required: true, description: 'state.json of the node; the manifests lie beside it', helpValue: 'FILE' }),
};

/** For commands that change the trust of a node. */
export const nodeTrustFlags = {
  ...purposeFlag,
  ...stateFlag,
  path: Flags.string({ required: true, description: 'the PEM file that programs on the node read', helpValue: 'FILE' }),
  actor: Flags.string({ description: "who does it, for the node's history (default: JOINERY_ACTOR, or the OS user)", helpValue: 'NAME' }),
};

export const keyTypeFlag = Flags.option({
  options: ['ed25519', 'p256', 'p384'] as const,
  description: 'type of the key (default: ed25519)',
})();

export const minSignaturesFlag = Flags.integer({ min: 1, max: 16, description: 'signatures that the next version needs', helpValue: 'N' });

export const phaseFlag = Flags.string({
  multiple: true,
  description:
    'phase of an anchor, by name of an authority or by fingerprint: phasing-in, active or phasing-out (repeatable; default: active, or ' +
    'with --grace what follows from the version before)',
  helpValue: 'ANCHOR=PHASE',
});

/** @throws ERR_USAGE */
export function phasesOf(flags: readonly string[] = []): { readonly anchor: string; readonly phase: Phase }[] {
  return flags.map((text) => {
    const [anchor = '', word] = text.split('=', 2);
    const phase = PHASES.find((known) => known === word);
    if (anchor !== '' && phase !== undefined) return { anchor, phase };
    throw new JoineryError('ERR_USAGE', `--phase: expected ANCHOR=${PHASES.join('|')}, found ${JSON.stringify(text.slice(0, 100))}`);
  });
}
