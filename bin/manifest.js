// The manifest of the commands as the sources say it, without a build.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Plugin } from '@oclif/core/config';
import { settings } from '@oclif/core/settings';

const root = fileURLToPath(new URL('..', import.meta.url));

export const packageJson = () => JSON.parse(readFileSync(`${root}package.json`, 'utf8'));

export async function sourceManifest() {
  settings.enableAutoTranspile = false;
  const pjson = packageJson();
  const plugin = new Plugin({
    root,
    pjson: { ...pjson, oclif: { ...pjson.oclif, commands: './src/commands' } },
    isRoot: true,
    ignoreManifest: true,
    errorOnManifestCreate: true,
    respectNoCacheDefault: true,
  });
  await plugin.load();
  return plugin.manifest;
}
