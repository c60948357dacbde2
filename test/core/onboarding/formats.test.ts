import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../src/core/digest.ts';
import { fromBase64, utf8 } from '../../../src/core/encoding.ts';
import { isJoineryError } from '../../../src/core/errors.ts';
import { type AgentTemplate, agentCommands, agentContents, agentFileModes } from '../../../src/core/onboarding/agent-files.ts';
import { nodePlan, setupCommands } from '../../../src/core/onboarding/files.ts';
import { FORMAT_TABLE, type FormatName, formatOf, formatOfPackage, FORMATS } from '../../../src/core/onboarding/formats/table.ts';
import { readIso, writeIso } from '../../../src/core/onboarding/formats/iso9660.ts';
import { readTar, writeTar } from '../../../src/core/onboarding/formats/tar.ts';
import { inspectArtifacts, renderInspected } from '../../../src/core/onboarding/inspect.ts';
import type { PackageModel, UserPart } from '../../../src/core/onboarding/model.ts';
import { tokenCopies } from '../../../src/core/onboarding/token-copies.ts';
import { testCa } from '../../fakes/anchors.ts';
import { ASSETS, onboardingWith, packageModel, TRUST_PARTS } from '../../fakes/package-model.ts';
import { hostile, labelName, nodeDirectory, safeName, url } from '../../fakes/package-values.ts';

const PART: UserPart = { name: 'base.cfg', type: 'text/cloud-config', bytes: utf8('#cloud-config\npackages: [chrony]\n') };
const base = await packageModel({ onboarding: { node: 'n1' } });
const render = (format: FormatName, model: PackageModel) =>
  renderInspected(format, format === 'multipart' ? { ...model, parts: [PART] } : model, ASSETS);
const mapOf = (artifacts: readonly { path: string; bytes: Uint8Array }[]) => new Map(artifacts.map(({ path, bytes }) => [path, bytes]));
const plain = ({ token, ...model }: PackageModel) => ({ ...model, token: token?.reveal() });
const refused = (code: string) => expect.objectContaining({ code });

