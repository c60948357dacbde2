import { existsSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { demoPlace } from '../../src/cli/demo.ts';

test('a demo that is stopped leaves no keys beside their passphrases, unless it was to keep them', async () => {
  const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
  const before = process.listenerCount('SIGINT');
  const [stopped, kept] = [await demoPlace(), await demoPlace()];
  kept.keep();
  process.emit('SIGINT', 'SIGINT');
  expect([existsSync(stopped.directory), existsSync(kept.directory)]).toEqual([false, true]);
  expect(kill.mock.calls).toEqual([[process.pid, 'SIGINT']]);
  expect(process.listenerCount('SIGINT')).toBe(before);
  kept.remove();
  expect(existsSync(kept.directory)).toBe(false);
  kill.mockRestore();
});
