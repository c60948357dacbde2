/** Every member of every `data` is in snake_case, as the schemas of joinery's documents are: one convention for everybody who parses it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { runCli } from './harness.ts';

const cwd = mkdtempSync(join(tmpdir(), 'joinery-names-'));
const before = process.cwd();
process.chdir(cwd);
afterAll(() => {
  process.chdir(before);
  rmSync(cwd, { recursive: true, force: true });
});
writeFileSync(join(cwd, 'hosts.csv'), 'name,dns\na,a.lab.example\n');
writeFileSync(join(cwd, 'p12.pass'), 'password of a store\n');

/** Members whose own members are a format of its own, or names that the user chose. */
const FOREIGN = new Set(['claims', 'unknown', 'labels', 'jwk', 'jwks', 'keys', 'header', 'public_key', 'manifest', 'index', 'content']);
const SNAKE = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;

/** Paths of members that are not in snake_case. Purposes, in kebab-case, may be keys: they are values by which one looks up. */
function wrongNames(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((entry, index) => wrongNames(entry, `${path}[${index}]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const purpose = name === 'control-plane-https' || name === 'node-cert-lifecycle';
    const here = SNAKE.test(name) || purpose ? [] : [`${path}.${name}`];
    return [...here, ...(FOREIGN.has(name) ? [] : wrongNames(inner, `${path}.${name}`))];
  });
}

const [CPH, NCL] = [
  ['--purpose', 'control-plane-https'],
  ['--purpose', 'node-cert-lifecycle'],
];
const NODE = [...CPH, '--path', 'node.pem', '--state', 'state.json'];

const EXAMPLES = fileURLToPath(new URL('../../templates/policies/', import.meta.url));

/** In this order: each may need what those before it made. */
const COMMANDS: readonly (readonly string[])[] = [
  ['init', '--realm', 'r', '--environment', 'lab', '--domain', 'lab.example', '--cluster', 'prod', '--roles', 'worker'].concat(
    '--insecure-plaintext-keys',
  ),
  ['ca', 'create', 'web-root'],
  ['ca', 'create', 'node-root'],
  ['ca', 'create', 'issuing', '--parent', 'node-root'],
  ['ca', 'create', 'node-root-2'],
  ['ca', 'cross-sign', 'node-root-2', '--by', 'node-root'],
  ['ca', 'list'],
  ['ca', 'tree'],
  ['ca', 'show', 'issuing'],
  ['ca', 'export', 'node-root', '--out', 'node-root.pem'],
  ['ca', 'crl', 'issuing', '--out', 'issuing.crl'],
  ['trust', 'publish', ...CPH, '--ca', 'web-root'],
  ['trust', 'activate', ...CPH, '--version', '1'],
  ['trust', 'publish', ...NCL, '--ca', 'node-root'],
  ['trust', 'activate', ...NCL, '--version', '1'],
  ['trust', 'export', ...CPH, '--out', 'control-plane-https.chain.json'],
  ['trust', 'list'],
  ['trust', 'show', ...CPH],
  ['trust', 'history', ...CPH],
  ['trust', 'keys', 'list', ...CPH],
  ['trust', 'manifest', '--out', 'index.json'],
  ['trust', 'verify', 'control-plane-https.chain.json', ...CPH, '--index', 'index.json'],
  ['token', 'mint', '--cluster', 'prod', '--role', 'worker', '--node', 'n1', '--out', 'n1.jwt'],
  ['token', 'verify', '--token-file', 'n1.jwt', '--cluster', 'prod'],
  ['token', 'explain', '--token-file', 'n1.jwt'],
  ['token', 'list'],
  ['token', 'keys', 'list'],
  ['token', 'keys', 'export', '--out', 'keys.json'],
  ['token', 'keys', 'rotate'],
  ['token', 'revoke', '--all-for', 'n1'],
  ['token', 'gc'],
  ['cert', 'request', '--dns', 'web.lab.example', '--key-out', 'web.key', '--out', 'web.csr'],
  ['cert', 'sign', 'web.csr', '--ca', 'issuing', '--profile', 'server', '--dns', 'web.lab.example', '--out', 'web.crt'],
  ['cert', 'issue', 'n1', '--ca', 'issuing', '--profile', 'node', '--uri', 'spiffe://lab.example/node/n1', '--out-dir', 'nodes'],
  ['cert', 'issue', '--from', 'hosts.csv', '--ca', 'issuing', '--profile', 'peer', '--out-dir', 'peers'],
  ['cert', 'inspect', 'web.crt'],
  ['cert', 'inspect', 'web.csr'],
  ['cert', 'inspect', 'issuing.crl'],
  ['cert', 'lint', 'web.crt'],
  ['cert', 'fingerprint', 'web.crt'],
  ['cert', 'verify', 'web.crt', '--anchor', 'node-root.pem', '--intermediate', 'r/ca/issuing.crt'],
  ['cert', 'export', 'web.crt', '--key', 'web.key', '--password-file', 'p12.pass', '--out', 'web.p12'],
  ['cert', 'renew', 'web.crt', '--key-out', 'web-2.key', '--out', 'web-2.crt'],
  ['policy', 'check', `${EXAMPLES}attested.yaml`],
  ['policy', 'test', `${EXAMPLES}attested.cases.yaml`],
  ['policy', 'explain', `${EXAMPLES}by-role.yaml`, '--cluster', 'prod', '--role', 'worker'],
  ['policy', 'schema'],
  ['package', 'render', '--cluster', 'prod', '--role', 'worker', '--join-url', 'https://boot.lab.example', '--out', 'pkg'],
  ['package', 'inspect', 'pkg'],
  ['package', 'diff', 'pkg', 'pkg'],
  ['package', 'verify', 'pkg'],
  ['cluster', 'init', 'prod', '--token-out', 'prod.token', '--role', 'worker'],
  ['cluster', 'member', 'key', '--out', 'm1.key', '--public', 'm1.pub'],
  ['cluster', 'member', 'add', 'm1', '--key', 'm1.pub'],
  ['cluster', 'rotate-cert', '--out', 'answers'],
  ['cluster', 'status'],
  ['cluster', 'rotate-ca', 'trust-new', '--dry-run'],
  ['audit', 'checkpoint', '--out', 'checkpoint.txt'],
  ['audit', 'list'],
  ['audit', 'verify', '--checkpoint', 'checkpoint.txt'],
  ['realm', 'backup', '--out', 'stick'],
  ['realm', 'restore', 'stick', '--to', 'again'],
  ['realm', 'upgrade'],
];

/** Runs each in turn, which must succeed. @returns the wrong names, with the command that shows them. */
async function namesOf(commands: readonly (readonly string[])[], env: Record<string, string>): Promise<string[]> {
  const wrong: string[] = [];
  for (const argv of commands) {
    const answer = (await runCli([...argv, '--json'], { cwd, env })).json();
    expect([argv.join(' '), answer.error]).toEqual([argv.join(' '), undefined]);
    wrong.push(...wrongNames(answer.data, argv.slice(0, 2).join(' ')));
  }
  return wrong;
}

test('the data of every command names its members in snake_case', async () => {
  expect(wrongNames({ a: [{ bC: 1 }], claims: { bC: 1 } }, 'x')).toEqual(['x.a[0].bC']);
  const env = { JOINERY_REALM: join(cwd, 'r'), HOME: cwd };
  const wrong = await namesOf(COMMANDS, env);
  const shown = (await runCli(['trust', 'show', ...CPH, '--json'], { cwd, env })).json();
  const digest = shown.data['manifest_digest'] as string;
  const onNode = [
    ['trust', 'apply', 'control-plane-https.chain.json', ...NODE, '--digest', digest],
    ['trust', 'status', '--state', 'state.json'],
  ];
  expect([...wrong, ...(await namesOf(onNode, { HOME: cwd }))]).toEqual([]);
}, 120_000);
