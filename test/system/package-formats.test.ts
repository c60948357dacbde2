/** Every rendered format, with hostile texts inside, as the tools of others read it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ajvDraft04 from 'ajv-draft-04';
import ajvFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/encoding.ts';
import { digestOf } from '../../src/core/digest.ts';
import { type FormatName, FORMATS } from '../../src/core/onboarding/formats/table.ts';
import { inspectArtifacts, renderInspected } from '../../src/core/onboarding/inspect.ts';
import type { NodeFile } from '../../src/core/onboarding/files.ts';
import type { PackageModel, UserPart } from '../../src/core/onboarding/model.ts';
import { ASSETS, packageModel } from '../fakes/package-model.ts';
import { HOSTILE } from '../fakes/package-values.ts';

const work = mkdtempSync(join(tmpdir(), 'joinery-formats-'));
const node = join(work, 'node');
const PART: UserPart = { name: 'base.cfg', type: 'text/cloud-config', bytes: utf8('#cloud-config\nruncmd: [[touch, /first]]\n') };
const SCHEMA = '/usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json';
let model: PackageModel;
let files: readonly NodeFile[];

function run(command: string, args: readonly string[], input?: string) {
  const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', input, timeout: 120_000 });
  if (error !== undefined) throw new Error(`${command}: ${error.message} (the packages are listed in .ci/run)`);
  return { status, stdout, stderr };
}

const place = (format: FormatName, path: string) => join(work, format, path);
const python = (script: string, ...args: readonly string[]) =>
  JSON.parse(execFileSync('/usr/bin/python3', ['-I', '-c', script, ...args], { encoding: 'utf8' })) as unknown;
const expectedFiles = () => files.map(({ path, mode, bytes }) => [path, mode.toString(8).padStart(4, '0'), digestOf(bytes)]);

beforeAll(async () => {
  const labels = Object.fromEntries([...HOSTILE, 'x'.repeat(65536)].map((value, index) => [`label-${index}`, value]));
  model = await packageModel({ onboarding: { node: 'n1', directory: node }, seedPeers: { peers: [{ address: 'n1:1', labels }] } });
  for (const format of FORMATS) {
    const artifacts = renderInspected(format, format === 'multipart' ? { ...model, parts: [PART] } : model, ASSETS);
    mkdirSync(join(work, format));
    for (const { path, bytes } of artifacts) writeFileSync(place(format, path), bytes);
    if (format === 'tar') ({ files } = inspectArtifacts(format, new Map(artifacts.map(({ path, bytes }) => [path, bytes]))));
  }
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** What is on the node after a format was applied; then it is gone. */
function applied(): unknown {
  const found = files.map(({ path }) => [path, (lstatSync(path).mode & 0o7777).toString(8).padStart(4, '0'), digestOf(readFileSync(path))]);
  expect(lstatSync(join(node, 'secrets')).mode & 0o7777).toBe(0o700);
  rmSync(node, { recursive: true });
  return found;
}

const READ_YAML = `
import base64, hashlib, json, sys, yaml
body = yaml.safe_load(open(sys.argv[1], encoding='utf-8'))
files = [[f['path'], f['permissions'], hashlib.sha256(base64.b64decode(f['content']) if f.get('encoding') == 'b64' else f['content'].encode()).hexdigest()] for f in body['write_files']]
print(json.dumps({'keys': sorted(body), 'files': files, 'runcmd': body['runcmd']}))`;

describe('cloud-config', () => {
  it.each(['cloud-config', 'nocloud'] as const)('of %s is, as YAML 1.1, the files and nothing else', (format) => {
    expect(python(READ_YAML, place(format, 'user-data'))).toEqual({
      keys: ['bootcmd', 'merge_how', 'runcmd', 'write_files'],
      files: expectedFiles(),
      runcmd: [['sh', join(node, 'bin/setup')]],
    });
  });

  it('satisfies the schema of cloud-init by cloud-init, and by a JSON Schema library', () => {
    const { status, stdout, stderr } = run('/usr/bin/python3', [
      '/usr/bin/cloud-init',
      'schema',
      '--config-file',
      place('cloud-config', 'user-data'),
    ]);
    expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: expect.stringContaining('Valid') as string });
    const ajv = new ajvDraft04.default({ strict: false, allErrors: true });
    ajvFormats.default(ajv);
    const validate = ajv.compile(JSON.parse(readFileSync(SCHEMA, 'utf8')) as object);
    const body: unknown = JSON.parse(readFileSync(place('cloud-config', 'user-data'), 'utf8').slice('#cloud-config\n'.length));
    expect({ valid: validate(body), errors: validate.errors }).toEqual({ valid: true, errors: null });
    expect(validate({ ...(body as object), write_files: [{ path: 7 }] })).toBe(false);
  });
});

