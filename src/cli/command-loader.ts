/** Loads the module of a command when it is asked for. */
import type { CommandClass } from './base-command.ts';

/** Command id (`ca:create`) to its module. */
export type CommandTable = Readonly<Record<string, () => Promise<{ readonly default: CommandClass }>>>;

/** @throws Error for an id that the table does not hold. */
export async function loadCommand(table: CommandTable, id: string): Promise<CommandClass> {
  const module = await table[id]?.();
  if (module === undefined) throw new Error(`the manifest names the command ${id}, which does not exist`);
  module.default.id = id;
  return module.default;
}
