import * as Flags from '@oclif/core/flags';
import { planRevocations, type RevocationPlan } from '../app/plan-revocation.ts';
import type { RevocationTarget } from '../app/revocation-targets.ts';
import { listRevocations, type ListedRevocations, revokePlanned } from '../app/revoke-planned.ts';
import { BaseCommand, type Outcome } from '../cli/base-command.ts';
import { keyFlags, realmFlags } from '../cli/flags.ts';
import { planData, planText } from '../cli/render/revocations.ts';
import { tellOfRevocations } from '../cli/tell-providers.ts';
import { parseDigest } from '../core/digest.ts';
import { JoineryError } from '../core/errors.ts';
import { REVOCATION_REASON_NAMES } from '../core/x509/crl-writer.ts';

const TARGETS = ['token', 'serial', 'fingerprint', 'spiffe-id', 'node', 'audit-id'] as const;
const exclusive = (target: (typeof TARGETS)[number]) => ({ exclusive: TARGETS.filter((other) => other !== target) });

export default class Revoke extends BaseCommand<typeof Revoke> {
  static override summary = 'Revoke a node, a certificate or a token: show what stops, ask, and do it in one step';
  static override description =
    'Only the whole value matches. What stops is shown, and the name of the node (or the target, as given) has to be typed. A node is revoked with its certificates and every token so far in its name, and enters again only by a ' +
    'new token with --allow-reentry. Running servers of the realm cut its connections within a second, and those who follow the ' +
    'revocations are told. Then the lists of the authorities with online keys are made. certificateHold can be ended (revocation undo); ' +
    'every other reason is for good.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --node node-7 --cluster prod --reason keyCompromise',
    '<%= config.bin %> <%= command.id %> --serial 5f0c6e2d8f3b4a7c9d1e2f3a4b5c6d7e --reason certificateHold --yes',
    '<%= config.bin %> <%= command.id %> --audit-id 6d6c5b1e-2b1c-4c8e-9d7a-3f2f8f2b9c11 --dry-run',
  ];
  static override flags = {
    token: Flags.string({ description: 'id of a token: as joinery token revoke', helpValue: 'ID', ...exclusive('token') }),
    serial: Flags.string({ description: 'serial number of one certificate, hex', helpValue: 'HEX', ...exclusive('serial') }),
    fingerprint: Flags.string({ description: 'SHA-256 of one certificate', helpValue: 'HEX', ...exclusive('fingerprint') }),
    'spiffe-id': Flags.string({ description: 'identity: its nodes and certificates', helpValue: 'URI', ...exclusive('spiffe-id') }),
    node: Flags.string({ description: 'node, with its certificates and tokens', helpValue: 'NAME', ...exclusive('node') }),
    cluster: Flags.string({ description: 'needed only where two clusters have a node of that name', dependsOn: ['node'] }),
    'audit-id': Flags.string({
      description: 'correlation id of a join, an issue or a minting: what it made',
      helpValue: 'ID',
      ...exclusive('audit-id'),
    }),
    reason: Flags.option({ options: REVOCATION_REASON_NAMES, description: 'why (RFC 5280 section 5.3.1)' })({ default: 'unspecified' }),
    'dry-run': Flags.boolean({ description: 'show what would stop, and change nothing' }),
    yes: Flags.boolean({ char: 'y', description: 'do not ask' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { reason, 'dry-run': dryRun, yes } = this.flags;
    const realm = await this.context.realm();
    const plan = await planRevocations(realm, this.#target(), reason);
    const shown = { reason, ...planData(plan) };
    if (dryRun) return { data: { ...shown, dry_run: true }, text: `${planText(plan)}\n\nnothing was changed` };
    if (!yes) await this.#ask(plan);
    const { serials, tokens, already } = await revokePlanned(realm, plan, reason);
    if (already) this.warning('all of it was revoked before; nothing was changed');
    const lists = await listRevocations(realm, already ? new Set() : issuersOf(plan));
    this.#warnOfLists(lists);
    if (!already) await tellOfRevocations(realm, (message) => this.warning(message));
    const crls = lists.issued.map(({ name, number, file }) => ({ ca: name, number, file }));
    return {
      data: { ...shown, dry_run: false, revoked: { serials: [...serials], tokens: [...tokens], already }, crls },
      text: [
        planText(plan),
        '',
        ...resultLines(serials, tokens),
        ...crls.map(({ number, file }) => `wrote ${file}, number ${number}`),
      ].join('\n'),
    };
  }

  #target(): RevocationTarget {
    const { token, serial, fingerprint, 'spiffe-id': spiffeId, node, cluster, 'audit-id': correlationId } = this.flags;
    if (token !== undefined) return { kind: 'token', id: token };
    if (serial !== undefined) return { kind: 'serial', serial };
    if (fingerprint !== undefined) return { kind: 'fingerprint', fingerprint: parseDigest(fingerprint, '--fingerprint') };
    if (spiffeId !== undefined) return { kind: 'identity', spiffeId };
    if (node !== undefined) return { kind: 'node', node, cluster };
    if (correlationId !== undefined) return { kind: 'audit', correlationId };
    throw new JoineryError('ERR_USAGE', `expected one of ${TARGETS.map((target) => `--${target}`).join(', ')}, found none`);
  }

  /** What has to be typed: the node where it is about one, else the target as it was given. */
  #name({ nodes, certificates, tokens }: RevocationPlan): string {
    const node = nodes[0]?.record ?? certificates[0]?.node;
    if (node !== undefined && nodes.length + certificates.length + tokens.length === 1) return node.node;
    return TARGETS.map((target) => this.flags[target]).find((given) => given !== undefined) as string;
  }

  async #ask(plan: RevocationPlan): Promise<void> {
    const { prompter } = this.context;
    const about = `This stops working:\n${planText(plan)}`;
    await prompter.confirmName(this.#name(plan), { about, verb: 'revoke', instead: 'say so with --yes' });
  }

  #warnOfLists({ pending }: ListedRevocations): void {
    for (const { name, error } of pending) {
      const why = error === undefined ? 'its key is offline' : error.message;
      this.warning(`it is revoked, but the revocation list of ${name} is still the old one (${why}): joinery ca crl ${name}`);
    }
  }
}

function issuersOf({ nodes, certificates }: RevocationPlan): ReadonlySet<string> {
  return new Set([...nodes.flatMap((node) => node.certificates.map(({ ca }) => ca)), ...certificates.map(({ issuer }) => issuer)]);
}

function resultLines(serials: readonly string[], tokens: readonly string[]): readonly string[] {
  return [...serials.map((serial) => `revoked certificate ${serial}`), ...tokens.map((id) => `revoked token ${id}`)];
}
