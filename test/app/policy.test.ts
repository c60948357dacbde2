import { describe, expect, it } from 'vitest';
import { parseYaml } from '../../src/adapters/config-file.ts';
import { generatePrivateKey, signingKey, verifySignature } from '../../src/adapters/signatures.ts';
import { checkPolicyFile, checkPolicySignature } from '../../src/app/check-policy.ts';
import { explainJoin } from '../../src/app/explain-policy.ts';
import { openPolicies } from '../../src/app/load-policy.ts';
import { signPolicy } from '../../src/app/sign-policy.ts';
import { testPolicy } from '../../src/app/test-policy.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { decodeUtf8, utf8 } from '../../src/core/encoding.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { jwkThumbprint, publicJwk } from '../../src/core/jwk.ts';
import type { Files } from '../../src/core/ports.ts';
import { parseRealmConfig, type RealmConfig } from '../../src/core/realm/config.ts';
import { fakeClock } from '../fakes/clock.ts';
import { auditOf, tokenRealm, type TokenRealm } from './token-realm.ts';

/** Files in memory. */
function memoryFiles(texts: Record<string, string>): Files & { readonly texts: Record<string, string> } {
  const files = {
    texts,
    read: (path: string) => {
      const text = texts[path];
      if (text === undefined) return Promise.reject(new JoineryError('ERR_FILE_NOT_FOUND', `${path}: expected it to exist`));
      return Promise.resolve(utf8(text));
    },
    stat: (path: string) => Promise.resolve(texts[path] === undefined ? undefined : ({ kind: 'file' } as const)),
    replace: (path: string, bytes: Uint8Array) => {
      texts[path] = decodeUtf8(bytes);
      return Promise.resolve();
    },
  };
  return files as unknown as Files & { readonly texts: Record<string, string> };
}

const yaml = (version: number, rules = '- allow: true') => `
apiVersion: joinery.dev/v1
kind: JoinPolicy
metadata: { name: prod, version: ${version} }
spec:
  rules:
    ${rules}
`;

const key = signingKey(generatePrivateKey('p256'));
const jwk = publicJwk(key.spki);
const world = { clock: fakeClock(), readDocument: parseYaml };

function config(changes: JsonObject = {}, prod: JsonObject = {}): RealmConfig {
  return parseRealmConfig(
    {
      schema: 'joinery/realm-config/1',
      environment: { name: 'control', domain: 'control.example' },
      trust_domain: 'control.example',
      clusters: [
        { name: 'prod', roles: ['worker'], policy: 'policies/prod.yaml', ...prod },
        { name: 'edge', roles: ['worker'], join_urls: ['https://boot.control.example:9443/v1', 'https://[2001:db8::1]:9443'] },
      ],
      ...changes,
    },
    'joinery.yaml',
  );
}

const PROD = '/realm/policies/prod.yaml';

async function realmWith(
  texts: Record<string, string>,
  changes: JsonObject = {},
): Promise<TokenRealm & { files: ReturnType<typeof memoryFiles> }> {
  return { ...(await tokenRealm()), config: config(changes), files: memoryFiles(texts) };
}

const request = { trustDomain: 'control.example', environment: 'control', cluster: 'prod', role: 'worker', node: 'n1', labels: {} };
const reloads = (realm: TokenRealm) => auditOf(realm).filter(({ event }) => event === 'policy.reload');

