import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { isJoineryError } from '../../../src/core/errors.ts';
import { fromBase64, toBase64, utf8 } from '../../../src/core/encoding.ts';
import { CLOUD_CONFIG_HEADER, renderCloudConfig } from '../../../src/core/onboarding/cloud-config.ts';
import { environmentOf, parseEnvFile, renderEnvFile } from '../../../src/core/onboarding/env-file.ts';
import { inspectUserData, renderInspected } from '../../../src/core/onboarding/inspect.ts';
import { nodeLayout } from '../../../src/core/onboarding/layout.ts';
import { packageModel, SCRIPT } from '../../fakes/package-model.ts';

const base = await packageModel();
const text = renderCloudConfig(base, SCRIPT);
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
  return CLOUD_CONFIG_HEADER + JSON.stringify(body);
}

/** User-data with the content of one file changed. */
function withFile(path: string, change: (content: string) => string): string {
  return changed((body) => {
    const file = body.write_files.find((entry) => entry.path === path) as Body['write_files'][number];
    file.content = toBase64(utf8(change(Buffer.from(fromBase64(file.content)).toString('utf8'))));
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

const hostile = fc.oneof(
  fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed()),
  fc.constantFrom(
    '#cloud-config',
    '\n#cloud-config\nruncmd: [reboot]',
    '&anchor *alias',
    '$(reboot)`id`',
    "'; reboot; '",
    '\u202etxt.exe',
    '- a: b',
    '%YAML 1.1',
    '\u0000',
  ),
  fc.constant('x'.repeat(65536)),
);
const labelName = fc.stringMatching(/^[A-Za-z0-9._/-]{1,20}$/);
const safeName = fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/);
const url = fc.stringMatching(/^https:\/\/[a-z][a-z0-9]{0,9}(:\d{1,4})?(\/[A-Za-z0-9._~!$&()*+,;=:@%/-]{0,20})?$/);

describe('inspect(render(model))', () => {
  it('is the model, whatever stands in its texts', async () => {
    const property = fc.asyncProperty(
      fc.dictionary(labelName, hostile, { maxKeys: 3, noNullPrototype: true }),
      fc.array(url, { minLength: 1, maxLength: 3 }),
      safeName,
      fc.option(fc.stringMatching(/^[\x21-\x7e]{1,60}$/)),
      fc.stringMatching(/^(\/[a-z][a-z0-9]{0,8}){1,3}$/),
      hostile,
      async (labels, urls, name, token, directory, bundle) => {
        const onboarding = { join_urls: urls, api_url: urls[0] as string, cluster: name, node: name, directory };
        const model = await packageModel({ onboarding, token, seedPeers: { peers: [{ address: 'n1:1', labels }] } });
        const hostileModel = {
          ...model,
          trust: { ...model.trust, 'control-plane-https': { ...model.trust['control-plane-https'], bundlePem: bundle } },
        };
        const rendered = renderInspected(hostileModel, SCRIPT);
        expect(rendered.split('\n', 1)[0]).toBe('#cloud-config');
        expect(/^[\x20-\x7e\n]*$/.test(rendered)).toBe(true);
        const { model: back } = inspectUserData(rendered);
        expect({ ...back, token: back.token?.reveal() }).toEqual({ ...hostileModel, token: token ?? undefined });
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });

  it('gives the same bytes for the same model', async () => {
    expect(renderCloudConfig(await packageModel(), SCRIPT)).toBe(text);
  });

  it('is byte for byte the golden document', async () => {
    await expect(text).toMatchFileSnapshot('../../golden/cloud-config.txt');
  });

  it('has the keys of cloud-init that it needs and no other', () => {
    const body = JSON.parse(text.slice(CLOUD_CONFIG_HEADER.length)) as Body;
    expect(Object.keys(body)).toEqual(['bootcmd', 'write_files', 'runcmd', 'merge_how']);
    expect(body.bootcmd).toEqual([['install', '-d', '-m', '0700', '-o', 'root', '-g', 'root', '/var/lib/joinery/secrets']]);
    expect(body.write_files.find((file) => file.path === layout.token)?.permissions).toBe('0600');
  });

  it('lets nothing else out when the renderer lies', async () => {
    const other = await packageModel({ onboarding: { cluster: 'edge' } });
    expect(() => renderInspected(base, SCRIPT, () => renderCloudConfig(other, SCRIPT))).toThrow(
      expect.objectContaining({ code: 'ERR_PACKAGE_UNFAITHFUL' }),
    );
    const withoutToken = await packageModel({ token: null });
    expect(() => renderInspected(withoutToken, SCRIPT, () => text)).toThrow(expect.objectContaining({ code: 'ERR_PACKAGE_UNFAITHFUL' }));
  });

  it('never shows the token', () => {
    expect(JSON.stringify(inspectUserData(text).model)).not.toContain(base.token?.reveal());
  });
});

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
    ['content that is not base64', changed((body) => ((body.write_files[0] as { content: string }).content = '!'))],
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
    const values = environmentOf(base.onboarding, true);
    expect(parseEnvFile(renderEnvFile(values), 'env')).toEqual(values);
    expect([...values.keys()]).toContain('JOINERY_JOIN_TOKEN_FILE');
    expect([...environmentOf(base.onboarding, false).keys()]).not.toContain('JOINERY_JOIN_TOKEN_FILE');
  });
});
