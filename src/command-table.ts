/** Every command and the module that holds it. A test keeps it equal to the files in `src/commands`. */
import type { CommandTable } from './cli/embedded-plugin.ts';

export const COMMANDS: CommandTable = {
  init: () => import('./commands/init.ts'),
};
