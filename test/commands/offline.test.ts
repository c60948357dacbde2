import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../cli/harness.ts';

const work = mkdtempSync(join(tmpdir(), 'joinery-offline-command-'));
const realm = join(work, 'realm');
const joinery = (...argv: string[]) => runCli(argv, { cwd: work, env: {} });
const inRealm = (...argv: string[]) => runCli(argv, { cwd: work, env: { JOINERY_REALM: realm } });
const digests: string[] = [];

beforeAll(async () => {
  const names = ['--environment', 'lab', '--domain', 'lab.example', '--cluster', 'prod', '--roles', 'worker'];
  await inRealm('init', ...names, '--insecure-plaintext-keys');
  for (const [purpose, side] of [
    ['control-plane-https', 'web'],
    ['node-cert-lifecycle', 'node'],
  ] as const) {
    await inRealm('ca', 'create', `${side}-root`);
    await inRealm('ca', 'create', `${side}-ca`, '--parent', `${side}-root`);
    const published = await inRealm('trust', 'publish', '--purpose', purpose, '--ca', `${side}-root`, '--json');
    await inRealm('trust', 'activate', '--purpose', purpose, '--version', '1');
    digests.push('--trust-digest', `${purpose}=${String(published.json().data['manifest_digest'])}`);
  }
});
afterAll(() => rmSync(work, { recursive: true }));

/** A stick with the request of a new node, and what else its journey needs. */
async function asked(name: string) {
  const [stick, directory, token] = [join(work, `${name}-stick`), join(work, `${name}-node`), join(work, `${name}.jwt`)];
  mkdirSync(stick);
  await inRealm('token', 'mint', '--cluster', 'prod', '--role', 'worker', '--node', name, '--out', token);
  const result = await joinery('node', 'request', '--directory', directory, '--out', stick, '--token-file', token, '--node', name);
  return { stick, directory, token, result };
}

describe('enrollment without a network', () => {
  it('goes from the node to the authority and back', async () => {
    const { stick, directory, token, result } = await asked('n1');
    expect(result).toMatchObject({ exit: 0, stdout: expect.stringContaining('joinery package enroll') as string });
    const enrolled = await inRealm('package', 'enroll', stick, '--out', stick, '--json');
    expect(enrolled.json()).toMatchObject({
      schema: 'joinery/package-enroll/1',
      data: { accepted: 1, refused: 0, requests: [{ node: 'n1', role: 'worker' }] },
    });
    const url = ['--url', 'https://boot.lab.example:9443'];
    const installed = await joinery('node', 'install', stick, '--directory', directory, ...digests, ...url, '--json');
    expect(installed.json()).toMatchObject({
      data: { state: 'installed', identity: 'spiffe://lab.example/prod/worker/n1', generation: 'gen-1' },
    });
    expect((await joinery('node', 'status', '--directory', directory)).exit).toBe(0);
    const again = await joinery('node', 'install', stick, '--directory', directory, ...digests);
    expect(again).toMatchObject({ exit: 0, stdout: expect.stringContaining('installed before, nothing to do') as string });
    const once = await joinery('node', 'request', '--directory', directory, '--out', stick, '--token-file', token);
    expect(once).toMatchObject({ exit: 0, stdout: expect.stringContaining('joined before, nothing to ask') as string });
    const data = await joinery(
      'node',
      'request',
      '--directory',
      directory,
      '--out',
      stick,
      '--token-file',
      token,
      '--again',
      '--cluster',
      'prod',
      '--role',
      'worker',
      '--label',
      'rack=7',
      '--json',
    );
    expect(data.json()).toMatchObject({ data: { state: 'requested', cluster: 'prod', role: 'worker' } });
  });

  it('answers each request for itself, and exits 4 when one was refused', async () => {
    const { stick } = await asked('n2');
    const [request] = readdirSync(stick);
    writeFileSync(join(stick, 'other.request.json'), '{}');
    writeFileSync(join(stick, '._n2.request.json'), 'what a Mac leaves');
    const { exit, stdout } = await inRealm('package', 'enroll', stick, '--out', stick);
    expect({ exit, stdout }).toEqual({ exit: 4, stdout: expect.stringContaining('ERR_REQUEST_MALFORMED') as string });
    expect(stdout).toContain(`accepted  ${join(stick, request as string)}`);
    const json = await inRealm('package', 'enroll', stick, '--out', stick, '--json');
    expect(json.json().data).toMatchObject({
      accepted: 1,
      refused: 1,
      requests: expect.arrayContaining([expect.objectContaining({ code: 'ERR_REQUEST_MALFORMED' })]) as unknown,
    });
  });

  it('takes files and links to directories, and says when there are none', async () => {
    const { stick } = await asked('n3');
    const file = join(stick, readdirSync(stick)[0] as string);
    expect((await inRealm('package', 'enroll', file, '--out', stick)).exit).toBe(0);
    symlinkSync(stick, join(work, 'mounted'));
    expect((await inRealm('package', 'enroll', join(work, 'mounted'), '--out', stick)).exit).toBe(0);
    mkdirSync(join(work, 'empty'));
    expect((await inRealm('package', 'enroll', join(work, 'empty'), '--out', stick, '--json')).json().error.code).toBe(
      'ERR_FILE_NOT_FOUND',
    );
    expect((await inRealm('package', 'enroll', join(work, 'nowhere'), '--out', stick, '--json')).json().error.code).toBe(
      'ERR_FILE_NOT_FOUND',
    );
  });

  it('needs a token, and a well-formed one', async () => {
    const directory = join(work, 'n4-node');
    const none = await joinery('node', 'request', '--directory', directory, '--out', work, '--json');
    expect(none.json().error).toMatchObject({ code: 'ERR_USAGE', message: expect.stringContaining('--token-file') as string });
    writeFileSync(join(work, 'bad.jwt'), 'two words\n');
    const bad = await joinery('node', 'request', '--directory', directory, '--out', work, '--token-file', join(work, 'bad.jwt'), '--json');
    expect(bad.json().error.code).toBe('ERR_TOKEN_MALFORMED');
  });
});
