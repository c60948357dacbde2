import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { environmentOf, renderEnvFile } from '../../src/core/onboarding/env-file.ts';
import { onboardingWith } from '../fakes/package-model.ts';

const directory = mkdtempSync(join(tmpdir(), 'joinery-env-'));
afterAll(() => rmSync(directory, { recursive: true }));

it('means the same to a POSIX shell, whatever characters a URL may hold', () => {
  const url = 'https://boot.control.example.internal:9443/~a!$HOME$(id)&b;c*(d)=,@%20-_.';
  const values = environmentOf(onboardingWith({ api_url: url, join_urls: [url, url] }));
  const file = join(directory, 'joinery.env');
  writeFileSync(file, renderEnvFile(values));
  const print = [...values.keys()].map((key) => `printf '%s\\n' "$${key}"`).join('; ');
  const { stdout, stderr, status } = spawnSync('/bin/sh', ['-euc', `. '${file}'; ${print}`], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout).toBe(`${[...values.values()].join('\n')}\n`);
});
