import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../cli/harness.ts';

const directory = mkdtempSync(join(tmpdir(), 'joinery-trust-command-'));
const realm = join(directory, 'realm');
const env = { JOINERY_PASSPHRASE: 'correct horse battery', JOINERY_ONLINE_PASSPHRASE: 'another horse battery' };
const at = (name: string) => join(directory, name);
const joinery = (line: string, ...more: string[]) => runCli([...line.split(' '), ...more, '--realm', realm], { env });
const offline = (line: string, stdin?: string) => runCli(line.split(' '), stdin === undefined ? { env } : { env, stdin });
const P = '--purpose control-plane-https';
const node = () => `${P} --path ${at('node/ca.pem')} --state ${at('node/state.json')}`;
const data = async (line: string) => (await joinery(`${line} --json`)).json().data;
const firstDigest = async () => (await data(`trust show ${P} --version 1`))['manifest_digest'] as string;

beforeAll(async () => {
  await joinery('init --environment lab --domain lab.example.internal --insecure-plaintext-keys');
  for (const name of ['web-root', 'web-root-2', 'node-root']) await joinery(`ca create ${name}`);
  for (const name of ['node', 'stick']) mkdirSync(at(name));
});

describe('joinery trust on a realm', () => {
  it('has nothing at first', async () => {
    expect((await joinery('trust list')).stdout).toContain('no trust bundle version');
    expect(await data(`trust list`)).toEqual({ versions: [] });
    expect(await joinery(`trust show ${P}`)).toMatchObject({ exit: 4 });
  });

  it('publishes from an authority and from PEM on stdin, and shows what changes', async () => {
    const published = await joinery(`trust publish ${P} --ca web-root --expires 90d`);
    expect(published.stdout).toMatch(/^\+ added +active .*CN=web-root/m);
    expect(published.stdout).toContain(`Next: joinery trust activate ${P} --version 1`);
    expect((await joinery(`trust activate ${P} --version 1`)).stdout).toMatch(/^active version +1$/m);
    const pem = readFileSync(join(realm, 'ca/web-root-2.crt'), 'utf8');
    const second = await runCli(`trust publish ${P} --pem - --grace 30d --reason rotation --realm ${realm} --json`.split(' '), {
      env,
      stdin: pem,
    });
    expect(second.json()).toMatchObject({
      schema: 'joinery/trust-publish/1',
      data: { trust_bundle_version: 2, replaces_version: 1, anchors: [{ phase: expect.any(String) }, {}] },
    });
    expect(await data(`trust activate ${P} --version 2`)).toMatchObject({ trust_bundle_version: 2, replaces_version: 1 });
    await joinery('trust publish --purpose node-cert-lifecycle --ca node-root');
  });

  it('lists and shows versions', async () => {
    const { stdout } = await joinery('trust list');
    expect(stdout).toMatch(/^control-plane-https +1 +superseded/m);
    expect(stdout).toMatch(/^node-cert-lifecycle +1 +published/m);
    expect((await data(`trust list ${P}`))['versions']).toHaveLength(2);
    expect((await joinery(`trust show ${P}`)).stdout).toMatch(/^reason +rotation$/m);
    expect(await data(`trust show ${P} --version 1`)).toMatchObject({ state: 'superseded', signers: [{ kty: 'OKP' }, { kty: 'OKP' }] });
    expect((await joinery(`trust diff ${P} --from 1 --to 2`)).stdout).toMatch(/^\+ added +phasing-in/m);
    expect(await data(`trust diff ${P} --from 1 --to 2`)).toMatchObject({ signers_added: [], signers_removed: [] });
  });

  it('shows the history, as a page too', async () => {
    expect((await joinery(`trust history ${P}`)).stdout).toMatch(/^2 +active/m);
    expect(await data(`trust history ${P} --html ${at('history.html')}`)).toMatchObject({ versions: [{ trust_bundle_version: 1 }, {}] });
    expect(readFileSync(at('history.html'), 'utf8')).toContain('<svg');
    expect((await joinery(`trust history ${P} --html ${at('other.html')}`)).stdout).toContain('wrote');
    expect(await joinery(`trust history ${P} --html ${at('other.html')}`)).toMatchObject({ exit: 5 });
  });

  it('refuses to retire inside the grace window', async () => {
    expect(await joinery(`trust retire ${P}`)).toMatchObject({ exit: 4 });
    expect(await joinery(`trust retire ${P} --force`)).toMatchObject({ exit: 2 });
    expect(await data(`trust retire ${P} --force --reason leaked`)).toMatchObject({ trust_bundle_version: 3 });
    expect((await joinery(`trust rollback ${P} --to 1 --reason faulty --grace 1d`)).stdout).toMatch(/^version +4$/m);
    expect(await data(`trust rollback ${P} --to 1 --reason faulty`)).toMatchObject({ trust_bundle_version: 5 });
  });

  it.each([
    [`trust publish ${P}`, 2, 'neither --ca nor --pem'],
    [`trust publish ${P} --ca web-rot`, 6, 'did you mean web-root'],
    ['trust publish --purpose both --ca web-root', 2, '--purpose'],
    [`trust publish ${P} --ca web-root --expires soon`, 2, '--expires'],
    [`trust publish --purpose node-cert-lifecycle --ca web-root`, 4, 'ERR_TRUST_ANCHOR_SHARED'],
    [`trust activate ${P} --version 99`, 6, 'trust list'],
    [`trust publish ${P} --ca web-root --above 5`, 2, 'new-chain'],
  ])('refuses: %s', async (line, exit, text) => {
    const result = await joinery(line);
    expect(result).toMatchObject({ exit, stdout: '' });
    expect(result.stderr).toContain(text);
  });
});