describe('the policies in force', () => {
  it('are those of the files, and the built-in one where a cluster has none', async () => {
    const realm = await realmWith({ [PROD]: yaml(3) });
    const policies = await openPolicies(realm, parseYaml);
    expect(policies.current('prod')).toMatchObject({
      name: 'prod',
      version: 3,
      file: PROD,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(policies.current('edge')).toMatchObject({ name: 'builtin', version: 1 });
    expect(policies.current('edge')).not.toHaveProperty('digest');
    expect([...policies.current('prod').policy.reserved.names]).toEqual(['boot.control.example', '2001:db8::1']);
    expect(() => policies.current('other')).toThrow(expect.objectContaining({ code: 'ERR_CLUSTER_UNKNOWN' }));
  });

  it.each([
    ['ERR_FILE_NOT_FOUND', {}],
    ['ERR_POLICY_MALFORMED', { [PROD]: 'a: [' }],
    ['ERR_POLICY_MALFORMED', { [PROD]: 'a: 1' }],
    ['ERR_INPUT_TOO_LARGE', { [PROD]: `#${'x'.repeat(1024 * 1024)}` }],
  ])('must load when they are opened: %s', async (code, texts) => {
    await expect(openPolicies(await realmWith(texts), parseYaml)).rejects.toThrow(expect.objectContaining({ code }));
  });

  it('are loaded again, also from another path and by another configuration', async () => {
    const realm = await realmWith({ [PROD]: yaml(1), '/etc/prod.yaml': yaml(5) });
    const policies = await openPolicies(realm, parseYaml);
    expect(await policies.reload()).toEqual([
      { cluster: 'prod', result: 'unchanged', version: 1 },
      { cluster: 'edge', result: 'unchanged', version: 1 },
    ]);
    realm.files.texts[PROD] = yaml(2);
    expect((await policies.reload())[0]).toEqual({ cluster: 'prod', result: 'ok', version: 2 });
    expect(policies.current('prod').version).toBe(2);
    const moved = config({ clusters: [{ name: 'prod', roles: ['worker'], policy: '/etc/prod.yaml' }] });
    expect(await policies.reload(moved)).toEqual([{ cluster: 'prod', result: 'ok', version: 5 }]);
    expect(() => policies.current('edge')).toThrow(expect.objectContaining({ code: 'ERR_CLUSTER_UNKNOWN' }));
    expect(reloads(realm).map(({ subject, result, details }) => [subject, result, details?.['version']])).toEqual([
      ['prod', 'ok', 2],
      ['prod', 'ok', 5],
    ]);
  });

  it('stay when another fails to load, which is recorded once', async () => {
    const realm = await realmWith({ [PROD]: yaml(2) });
    const policies = await openPolicies(realm, parseYaml);
    const broken: [string, string][] = [
      ['ERR_POLICY_MALFORMED', yaml(3, '- allow: maybe')],
      ['ERR_POLICY_ROLLBACK', yaml(1)],
    ];
    for (const [reason, text] of broken) {
      realm.files.texts[PROD] = text;
      for (let attempt = 0; attempt < 2; attempt++)
        expect((await policies.reload())[0]).toMatchObject({ cluster: 'prod', result: 'failed', reason, version: 2 });
      expect(policies.current('prod').version).toBe(2);
    }
    delete realm.files.texts[PROD];
    expect((await policies.reload())[0]).toMatchObject({ result: 'failed', reason: 'ERR_FILE_NOT_FOUND' });
    expect(reloads(realm).map(({ result, reason }) => [result, reason])).toEqual([
      ['failed', 'ERR_POLICY_MALFORMED'],
      ['failed', 'ERR_POLICY_ROLLBACK'],
      ['failed', 'ERR_FILE_NOT_FOUND'],
    ]);
    realm.files.texts[PROD] = yaml(2, '- { allow: true, roles: [worker] }');
    expect((await policies.reload())[0]).toMatchObject({ result: 'ok', version: 2 });
  });

  it('are none for a new cluster whose policy fails, whose nodes are refused', async () => {
    const realm = await realmWith({}, { clusters: [] });
    const policies = await openPolicies(realm, parseYaml);
    expect((await policies.reload(config()))[0]).toMatchObject({ cluster: 'prod', result: 'failed', version: 0 });
    expect(() => policies.current('prod')).toThrow(expect.objectContaining({ code: 'ERR_POLICY_DENIED' }));
  });

  it('do not hide a bug, and a reload after it works', async () => {
    const realm = await realmWith({ [PROD]: yaml(1) });
    let fail = false;
    const policies = await openPolicies(realm, (text, what) => (fail ? Promise.reject(new Error('a bug')) : parseYaml(text, what)));
    fail = true;
    await expect(policies.reload()).rejects.toThrow('a bug');
    fail = false;
    expect((await policies.reload())[0]).toMatchObject({ result: 'unchanged' });
  });

  it('are loaded one reload after the other', async () => {
    const realm = await realmWith({ [PROD]: yaml(1) });
    const policies = await openPolicies(realm, parseYaml);
    realm.files.texts[PROD] = yaml(2);
    const first = policies.reload();
    realm.files.texts[PROD] = yaml(3);
    const results = await Promise.all([first, policies.reload()]);
    expect(results.map(([prod]) => prod?.result)).not.toContain('failed');
    expect(policies.current('prod').version).toBe(3);
  });
});

describe('signed policies', () => {
  const signed = { policy: { require_signed: true, signers: [{ ...jwk }] } };

  it('are loaded by the signature of a configured key only', async () => {
    const realm = await realmWith({ [PROD]: yaml(1) }, signed);
    await expect(openPolicies(realm, parseYaml)).rejects.toThrow(expect.objectContaining({ code: 'ERR_POLICY_UNSIGNED' }));
    const result = await signPolicy({ ...realm, readDocument: parseYaml }, { path: PROD, key, add: false });
    expect(result).toMatchObject({ file: `${PROD}.jws`, name: 'prod', version: 1, kid: jwkThumbprint(jwk), jwk });
    const policies = await openPolicies(realm, parseYaml);
    expect(policies.current('prod').signer).toBe(jwkThumbprint(jwk));
    realm.files.texts[PROD] = yaml(2);
    expect((await policies.reload())[0]).toMatchObject({ result: 'failed', reason: 'ERR_POLICY_SIGNATURE', version: 1 });
    await signPolicy({ ...realm, readDocument: parseYaml }, { path: PROD, key, add: false });
    expect((await policies.reload())[0]).toMatchObject({ result: 'ok', version: 2 });
  });

  it('must have signers to be required', () => {
    expect(() => config({ policy: { require_signed: true } })).toThrow('expected signers');
    expect(config({ policy: {} }).policy).toEqual({});
  });

  it('hold the signatures of several keys, one of each', async () => {
    const { files } = await realmWith({ [PROD]: yaml(1) });
    const other = signingKey(generatePrivateKey('ed25519'));
    const sign = (by: typeof key, add: boolean) => signPolicy({ files, readDocument: parseYaml }, { path: PROD, key: by, add });
    const lines = () => files.texts[`${PROD}.jws`]?.trimEnd().split('\n').length;
    await sign(key, true);
    await sign(other, true);
    await sign(key, true);
    expect(lines()).toBe(2);
    await sign(key, false);
    expect(lines()).toBe(1);
  });

  it('are not made of what is no policy', async () => {
    const { files } = await realmWith({ [PROD]: 'kind: other' });
    await expect(signPolicy({ files, readDocument: parseYaml }, { path: PROD, key, add: false })).rejects.toThrow(
      expect.objectContaining({ code: 'ERR_POLICY_MALFORMED' }),
    );
    expect(Object.keys(files.texts)).toEqual([PROD]);
  });

  it('are checked before they are loaded', async () => {
    const files = memoryFiles({});
    const file = { bytes: utf8(yaml(1)), what: PROD };
    expect(await checkPolicySignature({ files, verifySignature }, file, config(signed))).toEqual([
      { severity: 'error', path: '', message: expect.stringContaining('prod.yaml.jws: expected the signature') as string },
    ]);
    expect(await checkPolicySignature({ files, verifySignature }, file, config())).toEqual([]);
    const bug = { ...files, stat: () => Promise.reject(new Error('a bug')) };
    await expect(checkPolicySignature({ files: bug, verifySignature }, file, config(signed))).rejects.toThrow('a bug');
  });
});

describe('a check of a file', () => {
  const check = (text: string, realm?: RealmConfig) => checkPolicyFile(world, { bytes: utf8(text), what: 'prod.yaml' }, realm);

  it('says what it is and what was found', async () => {
    expect(await check(yaml(3))).toMatchObject({ file: 'prod.yaml', policy: { name: 'prod', version: 3, rules: 1 }, findings: [] });
    const findings = (await check(yaml(3, '- { allow: true, clusters: [stage], dnsNames: [boot.control.example] }'), config())).findings;
    expect(findings.map(({ path }) => path)).toEqual([
      'spec.rules[0].clusters[0]',
      'spec.rules[0].dnsNames[0]',
      'spec.rules[0].dnsNames[0]',
    ]);
  });

  it('shows every fault of what is no policy', async () => {
    const faults = await check(yaml(3, '- { allow: 1, roles: worker }'));
    expect(faults).not.toHaveProperty('policy');
    expect(faults.findings.map(({ path }) => path)).toEqual(['spec.rules[0].roles', 'spec.rules[0].allow']);
    expect((await check('a: [')).findings).toEqual([
      { severity: 'error', path: '', message: expect.stringContaining('expected YAML') as string },
    ]);
  });

  it('does not hide a bug', async () => {
    const broken = { ...world, readDocument: () => Promise.reject(new Error('a bug')) };
    await expect(checkPolicyFile(broken, { bytes: utf8(''), what: 'x' })).rejects.toThrow('a bug');
  });
});

describe('table tests', () => {
  const cases = (policy: string) =>
    utf8(`
schema: joinery/policy-cases/1
${policy}
trust_domain: lab.example
cases:
  - { name: a, request: { cluster: prod, role: worker }, expect: { allow: true } }
  - { name: b, request: { cluster: prod, role: worker }, expect: { allow: false } }
`);
  const run = (policy: string, other?: string, what = 'dir/cases.yaml') => {
    const read: string[] = [];
    const readPolicyFile = (path: string) => {
      read.push(path);
      return Promise.resolve({ bytes: utf8(yaml(4)), what: path });
    };
    return testPolicy(world, { cases: { bytes: cases(policy), what }, policy: other, readPolicyFile }).then((result) => ({
      ...result,
      read,
    }));
  };

  it('run against the policy beside them, or the one that is named', async () => {
    expect(await run('policy: p.yaml')).toMatchObject({ name: 'prod', version: 4, failed: 1, read: ['dir/p.yaml'] });
    expect(await run('policy: /p.yaml')).toMatchObject({ read: ['/p.yaml'] });
    expect(await run('policy: p.yaml', undefined, 'stdin')).toMatchObject({ read: ['p.yaml'] });
    expect(await run('policy: p.yaml', 'q.yaml')).toMatchObject({ read: ['q.yaml'] });
    await expect(run('')).rejects.toThrow(expect.objectContaining({ code: 'ERR_USAGE' }));
  });
});

describe('an explanation', () => {
  const policy = {
    bytes: utf8(yaml(1, '- { allow: true, attestationProviders: [tpm], maxEvidenceAge: 5m, dnsNames: ["{nodeId}.control.example"] }')),
    what: 'p',
  };

  it('is of the request as it is described', async () => {
    const tpm = { provider: 'tpm', claims: {}, age: 0 as const };
    expect(await explainJoin(world, { policy, ...request })).toMatchObject({
      name: 'prod',
      version: 1,
      decision: { allow: false },
      nearest: 0,
    });
    expect((await explainJoin(world, { policy, ...request, attestation: tpm })).decision).toMatchObject({
      dnsNames: ['n1.control.example'],
    });
    const old = { ...tpm, age: 600 as never };
    expect((await explainJoin(world, { policy, ...request, attestation: old, at: world.clock.now() })).decision.allow).toBe(false);
  });

  it('knows the hosts of a realm', async () => {
    const attestation = { provider: 'tpm', claims: {}, age: 0 as const };
    expect((await explainJoin(world, { policy, ...request, node: 'boot', attestation }, config())).decision).toMatchObject({
      allow: false,
      missing: ['dnsNames: expected no host of a join URL, found boot.control.example'],
    });
  });
});
