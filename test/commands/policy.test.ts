import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { generatePrivateKey } from '../../src/adapters/signatures.ts';
import { type CliResult, runCli } from '../cli/harness.ts';

const templates = fileURLToPath(new URL('../../templates/policies', import.meta.url));
const cwd = mkdtempSync(join(tmpdir(), 'joinery-policy-'));
const before = process.cwd();
const env = { HOME: cwd };
afterAll(() => {
  process.chdir(before);
  rmSync(cwd, { recursive: true, force: true });
});

const joinery = (line: string, options: { stdin?: string } = {}): Promise<CliResult> => runCli(line.split(' '), { cwd, env, ...options });

beforeAll(async () => {
  process.chdir(cwd);
  cpSync(templates, cwd, { recursive: true });
  writeFileSync('signer.pem', generatePrivateKey('ed25519').export({ type: 'pkcs8', format: 'pem' }));
  const made = await joinery(
    'init --realm r --environment lab --domain lab.example --cluster prod --roles worker,control-plane --insecure-plaintext-keys',
  );
  expect([made.exit, made.stderr]).toEqual([0, expect.anything()]);
});

describe('the example policies', () => {
  const policies = readdirSync(templates).filter((name) => !name.includes('.cases.'));
  it.each(policies)('%s is in order, and answers its cases', async (policy) => {
    const checked = await joinery(`policy check ${policy} --json`);
    expect([checked.exit, checked.json().data['errors'], checked.json().data['warnings']]).toEqual([0, 0, 0]);
    const tested = await joinery(`policy test ${policy.replace('.yaml', '.cases.yaml')} --json`);
    expect([tested.exit, tested.json().data['failed']]).toEqual([0, 0]);
  });
});

test('the documents of the reference page are a policy in order and its cases', async () => {
  const page = readFileSync(new URL('../../docs/reference/policy.md', import.meta.url), 'utf8');
  const [policy, cases] = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text as string) as [string, string];
  writeFileSync('prod.yaml', policy);
  writeFileSync('prod.cases.yaml', cases);
  expect((await joinery('policy check prod.yaml')).exit).toBe(0);
  expect((await joinery('policy test prod.cases.yaml')).stdout).toContain('prod version 3: passed 4, failed 0');
});

describe('policy check', () => {
  it('compares with the realm, and exits 4 on errors', async () => {
    const { exit, stdout, stderr } = await joinery('policy check migration.yaml --realm r');
    expect([exit, stderr]).toEqual([4, '']);
    expect(stdout).toContain('error    spec.rules[0].clusters[0]: expected a cluster of joinery.yaml (prod), found edge');
  });

  it('names every fault of files that are none, beside those that are, and exits 3', async () => {
    writeFileSync(
      'wrong.yaml',
      'apiVersion: joinery.dev/v1\nkind: JoinPolicy\nmetadata: { name: x }\nspec: { rules: [{ roles: worker }] }\n',
    );
    const result = await joinery('policy check by-role.yaml wrong.yaml');
    expect(result.exit).toBe(3);
    expect(result.stdout).toContain('by-role.yaml: by-role version 1, rules: 3\n');
    expect(result.stdout).toContain('wrong.yaml: not a policy\n  error    metadata: expected version');
    expect(result.stdout).toContain('  error    spec.rules[0].roles: expected an array, found a string');
    expect(result.stderr).toContain('no realm was found');
  });

  it('reads stdin, and needs something to check', async () => {
    expect((await joinery('policy check -', { stdin: readFileSync('attested.yaml', 'utf8') })).stdout).toBe(
      'stdin: attested version 1, rules: 2, nothing found\n',
    );
    expect((await joinery('policy check - --realm r', { stdin: readFileSync('attested.yaml', 'utf8') })).exit).toBe(0);
    expect((await joinery('policy check --json')).json().error).toMatchObject({ code: 'ERR_USAGE' });
    expect((await joinery('policy check attested.yaml --realm none')).exit).toBe(6);
  });

  it('checks what the clusters of a realm name, with its signature where one is required', async () => {
    const configured = readFileSync('r/joinery.yaml', 'utf8');
    try {
      const signed = (await joinery('policy sign by-role.yaml --key signer.pem --json')).json().data;
      cpSync('by-role.yaml', 'r/by-role.yaml');
      const jwk = JSON.stringify(signed['jwk']);
      const named = configured.replace('  - name: prod', '  - policy: by-role.yaml\n    name: prod');
      writeFileSync('r/joinery.yaml', `${named}policy:\n  require_signed: true\n  signers: [${jwk}]\n`);
      const unsigned = await joinery('policy check --realm r');
      expect([unsigned.exit, unsigned.stdout]).toEqual([
        4,
        expect.stringContaining('by-role.yaml.jws: expected the signature of the policy'),
      ]);
      cpSync('by-role.yaml.jws', 'r/by-role.yaml.jws');
      expect((await joinery('policy check --realm r')).exit).toBe(0);
      writeFileSync('r/by-role.yaml', `${readFileSync('by-role.yaml', 'utf8')}\n`);
      expect((await joinery('policy check --realm r')).stdout).toContain('by a configured signer, found none that holds');
    } finally {
      writeFileSync('r/joinery.yaml', configured);
    }
  });
});

