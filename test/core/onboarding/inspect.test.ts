import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { isJoineryError } from '../../../src/core/errors.ts';
import { utf8 } from '../../../src/core/encoding.ts';
import { nodePlan } from '../../../src/core/onboarding/files.ts';
import { cloudConfigText } from '../../../src/core/onboarding/formats/cloud-config.ts';
import { environmentOf, parseEnvFile, renderEnvFile } from '../../../src/core/onboarding/env-file.ts';
import { inspectArtifacts } from '../../../src/core/onboarding/inspect.ts';
import { nodeLayout } from '../../../src/core/onboarding/layout.ts';
import { ASSETS, onboardingWith, packageModel } from '../../fakes/package-model.ts';

const base = await packageModel();
const CLOUD_CONFIG_HEADER = '#cloud-config\n';
const text = cloudConfigText(nodePlan(base, ASSETS));
const inspectUserData = (document: string) => inspectArtifacts('cloud-config', new Map([['user-data', utf8(document)]]));
const layout = nodeLayout(base.onboarding);

interface Body {
  bootcmd: string[][];
  runcmd: string[][];
  merge_how: JsonObject[];
  write_files: { path: string; owner: string; permissions: string; encoding: string; content: string }[];
  [member: string]: unknown;
}

/** User-data with its body changed. */
function changed(change: (body: Body) => void): string {
  const body = JSON.parse(text.slice(CLOUD_CONFIG_HEADER.length)) as Body;
  change(body);
  return `${CLOUD_CONFIG_HEADER}${JSON.stringify(body, null, 1)}\n`;
}

/** User-data with the content of one file changed. */
function withFile(path: string, change: (content: string) => string): string {
  return changed((body) => {
    const file = body.write_files.find((entry) => entry.path === path) as Body['write_files'][number];
    file.content = change(file.content);
  });
}

/** How a reading ends: `ok`, or the family of its coded error. */
function familyOf(read: () => unknown): string {
  try {
    read();
    return 'ok';
  } catch (error) {
    return isJoineryError(error) ? error.family : String(error);
  }
}

describe('user-data that joinery would not have rendered', () => {
  it.each<[string, string]>([
    ['another first line', text.replace('#cloud-config', '#!/bin/sh')],
    ['a byte order mark', `\ufeff${text}`],
    ['no JSON', `${CLOUD_CONFIG_HEADER}runcmd: [reboot]\n`],
    ['a duplicate member', text.replace('"bootcmd":', '"runcmd": [], "bootcmd":')],
    ['another key', changed((body) => (body['users'] = []))],
    ['another command at boot', changed((body) => body.bootcmd.push(['reboot']))],
    ['another command', changed((body) => body.runcmd.push(['reboot']))],
    ['no command', changed((body) => (body.runcmd = []))],
    ['another merge', changed((body) => (body.merge_how = []))],
    [
      'a foreign file',
      changed((body) => body.write_files.push({ ...(body.write_files[0] as Body['write_files'][number]), path: '/etc/passwd' })),
    ],
    ['a file twice', changed((body) => body.write_files.push(body.write_files[0] as Body['write_files'][number]))],
    ['a file missing', changed((body) => (body.write_files = body.write_files.filter((file) => file.path !== layout.environment)))],
    ['no onboarding document', changed((body) => (body.write_files = body.write_files.filter((file) => file.path !== layout.onboarding)))],
    [
      'two of them',
      changed((body) => body.write_files.push({ ...(body.write_files[0] as Body['write_files'][number]), path: '/x/onboarding.json' })),
    ],
    [
      'it elsewhere',
      withFile(layout.onboarding, (content) => content.replace('"directory":"/var/lib/joinery"', '"directory":"/var/lib/other"')),
    ],
    ['a wider mode', changed((body) => ((body.write_files.at(-2) as { permissions: string }).permissions = '0755'))],
    ['another owner', changed((body) => ((body.write_files[0] as { owner: string }).owner = 'nobody:nogroup'))],
    ['content that is not base64', changed((body) => Object.assign(body.write_files[0] as object, { encoding: 'b64', content: '!' }))],
    ['content that needs no base64', changed((body) => Object.assign(body.write_files[0] as object, { encoding: 'b64', content: 'eAo=' }))],
    ['a token with a line break', withFile(layout.token, (content) => `${content}\n`)],
    ['an environment with another value', withFile(layout.environment, (content) => content.replace('prod', 'edge'))],
    ['an environment with another line', withFile(layout.environment, (content) => `${content}LD_PRELOAD='/tmp/x'\n`)],
    ['an environment that runs', withFile(layout.environment, (content) => `${content}$(reboot)\n`)],
    ['an environment with a key twice', withFile(layout.environment, (content) => content + (content.split('\n')[1] as string))],
    ['another trust state', withFile(layout.trustState, (content) => content.replace('"floor":1', '"floor":0'))],
    ['a manifest of another form', withFile(layout.manifests['node-cert-lifecycle'], () => '{}')],
    [
      'a manifest file with two versions',
      withFile(layout.manifests['node-cert-lifecycle'], (content) => content.replace(/\[(\{"activation".*\})\]/, '[$1,$1]')),
    ],
    ['seed peers of another form', withFile(layout.seedPeers, () => '[]')],
    [
      'seed peers with a label that is none',
      withFile(layout.seedPeers, (content) => content.replace('[]', '[{"address":"a:1","labels":{"a b":""}}]')),
    ],
  ])('is refused: %s', (_, document) => {
    expect(() => inspectUserData(document)).toThrow(expect.objectContaining({ family: 'malformed' }));
  });

  it('is refused with a coded error for any text', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(text.length - 1), (noise, at) => {
        for (const document of [CLOUD_CONFIG_HEADER + noise, text.slice(0, at) + noise + text.slice(at + 1)]) {
          expect(['ok', 'malformed']).toContain(familyOf(() => inspectUserData(document)));
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('joinery.env', () => {
  it('reads back what it wrote', () => {
    const values = environmentOf(base.onboarding);
    expect(parseEnvFile(renderEnvFile(values), 'env')).toEqual(values);
    expect([...values.keys()]).toContain('JOINERY_JOIN_TOKEN_FILE');
    const without = onboardingWith({ token_delivery: 'none' });
    expect([...environmentOf(without).keys()]).not.toContain('JOINERY_JOIN_TOKEN_FILE');
  });
});
