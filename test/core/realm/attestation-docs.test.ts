/** The configurations of docs/reference/attestation.md are read as they stand there. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseYaml } from '../../../src/adapters/config-file.ts';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { parseRealmConfig } from '../../../src/core/realm/config.ts';

const page = readFileSync(new URL('../../../docs/reference/attestation.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/```yaml\n(attestation:.*?)```/gs)].map(([, text]) => text as string);

test.each(blocks)('%#', async (text) => {
  const base = {
    schema: 'joinery/realm-config/1',
    environment: { name: 'lab', domain: 'lab.example' },
    trust_domain: 'lab.example',
    clusters: [],
  };
  const { attestation } = parseRealmConfig({ ...base, ...((await parseYaml(text, 'docs')) as JsonObject) }, 'docs');
  expect(attestation).toHaveLength(1);
});

test('each platform has its own', () => {
  const names = blocks.map((text) => /name: (\S+)/.exec(text)?.[1]);
  expect(names).toEqual(['github', 'gitlab', 'kubernetes', 'azure', 'gcp', 'ec2', 'aws', 'factory', 'host', 'image']);
});
