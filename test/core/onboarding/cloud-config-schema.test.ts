/** Every cloud-config document against what the newest cloud-init has published of its schema: it refuses unknown keys, which older ones take. */
import { readFileSync } from 'node:fs';
import ajvDraft04 from 'ajv-draft-04';
import ajvFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { readAgentTemplates } from '../../../src/adapters/templates.ts';
import { agentContents } from '../../../src/core/onboarding/agent-files.ts';
import { nodePlan } from '../../../src/core/onboarding/files.ts';
import { FORMAT_TABLE } from '../../../src/core/onboarding/formats/table.ts';
import { readIso } from '../../../src/core/onboarding/formats/iso9660.ts';
import { ASSETS, packageModel } from '../../fakes/package-model.ts';
import { HOSTILE } from '../../fakes/package-values.ts';

const schema = readFileSync(new URL('../../fixtures/cloud-init/schema-cloud-config-25.3.json', import.meta.url), 'utf8');
const ajv = new ajvDraft04.default({ strict: false, allErrors: true });
ajvFormats.default(ajv);
const validate = ajv.compile(JSON.parse(schema) as object);
const bodyOf = (text: string): object => JSON.parse(text.slice('#cloud-config\n'.length)) as object;

async function documents(): Promise<Readonly<Record<string, string>>> {
  const labels = Object.fromEntries(HOSTILE.map((value, index) => [`label-${index}`, value]));
  const model = await packageModel({ onboarding: { node: 'n1', agent: 'script' }, seedPeers: { peers: [{ address: 'n1:1', labels }] } });
  const assets = { ...ASSETS, agent: agentContents(model.onboarding, { templates: await readAgentTemplates() }) };
  const rendered = (format: keyof typeof FORMAT_TABLE) =>
    FORMAT_TABLE[format].encode(nodePlan(model, assets))[0]?.bytes ?? new Uint8Array();
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('utf8');
  const body = text(rendered('multipart')).split('\n\n').at(-1)?.split('\n--')[0] ?? '';
  return {
    'cloud-config': text(rendered('cloud-config')),
    nocloud: text(rendered('nocloud')),
    'nocloud-iso': text(readIso(rendered('nocloud-iso'), 'seed.iso').find(({ path }) => path === 'user-data')?.bytes ?? new Uint8Array()),
    multipart: Buffer.from(body, 'base64').toString('utf8'),
  };
}

describe('the schema of cloud-init 25.3', () => {
  it('takes every rendered document', async () => {
    for (const [format, text] of Object.entries(await documents())) {
      expect(text).toMatch(/^#cloud-config\n/);
      expect({ format, valid: validate(bodyOf(text)), errors: validate.errors }).toEqual({ format, valid: true, errors: null });
    }
  });

  it('would refuse another key, and a value of another type', async () => {
    const body = bodyOf((await documents())['cloud-config'] as string);
    expect(validate({ ...body, x: 1 })).toBe(false);
    expect(validate({ ...body, write_files: [{ path: 7 }] })).toBe(false);
  });
});
