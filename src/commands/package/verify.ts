import * as Flags from '@oclif/core/flags';
import type { Realm } from '../../app/realm.ts';
import { verifyPackage, type VerifyPackageOptions, type VerifyPackageResult, type VerifyWorld } from '../../app/verify-package.ts';
import { isBatch, verifyPackages } from '../../app/verify-packages.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional, realmFlags } from '../../cli/flags.ts';
import { checksData, checksText } from '../../cli/render/packages.ts';
import { bar } from '../../cli/render/progress.ts';
import { parseDigest } from '../../core/digest.ts';
import { EXIT_STATUS, isJoineryError } from '../../core/errors.ts';

export default class PackageVerify extends BaseCommand<typeof PackageVerify> {
  static override summary =
    'Prove onboarding packages, one or those of many nodes: digests, modes, both trust bundles, signatures, token, no private key';
  static override description =
    'Every check is a line; the exit status is 4 if one fails. It needs no realm: the package is proved by the digest of its first trust, which ' +
    '--trust-digest gives from another channel. In a realm (--realm, JOINERY_REALM, or found from the current directory) it also tells whether ' +
    'token and trust are still good there.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> pkg --trust-digest 5d8c...e1',
    '<%= config.bin %> <%= command.id %> /media/stick/pkg --ignore-modes --alone --json',
  ];
  static override args = { directory: positional({ description: 'the package directory', required: true }) };
  static override flags = {
    'trust-digest': Flags.string({ description: 'digest of the first trust, as package render printed it', helpValue: 'SHA256' }),
    'ignore-modes': Flags.boolean({ description: 'the medium has no file modes (FAT): differences are a warning' }),
    alone: Flags.boolean({ description: 'do not look for a realm', exclusive: ['realm'] }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags, args, context } = this;
    const digest = flags['trust-digest'];
    const realm = await this.#realm();
    const options = {
      ignoreModes: flags['ignore-modes'],
      ...(digest !== undefined && { trustDigest: parseDigest(digest, '--trust-digest') }),
      ...(realm !== undefined && { realm }),
    };
    const { ok, rows } = await this.#verify(await context.packageReader(), options);
    const outcome = { data: checksData(args.directory, ok, rows), text: checksText(ok, rows, this.paint) };
    return ok ? outcome : { ...outcome, exitStatus: EXIT_STATUS.refused };
  }

  async #verify(world: VerifyWorld, options: VerifyPackageOptions): Promise<VerifyPackageResult> {
    const { directory } = this.args;
    if (!(await isBatch(world.files, directory))) return verifyPackage(world, directory, options);
    return this.context.progress.step('verifying packages', (say) =>
      verifyPackages(world, directory, options, (done, total) => say(bar('verifying packages', done, total))),
    );
  }

  /** A realm that is named must be there; one that is only looked for need not be. */
  async #realm(): Promise<Realm | undefined> {
    if (this.flags.alone) return undefined;
    try {
      return await this.context.realm();
    } catch (error) {
      if (this.flags.realm === undefined && isJoineryError(error, 'ERR_REALM_NOT_FOUND')) return undefined;
      throw error;
    }
  }
}
