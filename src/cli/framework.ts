/** The whole of oclif, for what needs it: help, topics, the list of commands. */
import type { Manifest, PJSON } from '@oclif/core/interfaces';
import { run } from '@oclif/core/run';
import type { CommandTable } from './command-loader.ts';
import { EmbeddedPlugin } from './embedded-plugin.ts';

export interface FrameworkProgram {
  readonly root: string;
  readonly pjson: PJSON;
  readonly manifest: Manifest;
}

/** @throws what the command throws, and oclif's errors for unknown commands. */
export async function runFramework(argv: readonly string[], program: FrameworkProgram, table: CommandTable): Promise<void> {
  const { root, pjson, manifest } = program;
  const plugin = new EmbeddedPlugin(root, table, { pjson, manifest });
  await plugin.load();
  await run([...argv], { root, pjson, plugins: new Map([[plugin.name, plugin]]) });
}
