/** The four steps of a rotation of the authority have one command each, and one body. */
import * as Flags from '@oclif/core/flags';
import { previewClusterCa, rotateClusterCa } from '../app/rotate-cluster-ca.ts';
import type { Step } from '../core/cluster/phases.ts';
import { EXIT_STATUS } from '../core/errors.ts';
import type { KeyType } from '../core/key-ports.ts';
import type { Outcome } from './base-command.ts';
import { answerFlags, checkTokenPlace, clusterFlag, deliverSharedToken, optionalDuration } from './cluster-flags.ts';
import { clusterWorld } from './cluster-world.ts';
import type { Context } from './context.ts';
import { keyFlags, realmFlags } from './flags.ts';
import { answersData, answersText, clusterData, clusterFields, findingsData, findingsText } from './render/clusters.ts';
import { fields, type Style } from './render/text.ts';

export const stepFlags = {
  ...clusterFlag,
  'dry-run': Flags.boolean({ description: 'print the pre-flight and change nothing; exit status 4 when something would break' }),
  force: Flags.boolean({ description: 'do it though something would break' }),
  ...answerFlags,
  ...realmFlags,
  ...keyFlags,
};

interface StepFlags {
  readonly cluster?: string | undefined;
  readonly 'dry-run': boolean;
  readonly force: boolean;
  readonly out?: string | undefined;
  readonly ca?: string | undefined;
  readonly 'key-type'?: KeyType | undefined;
  readonly ttl?: string | undefined;
  readonly overlap?: string | undefined;
  readonly 'token-out'?: string | undefined;
  readonly reveal?: boolean;
}

export interface StepCommand {
  readonly context: Context;
  readonly paint: Style;
  warning(message: string): void;
}

export async function runStep(step: Step, flags: StepFlags, command: StepCommand): Promise<Outcome> {
  const realm = await command.context.realm();
  const { cluster, force, out } = flags;
  if (flags['dry-run']) {
    const { record, findings, clear } = await previewClusterCa(realm, { step, cluster });
    const data = { ...clusterData(record), step, clear, findings: findingsData(findings) };
    return { data, text: findingsText(findings, command.paint), ...(!clear && { exitStatus: EXIT_STATUS.refused }) };
  }
  const place = { 'token-out': flags['token-out'], reveal: flags.reveal ?? false };
  if (step === 'issue-new' || (step === 'rollback' && (await issuesNew(realm, cluster)))) await checkTokenPlace(realm.files, place);
  const result = await command.context.progress.step(`${step} of the cluster's authority`, () =>
    rotateClusterCa(realm, clusterWorld(), {
      step,
      cluster,
      force,
      out,
      ca: flags.ca,
      keyType: flags['key-type'],
      ttl: optionalDuration('--ttl', flags.ttl),
      overlap: optionalDuration('--overlap', flags.overlap),
    }),
  );
  for (const warning of [...result.warnings, ...result.findings.map(({ message }) => message)]) command.warning(warning);
  const token = await deliverSharedToken(realm.files, place, result.token);
  return {
    data: {
      ...clusterData(result.record),
      step,
      findings: findingsData(result.findings),
      ...answersData(result.answers, out),
      ...token.data,
    },
    text: `${fields({ ...clusterFields(result.record), ...token.fields })}${answersText(result.answers, out)}`,
  };
}

/** A rollback from there mints a token. */
async function issuesNew(realm: Parameters<typeof previewClusterCa>[0], cluster: string | undefined): Promise<boolean> {
  return (await previewClusterCa(realm, { step: 'rollback', cluster })).record.phase === 'issue-new';
}