test('policy test shows the rule that decided each case, and exits 4 when one fails', async () => {
  const cases = readFileSync('by-role.cases.yaml', 'utf8').replace('lifetime: 8h', 'lifetime: 9h');
  writeFileSync('failing.cases.yaml', cases);
  const { exit, stdout } = await joinery('policy test failing.cases.yaml');
  expect(exit).toBe(4);
  expect(stdout).toContain('ok    a worker gets its identity and its name: allowed by spec.rules[2] (workers)');
  expect(stdout).toContain(
    'FAIL  a control plane of prod gets a short certificate: allowed by spec.rules[1] (control planes, with short certificates)',
  );
  expect(stdout).toContain('      lifetime: expected 32400, found 28800');
  expect(stdout).toContain('by-role version 1: passed 5, failed 1');
  expect((await joinery('policy test failing.cases.yaml --json')).json()).toMatchObject({ ok: true, data: { passed: 5, failed: 1 } });
  expect((await joinery('policy test by-role.cases.yaml --policy attested.yaml')).exit).toBe(4);
});

describe('policy explain', () => {
  it('says which rule decides, and what the others want', async () => {
    const allowed = await joinery('policy explain by-role.yaml --realm r --cluster prod --role control-plane --token-lifetime 15m');
    expect(allowed.stdout).toContain(
      'allowed by spec.rules[1] (control planes, with short certificates)\nidentity  spiffe://lab.example/prod/control-plane/node-1\nlifetime  8h\nmetadata  tier=control\n',
    );
    expect(allowed.stdout).toContain('spec.rules[2] (workers): allows, does not match\n  roles: expected worker, found control-plane\n');
    const refused = await joinery('policy explain by-role.yaml --realm r --cluster prod --role worker --label quarantine=yes --json');
    expect(refused.exit).toBe(0);
    expect(refused.json().data).toMatchObject({
      decision: { allow: false, rule: 0, rule_path: 'spec.rules[0]', reason: 'a rule refuses it' },
      nearest: 2,
    });
    const long = await joinery('policy explain by-role.yaml --realm r --cluster prod --role worker --token-lifetime never');
    expect(long.stdout).toContain(
      'refused by spec: the token lives longer than the policy allows\n  maxTokenLifetime: expected 1h, found one that never expires\n',
    );
  });

  it('takes what an attestor would verify, at any time', async () => {
    writeFileSync('claims.json', '{"accountId":"123456789012","region":"eu-west-1"}');
    writeFileSync('list.json', '[]');
    const line =
      'policy explain attested.yaml --trust-domain lab.example --environment lab --cluster prod --role worker --provider aws-iid';
    expect((await joinery(`${line} --claims claims.json --evidence-age 5m`)).stdout).toContain('allowed by spec.rules[0]');
    expect((await joinery(`${line} --claims claims.json --evidence-age 5h`)).stdout).toContain(
      'maxEvidenceAge: expected evidence not older than 10m, found 5h',
    );
    expect((await joinery(line)).stdout).toContain('(nearest)');
    expect((await joinery(`${line} --claims list.json`)).exit).toBe(3);
    const migration =
      'policy explain migration.yaml --trust-domain lab.example --environment lab --cluster edge --role worker --label batch=b12';
    expect((await joinery(`${migration} --at 2026-12-02T00:00:00Z`)).stdout).toContain('allowed by spec.rules[0]');
    expect((await joinery(`${migration} --at 2026-11-02T00:00:00Z`)).stdout).toContain('validFrom: expected 2026-12-01T00:00:00Z or later');
  });

  it('asks for the trust domain where there is no realm', async () => {
    expect((await joinery('policy explain by-role.yaml --cluster prod --role worker --json')).json().error).toMatchObject({
      code: 'ERR_USAGE',
      message: expect.stringContaining('--trust-domain') as string,
    });
  });

  it('shows all that a certificate would get', async () => {
    const rule = '{ allow: true, dnsNames: ["{nodeId}.n.lab.example"], ipAddresses: [10.0.0.9] }';
    writeFileSync(
      'hosts.yaml',
      `apiVersion: joinery.dev/v1\nkind: JoinPolicy\nmetadata: { name: x, version: 1 }\nspec: { rules: [${rule}] }\n`,
    );
    const shown = await joinery('policy explain hosts.yaml --realm r --cluster prod --role worker');
    expect(shown.stdout).toContain('DNS names     node-1.n.lab.example\nIP addresses  10.0.0.9\n');
  });
});

test('policy schema prints what is enforced, and the definition for Kubernetes', async () => {
  expect(JSON.parse((await joinery('policy schema')).stdout)).toMatchObject({ $id: 'https://joinery.dev/schema/join-policy-1.json' });
  expect(JSON.parse((await joinery('policy schema --crd')).stdout)).toMatchObject({ kind: 'CustomResourceDefinition' });
  expect((await joinery('policy schema --json')).json().data['content']).toMatchObject({ title: expect.any(String) as string });
});

test('policy sign keeps the signatures of others when asked to', async () => {
  writeFileSync('second.pem', generatePrivateKey('p256').export({ type: 'pkcs8', format: 'pem' }));
  const lines = () => readFileSync('attested.yaml.jws', 'utf8').trimEnd().split('\n').length;
  expect((await joinery('policy sign attested.yaml --key signer.pem')).stdout).toContain('policy      attested version 1\n');
  await joinery('policy sign attested.yaml --key second.pem --add');
  expect(lines()).toBe(2);
  expect((await joinery('policy sign wrong.yaml --key signer.pem')).exit).toBe(3);
});
