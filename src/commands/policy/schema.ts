import * as Flags from '@oclif/core/flags';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { policyCrd } from '../../core/policy/crd.ts';
import { policySchema } from '../../core/policy/document.ts';

export default class PolicySchema extends BaseCommand<typeof PolicySchema> {
  static override summary = 'Print the JSON Schema of policies, or their CustomResourceDefinition for Kubernetes';
  static override description = 'The schema is the one that joinery enforces. The definition is for kubectl apply, which reads JSON too.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> > join-policy.schema.json',
    '<%= config.bin %> <%= command.id %> --crd | kubectl apply -f -',
  ];
  static override flags = { crd: Flags.boolean({ description: 'the CustomResourceDefinition' }) };

  protected execute(): Promise<Outcome> {
    const document = this.flags.crd ? policyCrd() : policySchema();
    return Promise.resolve({ data: { content: document }, text: JSON.stringify(document, null, 2) });
  }
}