describe('joinery trust on a node', () => {
  const chain = () => at('stick/control-plane-https.chain.json');

  it('takes first trust from a digest only', async () => {
    expect((await joinery(`trust export ${P} --out ${chain()}`)).stdout).toContain('wrote');
    expect(await offline(`trust apply ${at('stick')} ${node()}`)).toMatchObject({ exit: 4 });
    expect(existsSync(at('node/ca.pem'))).toBe(false);
    expect(await offline(`trust status --state ${at('node/state.json')}`)).toMatchObject({ exit: 6 });
    const applied = await offline(
      `trust apply ${at('stick')} ${node()} --digest ${await firstDigest()} --environment lab --domain lab.example.internal`,
    );
    expect(applied.stdout).toMatch(/^versions walked +2$/m);
    const line = (await joinery(`trust export ${P} --format sha256sum`)).stdout;
    expect(execFileSync('sha256sum', [at('node/ca.pem')], { encoding: 'utf8' }).slice(0, 64)).toBe(line.slice(0, 64));
  });

  it('reports, reverts, heals and stops at what is missing', async () => {
    const status = `trust status --state ${at('node/state.json')}`;
    expect(await offline(`${status} --max-age 1d`)).toMatchObject({ exit: 0 });
    expect((await offline(`trust apply --revert ${node()}`)).stdout).toMatch(/^version +1 \(was 2\)$/m);
    expect((await offline(status)).stdout).toContain('1 (floor 2)');
    const spelled = node().replace(at('node/ca.pem'), relative(process.cwd(), at('node/ca.pem')));
    expect(await offline(`trust apply ${chain()} ${spelled}`)).toMatchObject({ exit: 0 });
    expect(readFileSync(at('node/state.json'), 'utf8')).toContain(`"path":"${at('node/ca.pem')}"`);
    writeFileSync(at('node/ca.pem'), 'garbage');
    const stale = await offline(`${status} --json`);
    expect(stale).toMatchObject({ exit: 4 });
    expect(stale.json().data).toMatchObject({ purposes: [{ problems: ['file-changed'], floor: 2 }] });
    expect((await offline(`trust apply ${chain()} ${node()}`)).stderr).toContain('was written again');
    expect(await offline(`trust apply ${node()}`)).toMatchObject({ exit: 2 });
    expect(await offline(`trust apply ${chain()} --revert ${node()}`)).toMatchObject({ exit: 2 });
  });

  it('verifies documents, alone and against an index', async () => {
    await joinery(`trust manifest --out ${at('index.json')}`);
    expect((await joinery('trust manifest')).stdout).toContain('joinery/trust-index/1');
    const verified = await offline(`trust verify ${chain()} ${P} --digest ${await firstDigest()} --index ${at('index.json')} --json`);
    expect(verified.json()).toMatchObject({ data: { first_version: 1, trust_bundle_version: 2, problems: [] }, warnings: [] });
    const [first, ...rest] = (JSON.parse(readFileSync(chain(), 'utf8')) as { versions: unknown[] }).versions;
    writeFileSync(at('cut.json'), JSON.stringify({ schema: 'joinery/trust-chain/1', versions: rest }));
    const cut = await offline(`trust verify ${at('cut.json')} ${P} --index ${at('index.json')}`);
    expect(cut).toMatchObject({ exit: 4 });
    expect(cut.stderr).toContain('version 1: missing');
    expect(cut.stderr).toContain('without --digest');
    expect(first).toBeDefined();
  });

  it('is lost with its signers, and comes back by a new digest', async () => {
    await joinery(`trust publish ${P} --ca web-root --new-chain --reason lost --above 50`);
    await joinery(`trust activate ${P} --version 51`);
    await joinery(`trust export ${P} --out ${at('anew.json')}`);
    const apply = await offline(`trust apply ${at('anew.json')} ${node()} --json`);
    expect(apply).toMatchObject({ exit: 4 });
    expect(apply.json()).toMatchObject({ data: { missing: { before: 51 } }, warnings: [expect.stringContaining('begins a new chain')] });
    const digest = (await data(`trust show ${P}`))['manifest_digest'] as string;
    // With the manifests lost as well, as after a damaged disk.
    rmSync(at('node/control-plane-https.manifest.json'));
    expect((await offline(`trust reset ${at('anew.json')} ${node()} --digest ${digest}`)).stdout).toMatch(/^version +51 \(was 1\)$/m);
  });
});

