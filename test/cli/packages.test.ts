import { expect, it } from 'vitest';
import { checksText, inspectionData, inspectionText } from '../../src/cli/render/packages.ts';
import { styleFor } from '../../src/cli/render/text.ts';
import { packageModel, tokenWith } from '../fakes/package-model.ts';

it('says what a token grants, also one that no package should hold, and that there is none', async () => {
  const text = async (token: string | null) => inspectionText({ format: 'cloud-config', model: await packageModel({ token }), files: [] });
  expect(await text(await tokenWith())).toContain('one use, until 2026-11-22T10:15:00Z (not verified)');
  expect(await text(await tokenWith({ max_uses: 5 }))).toContain('5 uses');
  expect(await text(null)).toMatch(/^token +none \(none\)$/m);
  expect(inspectionData({ format: 'cloud-config', model: await packageModel({ token: null }), files: [] })['token']).toBeNull();
});

it('colours the results on a terminal only, and prints nothing that could steer it', () => {
  const rows = [
    { check: 'a', result: 'failed', detail: 'bad \u001b[2J' },
    { check: 'b', result: 'skipped', detail: '' },
  ] as const;
  const terminal = styleFor({ isTTY: true } as NodeJS.WriteStream, {});
  expect(checksText(false, rows, terminal)).toContain('\u001b[31mFAILED');
  const plain = checksText(false, rows, (_, text) => text);
  expect(plain).not.toContain('\u001b');
  expect(plain).toContain('refused: 1 of 2 checks failed');
});
