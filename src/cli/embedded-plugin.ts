/**
 * oclif's root plugin without any look-up of files: package.json, the manifest and the commands are handed in. So one recipe works
 * un-bundled, bundled and in a single executable, help needs no command module, and no foreign package.json is ever adopted.
 */
import type { Command } from '@oclif/core/command';
import { Plugin } from '@oclif/core/config';
import type { Manifest, PJSON } from '@oclif/core/interfaces';

/** Command id (`ca:create`) to its module. */
export type CommandTable = Readonly<Record<string, () => Promise<{ readonly default: Command.Class }>>>;

export class EmbeddedPlugin extends Plugin {
  readonly #table: CommandTable;
  readonly #embedded: { readonly pjson: PJSON; readonly manifest: Manifest };

  constructor(root: string, table: CommandTable, embedded: { readonly pjson: PJSON; readonly manifest: Manifest }) {
    super({ root, name: embedded.pjson.name, isRoot: true, pjson: embedded.pjson });
    this.#table = table;
    this.#embedded = embedded;
  }

  override load(): Promise<void> {
    const { pjson, manifest } = this.#embedded;
    Object.assign(this, {
      type: 'core',
      isRoot: true,
      root: this.options.root,
      pjson,
      name: pjson.name,
      alias: pjson.name,
      version: pjson.version,
    });
    Object.assign(this, {
      valid: true,
      hooks: {},
      moduleType: 'module',
      manifest,
      hasManifest: true,
      commandIDs: Object.keys(manifest.commands),
    });
    this.commands = Object.entries(manifest.commands).map(([id, command]) => ({
      ...command,
      load: () => this.findCommand(id),
      pluginAlias: this.alias,
      pluginType: 'core',
    }));
    return Promise.resolve();
  }

  override async findCommand(id: string): Promise<Command.Class> {
    const module = await withoutStreamListener(async () => this.#table[id]?.());
    if (module === undefined) throw new Error(`the manifest names the command ${id}, which does not exist`);
    const command = module.default;
    command.id = id;
    command.plugin = this;
    return command;
  }
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