describe('joinery trust for SPIFFE and for several signers', () => {
  it('exports a trust store', async () => {
    writeFileSync(at('password'), 'a long enough password\n', { mode: 0o600 });
    const out = at('trust.p12');
    expect(await joinery(`trust export ${P} --format pkcs12 --out ${out}`)).toMatchObject({ exit: 2 });
    expect(await joinery(`trust export ${P} --format pkcs12 --out ${out} --password-file ${at('password')}`)).toMatchObject({ exit: 0 });
    const argv = ['pkcs12', '-in', out, '-passin', `file:${at('password')}`, '-nokeys'];
    expect(execFileSync('openssl', argv, { encoding: 'utf8' })).toContain('BEGIN CERTIFICATE');
  });

  it('exports what it imports', async () => {
    await joinery(`trust export ${P} --format spiffe-map --out ${at('map.json')}`);
    const refused = await joinery(`trust import --purpose node-cert-lifecycle --spiffe ${at('map.json')}`);
    expect(refused.stderr).toContain('ERR_TRUST_ANCHOR_SHARED');
    const imported = await data(`trust import ${P} --spiffe ${at('map.json')} --grace 1d --trust-domain lab.example.internal`);
    expect(imported).toMatchObject({ trust_bundle_version: 52, anchors: [{ change: 'kept' }] });
    expect((await joinery(`trust import ${P} --spiffe ${at('map.json')}`)).stdout).toMatch(/^version +53$/m);
  });

  it('manages signers and passes proposals around', async () => {
    expect((await joinery(`trust keys list ${P}`)).stdout).toMatch(/^working +current +here/m);
    await joinery(`trust keys rotate ${P} --name working --type p256`);
    await joinery(`trust keys revoke ${P} --name spare`);
    const other = at('other');
    const there = (line: string) => runCli([...line.split(' '), '--realm', other], { env });
    await there('init --environment lab --domain lab.example.internal --insecure-plaintext-keys');
    const { signers } = (await there(`trust keys list ${P} --json`)).json().data as { signers: { jwk: object }[] };
    writeFileSync(at('bob.jwk'), JSON.stringify(signers[0]?.jwk));
    const created = await joinery(`trust keys create ${P} --name bob --jwk ${at('bob.jwk')} --min-signatures 2`);
    expect(created.stdout).toMatch(/^bob +current +elsewhere/m);
    expect((await joinery(`trust publish ${P} --ca web-root`)).stderr).toContain('joinery trust propose');
    expect(await joinery(`trust activate ${P} --version 54`)).toMatchObject({ exit: 4 });
    await joinery(`trust propose ${P} --version 54 --out ${at('proposal.json')}`);
    expect((await there(`trust sign ${at('proposal.json')} --out ${at('signed.json')}`)).stdout).toMatch(/^signatures +2 of 2$/m);
    expect(await data(`trust collect ${at('signed.json')}`)).toMatchObject({ signatures: 2 });
    expect((await joinery(`trust collect ${at('signed.json')}`)).stdout).toContain('2 of 2');
    expect(await joinery(`trust activate ${P} --version 54`)).toMatchObject({ exit: 0 });
    expect(await joinery(`trust keys create ${P} --name carol --type p384`)).toMatchObject({ exit: 0 });
  });
});

describe('joinery trust publish --phase', () => {
  it('takes the phase of an anchor', async () => {
    const staged = await data(`trust publish ${P} --ca web-root --ca web-root-2 --phase web-root=phasing-in --grace 30d`);
    expect(staged['anchors']).toContainEqual(expect.objectContaining({ subject: 'CN=web-root,O=lab', phase: 'phasing-in' }));
    for (const text of ['web-root', 'web-root=gone', '=active'])
      expect(await joinery(`trust publish ${P} --ca web-root --phase ${text}`)).toMatchObject({ exit: 2 });
  });
});
