import * as Flags from '@oclif/core/flags';
import { createCheckpointKey } from '../app/checkpoint-key.ts';
import { createRealm } from '../app/create-realm.ts';
import { firstTokenKey } from '../app/token-keys.ts';
import { prepareTrustSigners } from '../app/trust-signers.ts';
import { BaseCommand, type Outcome } from '../cli/base-command.ts';
import { keyFlags, realmFlags } from '../cli/flags.ts';
import { fields } from '../cli/render/text.ts';
import { parseRealmConfig } from '../core/realm/config.ts';

const CUSTODIES = ['offline', 'online'] as const;
const FIRST_KEYS = [prepareTrustSigners, firstTokenKey, createCheckpointKey];

export default class Init extends BaseCommand<typeof Init> {
  static override summary = 'Create a realm: its configuration, its state, and its first keys';
  static override description =
    'A realm is one directory: joinery.yaml (what you edit), state.db (what joinery remembers), keys/ (encrypted private keys). ' +
    'Offline keys (roots, trust signers, token signers) and online keys (issuing CAs, audit checkpoints) have passphrases of their own.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --environment platform_control --domain control.example.internal --cluster prod --roles worker,control-plane',
    '<%= config.bin %> <%= command.id %> --realm lab --environment lab --domain lab.example.internal --passphrase-file pass --online-passphrase-file online-pass',
  ];
  static override flags = {
    environment: Flags.string({ required: true, description: 'name of the environment, as it stands in trust bundles', helpValue: 'NAME' }),
    domain: Flags.string({ required: true, description: 'DNS domain of the environment; join URLs lie inside it', helpValue: 'DOMAIN' }),
    'trust-domain': Flags.string({ description: 'SPIFFE trust domain (default: the domain)', helpValue: 'NAME' }),
    cluster: Flags.string({ description: 'name of a first cluster', dependsOn: ['roles'], helpValue: 'NAME' }),
    roles: Flags.string({ description: 'roles of that cluster, with commas', dependsOn: ['cluster'], helpValue: 'ROLE,...' }),
    'insecure-plaintext-keys': Flags.boolean({ description: 'write private keys without encryption (for tests and throw-away labs)' }),
    ...realmFlags,
    ...keyFlags,
  };

  protected async execute(): Promise<Outcome> {
    const { flags } = this;
    const clusters = flags.cluster === undefined ? [] : [{ name: flags.cluster, roles: (flags.roles ?? '').split(',') }];
    const config = parseRealmConfig(
      {
        schema: 'joinery/realm-config/1',
        environment: { name: flags.environment, domain: flags.domain },
        trust_domain: flags['trust-domain'] ?? flags.domain,
        clusters,
      },
      'the configuration from the command line',
    );
    const plaintextKeys = flags['insecure-plaintext-keys'];
    const configText = await this.context.renderConfig(config);
    const realm = this.context.newRealm(config, plaintextKeys);
    // Asked before anything is made, so that ctrl-C at a question leaves nothing behind.
    if (!plaintextKeys) for (const custody of CUSTODIES) await this.context.passphrases(custody, 'create');
    const { realmId } = await this.context.progress.step('creating the realm and its keys', () =>
      createRealm(realm, { configText, plaintextKeys, keys: FIRST_KEYS }),
    );
    const { directory } = realm;
    return {
      data: { realm_id: realmId, directory, environment: flags.environment, trust_domain: config.trust_domain },
      text: `${fields({ realm: directory, environment: flags.environment, 'trust domain': config.trust_domain, id: realmId })}\n\nNext: joinery ca create NAME`,
    };
  }
}