describe.each(FORMATS)('%s', (format) => {
  it('reads back as its model, whatever stands in its texts', async () => {
    const property = fc.asyncProperty(
      fc.dictionary(labelName, hostile, { maxKeys: 3, noNullPrototype: true }),
      fc.array(url, { minLength: 1, maxLength: 3 }),
      safeName,
      fc.option(fc.stringMatching(/^[\x21-\x7e]{1,60}$/)),
      nodeDirectory,
      hostile,
      fc.boolean(),
      async (labels, urls, name, token, directory, bundle, embedded) => {
        const onboarding = { join_urls: urls, api_url: urls[0] as string, cluster: name, node: name, directory };
        const more = embedded ? {} : { trust_url: urls[0] as string, owner: 'agent:1000', file_mode: '0640', service: 'gpu-join' };
        const made = await packageModel({
          onboarding: { ...onboarding, ...more },
          token,
          seedPeers: { peers: [{ address: 'n1:1', labels }] },
        });
        const { trust: _, ...fetched } = made;
        const trust = { ...TRUST_PARTS, 'control-plane-https': { ...TRUST_PARTS['control-plane-https'], bundlePem: bundle } };
        const model = embedded ? { ...fetched, trust } : fetched;
        const artifacts = mapOf(render(format, model));
        const expected = format === 'multipart' ? { ...model, parts: [PART] } : model;
        expect(plain(inspectArtifacts(format, artifacts).model)).toEqual(plain(expected));
        expect(formatOfPackage(artifacts)).toBe(format);
        const { userData } = FORMAT_TABLE[format];
        // Nothing of a text reaches the document but in base64.
        if (userData !== undefined)
          expect(/^[\x20-\x7e\n]*$/.test(Buffer.from(artifacts.get(userData) as Uint8Array).toString('latin1'))).toBe(true);
      },
    );
    await fc.assert(property, { numRuns: 20 });
  });

  it('gives the same bytes for the same model, and is the golden document', async () => {
    const [first, second] = [render(format, base), render(format, await packageModel({ onboarding: { node: 'n1' } }))];
    expect(first).toEqual(second);
    for (const { path, bytes } of first) {
      const golden = `../../golden/${format}/${path}`;
      if (path.endsWith('.iso') || path.endsWith('.tar'))
        await expect(`${digestOf(bytes)}  ${path}\n`).toMatchFileSnapshot(`${golden}.sha256`);
      else await expect(Buffer.from(bytes).toString('utf8')).toMatchFileSnapshot(`${golden}.txt`);
    }
  });

  it('is refused with any byte changed, cut or added, unless it is the content of a file that says so', () => {
    const artifacts = mapOf(render(format, base));
    // The files of the node, and the parts of the operator that a document of several parts carries.
    const contentOf = (found: ReadonlyMap<string, Uint8Array>): string => {
      const { files, model } = inspectArtifacts(format, found);
      const parts = (model.parts ?? []).map(({ name, type, bytes }) => [name, type, digestOf(bytes)]);
      return JSON.stringify([files.map((file) => digestOf(file.bytes)), parts]);
    };
    const content = contentOf(artifacts);
    for (const [path, bytes] of artifacts) {
      const ends = (changed: Uint8Array): string => {
        try {
          return contentOf(new Map([...artifacts, [path, changed]])) === content ? 'ok' : 'another content';
        } catch (error) {
          return isJoineryError(error) ? error.family : String(error);
        }
      };
      fc.assert(
        fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
          const changed = Uint8Array.from(bytes);
          changed[at] = (changed[at] as number) ^ flip;
          expect(['malformed', 'another content']).toContain(ends(changed));
          expect(ends(bytes.subarray(0, at))).toBe('malformed');
        }),
        { numRuns: 60 },
      );
      expect(ends(Buffer.concat([bytes, Buffer.from('\n')]))).toBe('malformed');
      expect(ends(new Uint8Array())).toBe('malformed');
    }
  });

  it('is told by its first bytes', () => {
    const bytes = render(format, base)[0]?.bytes as Uint8Array;
    expect(formatOf(bytes, 'x')).toBe(format === 'nocloud' ? 'cloud-config' : format);
  });

  it('says where copies of a token remain', () => {
    expect(tokenCopies(format).length).toBeGreaterThan(1);
  });
});

