/** Loads the module of a command when it is asked for, and undoes what loading the framework's Command does to stdout. */
import type { CommandClass } from './base-command.ts';

/** Command id (`ca:create`) to its module. */
export type CommandTable = Readonly<Record<string, () => Promise<{ readonly default: CommandClass }>>>;

/** @throws Error for an id that the table does not hold. */
export async function loadCommand(table: CommandTable, id: string): Promise<CommandClass> {
  const module = await withoutStreamListener(async () => table[id]?.());
  if (module === undefined) throw new Error(`the manifest names the command ${id}, which does not exist`);
  module.default.id = id;
  return module.default;
}

/** oclif's Command, once loaded, turns every error of stdout but a broken pipe into a crash; main.ts and write() report them. */
async function withoutStreamListener<T>(load: () => Promise<T>): Promise<T> {
  const before = process.stdout.listeners('error');
  const loaded = await load();
  for (const listener of process.stdout.listeners('error')) {
    if (!before.includes(listener)) process.stdout.off('error', listener as () => void);
  }
  return loaded;
}
