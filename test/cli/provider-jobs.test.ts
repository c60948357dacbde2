/** What a server asks identity providers by itself. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PROVIDER_TRUST, providerJobs } from '../../src/cli/provider-jobs.ts';
import type { AssembledServer } from '../../src/cli/server-service.ts';
import { joinRealm } from '../fakes/join-realm.ts';

test('the authorities of every cluster are looked at, whatever the provider of another one does', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'joinery-provider-jobs-'));
  try {
    const clusters = ['one', 'two'].map((name) => {
      const [program, seen] = [join(directory, `${name}.sh`), join(directory, `${name}.seen`)];
      writeFileSync(program, `#!/bin/sh\n: > '${seen}'\nexit 1\n`, { mode: 0o755 });
      return { name, roles: ['worker'], identity_provider: { ca: 'node-issuing', exec: [program] } };
    });
    const realm = await joinRealm({ clusters });
    const server = { service: { realm }, telemetry: { logger: { log: () => undefined } } };
    const job = providerJobs(server as unknown as AssembledServer).find(({ name }) => name === PROVIDER_TRUST);
    await expect(job?.run()).rejects.toMatchObject({ code: 'ERR_PROVIDER_UNAVAILABLE' });
    expect(['one', 'two'].map((name) => existsSync(join(directory, `${name}.seen`)))).toEqual([true, true]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
