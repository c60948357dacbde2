import * as Flags from '@oclif/core/flags';
import { withRemote, remoteFlags } from '../../cli/remote-client.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { JoineryError } from '../../core/errors.ts';
import { parseDigest } from '../../core/digest.ts';
import { REVOCATION_REASON_NAMES } from '../../core/x509/crl-writer.ts';

const TARGETS = ['serial', 'fingerprint', 'spiffe-id', 'node'] as const;
const exclusive = (target: (typeof TARGETS)[number]) => ({ exclusive: TARGETS.filter((other) => other !== target) });

export default class RemoteRevoke extends BaseCommand<typeof RemoteRevoke> {
  static override summary = 'Revoke the certificates of a node through a bootstrap server';
  static override description =
    'Needs the certificate of an administrator who may do it (admin issue). Connections of the node are closed within a second, and it can neither ' +
    'renew nor come back with the same token.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --node node-7 --cluster prod --cert ops.crt --key ops.key --url https://boot.lab.example:8443 --anchors cp.pem',
  ];
  static override flags = {
    serial: Flags.string({ description: 'serial number of the certificate, hex', helpValue: 'HEX', ...exclusive('serial') }),
    fingerprint: Flags.string({ description: 'SHA-256 of the certificate', helpValue: 'HEX', ...exclusive('fingerprint') }),
    'spiffe-id': Flags.string({ description: 'identity, with all its certificates', helpValue: 'URI', ...exclusive('spiffe-id') }),
    node: Flags.string({
      description: 'node of --cluster, with all its certificates',
      helpValue: 'NAME',
      dependsOn: ['cluster'],
      ...exclusive('node'),
    }),
    cluster: Flags.string({ description: 'cluster of --node', helpValue: 'NAME', dependsOn: ['node'] }),
    reason: Flags.option({ options: REVOCATION_REASON_NAMES, description: 'why (RFC 5280 section 5.3.1)' })(),
    ...remoteFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { serial, fingerprint, 'spiffe-id': spiffeId, node, cluster, reason } = this.flags;
    if ([serial, fingerprint, spiffeId, node].every((target) => target === undefined))
      throw new JoineryError('ERR_USAGE', `expected one of ${TARGETS.map((target) => `--${target}`).join(', ')}, found none`);
    const reply = await withRemote(this.context, this.flags, (client) =>
      client.revoke({
        ...(serial !== undefined && { serial }),
        ...(fingerprint !== undefined && { fingerprint: parseDigest(fingerprint, '--fingerprint') }),
        ...(spiffeId !== undefined && { spiffe_id: spiffeId }),
        ...(node !== undefined && { node }),
        ...(cluster !== undefined && { cluster }),
        ...(reason !== undefined && { reason }),
      }),
    );
    const { serials, already } = reply;
    const text = already ? `revoked before: ${serials.join(', ')}` : `revoked ${serials.join(', ')}`;
    return { data: { serials, already }, text };
  }
}
