/** What lies beside the executable: checksums, bill of materials, licences. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { directory, executable, name, root, VERSION } from './executable.ts';

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl?: string;
  readonly components?: readonly Component[];
  readonly hashes?: readonly { readonly content: string }[];
}
interface Bill {
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
}

let twin = '';
const read = (file: string) => readFileSync(`${directory}/${file}`);
const bill = JSON.parse(read(`${name}.cdx.json`).toString()) as Bill;
const licenses = read(`${name}.licenses.txt`).toString();

beforeAll(() => {
  twin = mkdtempSync(join(tmpdir(), 'joinery-twin-'));
  writeFileSync(`${twin}/joinery-0.0.1-linux-x64`, 'of an earlier build');
  const build = spawnSync(process.execPath, [`${root}bin/binary.js`, '--out', twin], { cwd: twin, encoding: 'utf8' });
  expect([build.status, build.stderr]).toEqual([0, '']);
});
afterAll(() => rmSync(twin, { recursive: true, force: true }));

test('built again, elsewhere, it is the same to the last byte, with the same papers', () => {
  expect(readdirSync(twin).toSorted()).toContain(name);
  rmSync(`${twin}/joinery-0.0.1-linux-x64`);
  for (const file of readdirSync(twin)) expect([file, readFileSync(`${twin}/${file}`).equals(read(file))]).toEqual([file, true]);
});

test.each([
  ['--target', 'linux-riscv', 'error: --target: expected linux-x64 or linux-arm64, found linux-riscv'],
  ['--tarket', 'linux-x64', "error: Unknown option '--tarket'"],
])('%s %s is refused by a sentence', (flag, value, sentence) => {
  const { status, stderr } = spawnSync(process.execPath, [`${root}bin/binary.js`, '--out', twin, flag, value], { encoding: 'utf8' });
  expect([status, stderr]).toEqual([1, `${sentence}\n`]);
});

test('SHA256SUMS is what sha256sum checks', () => {
  const check = spawnSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: directory, encoding: 'utf8' });
  expect([check.status, check.stdout]).toEqual([0, expect.stringContaining(`${name}: OK`)]);
});

test('the bill of materials is CycloneDX 1.6, by its published schema', () => {
  const schema = (file: string) =>
    JSON.parse(readFileSync(`${root}node_modules/@cyclonedx/cyclonedx-library/res/schema/${file}.SNAPSHOT.schema.json`, 'utf8')) as object;
  const ajv = new Ajv({ strict: false, formats: { 'iri-reference': true, 'idn-email': true } });
  for (const file of ['spdx', 'jsf-0.82'])
    ajv.addSchema({ ...schema(file), $id: `http://cyclonedx.org/schema/${file}.SNAPSHOT.schema.json` });
  (formats as unknown as (ajv: Ajv) => void)(ajv);
  const validate = ajv.compile(schema('bom-1.6'));
  expect(validate(bill) ? [] : validate.errors).toEqual([]);
});

test('it names the executable by its digest, the runtime, and what the runtime is made of', () => {
  const { component } = bill.metadata;
  expect([component.name, component.version]).toEqual(['joinery', VERSION]);
  expect(component.hashes?.[0]?.content).toBe(createHash('sha256').update(readFileSync(executable)).digest('hex'));
  const node = bill.components.find((part) => part.name === 'node');
  expect(node?.version).toBe(process.versions.node);
  expect(node?.components?.find((part) => part.name === 'openssl')?.version).toBe(process.versions.openssl);
});

test('every package that it names has its licence among the licences, and each dependency that runs is named', () => {
  for (const { name, version, purl } of bill.components.filter((part) => part.name !== 'node')) {
    expect(licenses).toContain(`\n${name} ${version} (`);
    expect(purl).toBe(`pkg:npm/${name.replace('@', '%40')}@${version}`);
  }
  const names = bill.components.map((part) => part.name);
  const { dependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { dependencies: Record<string, string> };
  // The native one is not inside: decision 0014.
  expect(Object.keys(dependencies).filter((dependency) => !names.includes(dependency))).toEqual(['@napi-rs/keyring']);
  // The bundler leaves some of itself in what it makes.
  expect(names).toContain('rolldown');
  expect(licenses).toContain('Node.js is licensed for use as follows');
});