describe('multipart', () => {
  it('is, as MIME, the part of the operator and then ours', () => {
    const script = `
import email, json, sys
message = email.message_from_bytes(open(sys.argv[1], 'rb').read())
print(json.dumps([[p.get_content_type(), p.get_filename(), p.get_payload(decode=True).decode('utf-8')] for p in message.walk() if not p.is_multipart()]))`;
    const parts = python(script, place('multipart', 'user-data')) as [string, string, string][];
    expect(parts.map(([type, name]) => [type, name])).toEqual([
      ['text/cloud-config', 'base.cfg'],
      ['text/cloud-config', 'joinery.cfg'],
    ]);
    expect(parts[1]?.[2]).toBe(readFileSync(place('cloud-config', 'user-data'), 'utf8'));
  });

  it('is merged by cloud-init so that both parts keep their commands', () => {
    const script = `
import json, sys
sys.path.insert(0, '/usr/lib/python3/dist-packages')
from cloudinit import helpers, user_data, util
from cloudinit.handlers.cloud_config import CloudConfigPartHandler
from cloudinit import handlers
paths = helpers.Paths({'cloud_dir': sys.argv[2], 'run_dir': sys.argv[2]})
message = user_data.UserDataProcessor(paths).process(open(sys.argv[1], 'rb').read())
handler = CloudConfigPartHandler(paths)
for part in message.walk():
    if part.get_content_type() == 'text/cloud-config':
        handler.handle_part('data', part.get_content_type(), part.get_filename(), part.get_payload(decode=True).decode(), None, {})
merged = util.mergemanydict([handler.cloud_buf]) if handler.cloud_buf else {}
print(json.dumps({'runcmd': merged['runcmd'], 'files': len(merged['write_files'])}))`;
    const merged = JSON.parse(
      execFileSync('/usr/bin/python3', ['-c', script, place('multipart', 'user-data'), work], { encoding: 'utf8' }),
    ) as unknown;
    expect(merged).toEqual({
      runcmd: [
        ['touch', '/first'],
        ['sh', join(node, 'bin/setup')],
      ],
      files: files.length,
    });
  });
});

describe('nocloud-iso', () => {
  const image = () => place('nocloud-iso', 'seed.iso');

  it('is an image that isoinfo and xorriso read', () => {
    expect(run('isoinfo', ['-d', '-i', image()]).stdout).toMatch(/^Volume id: CIDATA$/m);
    const extracted = run('isoinfo', ['-J', '-x', '/user-data', '-i', image()]).stdout;
    expect(extracted).toBe(readFileSync(place('nocloud', 'user-data'), 'utf8'));
    const { status, stderr } = run('xorriso', ['-abort_on', 'WARNING', '-indev', image(), '-find', '/', '-exec', 'report_lba']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringContaining("Volume id    : 'CIDATA'") as string });
  });

  it('has the label that cloud-init looks for, and both files by both names', () => {
    expect(run('blkid', ['-o', 'value', '-s', 'LABEL', image()]).stdout.trim()).toBe('CIDATA');
    for (const path of ['user-data', 'meta-data']) {
      const expected = readFileSync(place('nocloud', path), 'utf8');
      expect(run('isoinfo', ['-J', '-x', `/${path}`, '-i', image()]).stdout).toBe(expected);
      expect(run('isoinfo', ['-x', `/${path.toUpperCase().replace('-', '_')}.;1`, '-i', image()]).stdout).toBe(expected);
    }
    const out = join(work, 'extracted');
    expect(run('xorriso', ['-read_fs', 'norock', '-osirrox', 'on', '-indev', image(), '-extract', '/', out]).status).toBe(0);
    expect(readFileSync(join(out, 'user-data'))).toEqual(readFileSync(place('nocloud', 'user-data')));
  });
});

describe('shell', () => {
  it.each([['dash'], ['busybox', 'sh'], ['bash', '--posix']])('is parsed and run by %s', (...shell) => {
    const [command, ...args] = shell as [string, ...string[]];
    expect(run(command, [...args, '-n', place('shell', 'setup.sh')])).toMatchObject({ status: 0, stderr: '' });
    expect(run(command, [...args, place('shell', 'setup.sh')])).toMatchObject({ status: 0, stderr: '' });
    // Again over what is there.
    expect(run(command, [...args, place('shell', 'setup.sh')])).toMatchObject({ status: 0 });
    expect(applied()).toEqual(expectedFiles());
  });

  it('is shellcheck clean', () => {
    expect(run('shellcheck', ['-s', 'sh', place('shell', 'setup.sh')])).toMatchObject({ status: 0, stdout: '' });
  });
});

describe('tar', () => {
  it.each([['tar'], ['busybox', 'tar']])('is unpacked by %s, and set up', (...tar) => {
    const [command, ...args] = tar as [string, ...string[]];
    expect(run(command, [...args, '-xpf', place('tar', 'node.tar'), '-C', '/'])).toMatchObject({ status: 0, stderr: '' });
    expect(run('sh', [join(node, 'bin/setup')]).status).toBe(0);
    expect(applied()).toEqual(expectedFiles());
  });
});

describe('ignition', () => {
  it('satisfies ignition-validate', () => {
    expect(run('ignition-validate', [place('ignition', 'config.ign')])).toMatchObject({ status: 0, stderr: '' });
  });

  it('has a unit that systemd takes', () => {
    const config = JSON.parse(readFileSync(place('ignition', 'config.ign'), 'utf8')) as {
      systemd: { units: { name: string; contents: string }[] };
    };
    const [unit] = config.systemd.units as [{ name: string; contents: string }];
    const path = join(work, unit.name);
    writeFileSync(path, unit.contents);
    expect(run('systemd-analyze', ['verify', path])).toMatchObject({ stderr: '' });
  });
});
