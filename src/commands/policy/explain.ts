import * as Flags from '@oclif/core/flags';
import { explainJoin } from '../../app/explain-policy.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { durationFlag, positional, realmFlags } from '../../cli/flags.ts';
import { readJson } from '../../cli/input.ts';
import { momentFlag } from '../../cli/moment.ts';
import { policyFile, policyWorld, realmIfAny } from '../../cli/policy-input.ts';
import { decisionData, explanationText } from '../../cli/render/policies.ts';
import { labelFlags } from '../../cli/token-flags.ts';
import { isJsonObject, type JsonObject } from '../../core/canonical-json.ts';
import { JoineryError } from '../../core/errors.ts';
import type { RealmConfig } from '../../core/realm/config.ts';
import type { Seconds } from '../../core/time.ts';

export default class PolicyExplain extends BaseCommand<typeof PolicyExplain> {
  static override summary = 'Say what a policy answers to one request, which rule decides, and what would have to differ';
  static override description =
    'Trust domain and environment come from the realm, where there is one. Labels are those of the token; claims are what an attestor verified. ' +
    'Exits 0 whatever the answer is: an explanation is what was asked for.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> policies/prod.yaml --cluster prod --role worker',
    '<%= config.bin %> <%= command.id %> policies/prod.yaml --cluster prod --role worker --claims claims.json --provider tpm --token-lifetime 15m',
  ];
  static override args = { file: positional({ description: 'policy, - for stdin', required: true }) };
  static override flags = {
    cluster: Flags.string({ required: true, description: 'cluster that the token names' }),
    role: Flags.string({ required: true, description: 'role that the token grants' }),
    node: Flags.string({ default: 'node-1', description: 'node id' }),
    label: Flags.string({ multiple: true, description: 'label of the token, key=value', helpValue: 'KEY=VALUE' }),
    environment: Flags.string({ description: "environment (default: the realm's)" }),
    'trust-domain': Flags.string({ description: "trust domain (default: the realm's)" }),
    claims: Flags.string({ description: 'verified claims: a JSON object', helpValue: 'FILE', dependsOn: ['provider'] }),
    provider: Flags.string({ description: 'attestor that verified the node' }),
    'evidence-age': Flags.string({ description: 'age of the evidence', dependsOn: ['provider'] }),
    'token-lifetime': Flags.string({ description: 'life of the token, or never (default: a renewal, without a token)' }),
    at: Flags.string({ description: 'moment of the request (default: now)', helpValue: 'TIME' }),
    realm: realmFlags.realm,
  };

  protected async execute(): Promise<Outcome> {
    const { flags } = this;
    const realm = (await realmIfAny(this.context, flags.realm !== undefined))?.config;
    const { cluster, role, node } = flags;
    const explained = await explainJoin(
      policyWorld(this.context),
      {
        policy: await policyFile(this.context.world.files, this.args.file),
        trustDomain: this.#ofRealm('trust-domain', realm?.trust_domain),
        environment: this.#ofRealm('environment', realm?.environment.name),
        cluster,
        role,
        node,
        labels: labelFlags(flags.label ?? []),
        attestation: await this.#attestation(),
        tokenLifetime: this.#tokenLifetime(),
        at: flags.at === undefined ? undefined : momentFlag('--at', flags.at),
      },
      realm,
    );
    const { name, version, decision, rules, nearest } = explained;
    return {
      data: {
        name,
        version,
        decision: decisionData(decision),
        nearest,
        rules: rules.map((rule) => ({
          ...rule,
          conditions: rule.conditions.map((condition) => ({ ...condition })),
          missing: [...rule.missing],
        })),
      },
      text: explanationText(explained, this.paint),
    };
  }

  #ofRealm(flag: 'trust-domain' | 'environment', realms: RealmConfig['trust_domain'] | undefined): string {
    const value = this.flags[flag] ?? realms;
    if (value !== undefined) return value;
    throw new JoineryError('ERR_USAGE', `--${flag}: expected a value, found neither one nor a realm`, {
      hint: 'or name a realm with --realm',
    });
  }

  async #attestation(): Promise<{ provider: string; claims: JsonObject; age: Seconds | 0 } | undefined> {
    const { provider, claims, 'evidence-age': age } = this.flags;
    if (provider === undefined) return undefined;
    return {
      provider,
      claims: claims === undefined ? {} : await this.#claims(claims),
      age: age === undefined ? 0 : durationFlag('--evidence-age', age),
    };
  }

  async #claims(path: string): Promise<JsonObject> {
    const { value, what } = await readJson(this.context.world.files, path);
    if (isJsonObject(value)) return value;
    throw new JoineryError('ERR_INPUT_MALFORMED', `${what}: expected a JSON object of claims, found something else`);
  }

  #tokenLifetime(): Seconds | null | undefined {
    const { 'token-lifetime': lifetime } = this.flags;
    if (lifetime === undefined || lifetime === 'never') return lifetime === undefined ? undefined : null;
    return durationFlag('--token-lifetime', lifetime);
  }
}
