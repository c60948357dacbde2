import { caTree } from '../../app/list-cas.ts';
import { BaseCommand, type Outcome } from '../../cli/base-command.ts';
import { realmFlags } from '../../cli/flags.ts';
import { authorityTree, treeData } from '../../cli/render/authorities.ts';

export default class CaTree extends BaseCommand<typeof CaTree> {
  static override summary = 'Show the hierarchy of certificate authorities, with their ends';
  static override examples = ['<%= config.bin %> <%= command.id %>'];
  static override flags = { ...realmFlags };

  protected async execute(): Promise<Outcome> {
    const realm = await this.context.realm();
    const roots = await caTree(realm);
    return { data: { roots: treeData(roots) }, text: authorityTree(roots, realm.clock.now()) };
  }
}
