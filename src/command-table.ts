/** Every command and the module that holds it. A test keeps it equal to the files in `src/commands`. */
import type { CommandTable } from './cli/embedded-plugin.ts';

export const COMMANDS: CommandTable = {
  'ca:create': () => import('./commands/ca/create.ts'),
  'ca:export': () => import('./commands/ca/export.ts'),
  'ca:list': () => import('./commands/ca/list.ts'),
  'ca:show': () => import('./commands/ca/show.ts'),
  'ca:tree': () => import('./commands/ca/tree.ts'),
  completion: () => import('./commands/completion.ts'),
  demo: () => import('./commands/demo.ts'),
  init: () => import('./commands/init.ts'),
  'package:inspect': () => import('./commands/package/inspect.ts'),
  'package:render': () => import('./commands/package/render.ts'),
  'package:verify': () => import('./commands/package/verify.ts'),
  'token:keys:create': () => import('./commands/token/keys/create.ts'),
  'token:keys:export': () => import('./commands/token/keys/export.ts'),
  'token:keys:list': () => import('./commands/token/keys/list.ts'),
  'token:keys:rotate': () => import('./commands/token/keys/rotate.ts'),
  'token:mint': () => import('./commands/token/mint.ts'),
  'token:verify': () => import('./commands/token/verify.ts'),
  'trust:activate': () => import('./commands/trust/activate.ts'),
  'trust:apply': () => import('./commands/trust/apply.ts'),
  'trust:list': () => import('./commands/trust/list.ts'),
  'trust:publish': () => import('./commands/trust/publish.ts'),
  'trust:show': () => import('./commands/trust/show.ts'),
  'trust:status': () => import('./commands/trust/status.ts'),
};
