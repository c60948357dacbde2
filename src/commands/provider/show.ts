import * as Flags from '@oclif/core/flags';
import { type ProviderAuthority, providerTrust, unknownAuthorities } from '../../app/cluster-provider.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { positional, realmFlags } from '../../cli/flags.ts';
import { systemProviders } from '../../cli/providers.ts';
import { table } from '../../cli/render/text.ts';
import { utf8 } from '../../core/encoding.ts';
import { formatInstant } from '../../core/time.ts';

export default class ProviderShow extends BaseCommand<typeof ProviderShow> {
  static override summary = 'Ask the identity provider of a cluster for its authorities, and show which of them are known here';
  static override description =
    'Shows that it can be asked, and what it signs with: by what name each authority was imported, whether the cluster takes certificates ' +
    'under it (identity_provider.ca), and whether nodes know it as an anchor of node-cert-lifecycle. Nothing is trusted by asking.';
  static override examples = ['<%= config.bin %> <%= command.id %> prod', '<%= config.bin %> <%= command.id %> prod --out spire-roots.pem'];
  static override args = { cluster: positional({ description: 'name of the cluster', required: true }) };
  static override flags = {
    out: Flags.string({ description: 'write the authorities to this new file, as PEM', helpValue: 'FILE' }),
    ...realmFlags,
  };

  protected async execute(): Promise<Outcome> {
    const realm = await this.context.realm();
    const trust = await providerTrust(realm, this.args.cluster, systemProviders(realm.directory));
    const { cluster, kind, authorities } = trust;
    for (const { fingerprint } of unknownAuthorities(trust))
      this.warning(`${fingerprint} is unknown here: joinery ca import, name it under identity_provider.ca, and publish its root`);
    const { out } = this.flags;
    if (out !== undefined) await realm.files.create(out, utf8(authorities.map(({ pem }) => pem).join('')), 0o644);
    const rows = authorities.map(({ fingerprint, ca = '', configured, phase = '', notAfter }) => [
      fingerprint,
      ca,
      configured ? 'yes' : 'no',
      phase,
      formatInstant(notAfter),
    ]);
    return {
      data: { cluster, provider: kind, authorities: authorities.map(authorityData) },
      text: `cluster ${cluster}, identity provider ${kind}\n\n${table(['FINGERPRINT', 'NAME HERE', 'TAKEN', 'ANCHOR', 'UNTIL'], rows)}`,
    };
  }
}

function authorityData({ fingerprint, subject, notAfter, ca, configured, phase }: ProviderAuthority) {
  return { fingerprint, subject, not_after: formatInstant(notAfter), ca: ca ?? null, configured, phase: phase ?? null };
}
