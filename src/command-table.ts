/** Every command and the module that holds it. A test keeps it equal to the files in `src/commands`. */
import type { CommandTable } from './cli/embedded-plugin.ts';

export const COMMANDS: CommandTable = {
  'ca:create': () => import('./commands/ca/create.ts'),
  'ca:export': () => import('./commands/ca/export.ts'),
  'ca:list': () => import('./commands/ca/list.ts'),
  'ca:show': () => import('./commands/ca/show.ts'),
  'ca:tree': () => import('./commands/ca/tree.ts'),
  init: () => import('./commands/init.ts'),
};
