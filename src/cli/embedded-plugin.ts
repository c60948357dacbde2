/**
 * oclif's root plugin without any look-up of files: package.json, the manifest and the commands are handed in. So one recipe works
 * un-bundled, bundled and in a single executable, help needs no command module, and no foreign package.json is ever adopted.
 */
import type { Command } from '@oclif/core/command';
import { Plugin } from '@oclif/core/config';
import type { Manifest, PJSON } from '@oclif/core/interfaces';
import { type CommandTable, loadCommand } from './command-loader.ts';

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
    const command = await loadCommand(this.#table, id);
    command.plugin = this;
    return command;
  }
}