describe('formats', () => {
  it('are refused when the files are of none, or of two', () => {
    const artifacts = mapOf(render('tar', base));
    expect(() => formatOfPackage(new Map([...artifacts, ['config.ign', utf8('{}')]]))).toThrow(refused('ERR_PACKAGE_MALFORMED'));
    expect(() => formatOfPackage(new Map())).toThrow(/found none/);
    expect(() => formatOf(utf8('#!/bin/bash\n'), 'x')).toThrow(refused('ERR_PACKAGE_MALFORMED'));
    expect(() => inspectArtifacts('nocloud-iso', new Map())).toThrow(refused('ERR_PACKAGE_MALFORMED'));
  });

  it('let a file of a seed be looked at alone, and refuse another node in its meta-data', () => {
    const artifacts = mapOf(render('nocloud', base));
    const alone = new Map([['user-data', artifacts.get('user-data') as Uint8Array]]);
    expect(inspectArtifacts('nocloud', alone).model.onboarding.node).toBe('n1');
    expect(() => inspectArtifacts('nocloud', new Map([['meta-data', artifacts.get('meta-data') as Uint8Array]]))).toThrow(
      refused('ERR_PACKAGE_MALFORMED'),
    );
  });

  it('name the host of a seed only where the node is named like one', async () => {
    const metaOf = async (node: string) => {
      const artifacts = mapOf(render('nocloud', await packageModel({ onboarding: { node } })));
      return JSON.parse(Buffer.from(artifacts.get('meta-data') as Uint8Array).toString('utf8')) as Record<string, string>;
    };
    expect(await metaOf('n1.rack')).toMatchObject({
      'local-hostname': 'n1.rack',
      'instance-id': expect.stringMatching(/^joinery-[0-9a-f]{32}$/) as string,
    });
    expect(Object.keys(await metaOf('N_1'))).toEqual(['instance-id']);
  });

  it('have no place for what is too large', () => {
    const assets = { ...ASSETS, trustCheck: new Uint8Array(500_000) };
    expect(() => renderInspected('cloud-config', base, assets)).toThrow(refused('ERR_PACKAGE_SIZE'));
    expect(renderInspected('tar', base, assets)).toHaveLength(1);
  });

  it('let nothing else out when a renderer lies', async () => {
    const other = nodePlan(await packageModel({ onboarding: { cluster: 'edge' } }), ASSETS);
    const lying = { ...FORMAT_TABLE, tar: { ...FORMAT_TABLE.tar, encode: () => FORMAT_TABLE.tar.encode(other) } };
    expect(() => renderInspected('tar', base, ASSETS, lying)).toThrow(refused('ERR_PACKAGE_UNFAITHFUL'));
  });

  it('put the anchors of the control plane into the system trust store when told so, each in a file', async () => {
    const bundlePem = (await testCa('web-root')).pem + (await testCa('web-root-2')).pem;
    const trust = { ...TRUST_PARTS, 'control-plane-https': { ...TRUST_PARTS['control-plane-https'], bundlePem } };
    const model = { ...(await packageModel({ onboarding: { system_trust_store: 'control-plane-https' } })), trust };
    const back = inspectArtifacts('tar', mapOf(render('tar', model)));
    const store = back.files.filter(({ path }) => path.startsWith('/usr/local/share/ca-certificates/'));
    expect(store.map(({ path }) => path.split('/').at(-1))).toEqual([
      'joinery-join-control-plane-https-1.crt',
      'joinery-join-control-plane-https-2.crt',
    ]);
    expect(store.every(({ owner, mode }) => owner === 'root:root' && mode === 0o644)).toBe(true);
    expect(setupCommands(model.onboarding).map(([word]) => word)).toEqual(['sh', 'update-ca-certificates']);
  });
});

describe('the agent in a package', () => {
  const templates: readonly AgentTemplate[] = [
    { template: 'a.sh', path: '@NODE_DIR@/bin/join-agent', mode: 0o755, agents: ['script'] },
    { template: 'b.service', path: '/etc/systemd/system/@SERVICE@.service', mode: 0o644, agents: ['script', 'binary'] },
  ];
  const texts = new Map([
    ['a.sh', 'x\n'],
    ['b.service', 'ExecStart=@AGENT@\nEnvironmentFile=@ENV_FILE@ @ENV_PREFIX@ @SERVICE@ @OTHER@\n'],
  ]);

  it('is its templates, filled in', () => {
    const onboarding = onboardingWith({ agent: 'script', service: 'gpu-join' });
    expect(agentFileModes(onboarding, templates)).toEqual([
      ['/var/lib/joinery/bin/join-agent', 0o755],
      ['/etc/systemd/system/gpu-join.service', 0o644],
    ]);
    const contents = agentContents(onboarding, { templates: texts }, templates);
    expect(Buffer.from(contents.get('/etc/systemd/system/gpu-join.service') as Uint8Array).toString('utf8')).toBe(
      'ExecStart=/var/lib/joinery/bin/join-agent\nEnvironmentFile=/var/lib/joinery/joinery.env JOINERY gpu-join @OTHER@\n',
    );
    expect(agentCommands(onboarding, [['sh', '@AGENT@', 'enable']])).toEqual([['sh', '/var/lib/joinery/bin/join-agent', 'enable']]);
    expect(() => agentContents(onboarding, { templates: new Map() }, templates)).toThrow(refused('ERR_FILE_NOT_FOUND'));
  });

  it('is an executable, or nothing', () => {
    const binary = onboardingWith({ agent: 'binary' });
    const contents = agentContents(binary, { templates: texts, binary: utf8('ELF') }, templates);
    expect([...contents.keys()]).toEqual(['/etc/systemd/system/joinery-join.service', '/var/lib/joinery/bin/joinery']);
    expect(agentFileModes(binary, templates).map(([path]) => path)).toEqual([...contents.keys()]);
    const none = onboardingWith();
    expect([
      ...agentContents(none, { templates: texts }, templates),
      ...agentFileModes(none, templates),
      ...agentCommands(none, [['x']]),
    ]).toEqual([]);
  });
});

describe('ignition', () => {
  it('names owners by name or number, and has content inside only', async () => {
    const model = await packageModel({ onboarding: { owner: '1000:agent' } });
    const [artifact] = render('ignition', model);
    const text = Buffer.from(artifact?.bytes as Uint8Array).toString('utf8');
    expect(text).toContain('"user": {\n     "id": 1000\n    },\n    "group": {\n     "name": "agent"');
    const fetched = new Map([['config.ign', utf8(text.replace('data:application/octet-stream;base64,', 'https://evil.example/'))]]);
    expect(() => inspectArtifacts('ignition', fetched)).toThrow(/content in a data URL/);
  });
});

describe('tar', () => {
  const entry = (path: string) => ({ path, owner: '1000:agent', mode: 0o644, bytes: utf8('x') });

  it('splits long paths, and refuses those that it cannot hold', () => {
    const long = `${'a'.repeat(99)}/${'b'.repeat(50)}/${'c'.repeat(60)}`;
    expect(readTar(writeTar([entry(long)], 0), 'x').map(({ path, owner }) => [path, owner])).toEqual([[long, '1000:agent']]);
    for (const path of ['d'.repeat(101), `${'e'.repeat(160)}/f`.padEnd(120, 'f'), `${'g'.repeat(100)}/`])
      expect(() => writeTar([{ ...entry(path) }], 0)).toThrow(refused('ERR_PACKAGE_PATH'));
  });

  it('reads directories, and refuses other archives', () => {
    const archive = writeTar([{ path: 'd', owner: 'root:root', mode: 0o700 }, entry('d/f')], 7);
    expect(readTar(archive, 'x').map(({ path, bytes }) => [path, bytes?.length])).toEqual([
      ['d', undefined],
      ['d/f', 1],
    ]);
    const link = Uint8Array.from(archive);
    link[156] = '2'.charCodeAt(0);
    expect(() => readTar(link, 'x')).toThrow(refused('ERR_PACKAGE_MALFORMED'));
    expect(() => readTar(archive.subarray(0, 1024), 'x')).toThrow(refused('ERR_PACKAGE_MALFORMED'));
  });
});

describe('ISO 9660', () => {
  it('gives the files back', () => {
    const files = [
      { path: 'user-data', bytes: new Uint8Array(5000).fill(7) },
      { path: 'meta-data', bytes: new Uint8Array() },
    ];
    const image = writeIso('CIDATA', files, '2026-11-22T10:00:00Z');
    expect(writeIso('CIDATA', files.toReversed(), '2026-11-22T10:00:00Z')).toEqual(image);
    expect(image.length % 2048).toBe(0);
    expect(readIso(image, 'x').map(({ path, bytes }) => [path, bytes.length])).toEqual([
      ['meta-data', 0],
      ['user-data', 5000],
    ]);
    expect(readIso(new Uint8Array(25 * 2048), 'x')).toEqual([]);
    expect(() => readIso(fromBase64('AAAA'), 'x')).toThrow(refused('ERR_PACKAGE_MALFORMED'));
  });
});
