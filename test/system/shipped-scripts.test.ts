/** Templates as packages ship them, without comments and indentation, as bash and shellcheck understand them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { compact } from '../../src/core/onboarding/compact.ts';

const templates = fileURLToPath(new URL('../../templates', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'joinery-shipped-'));
const names = readdirSync(templates, { recursive: true, encoding: 'utf8' }).filter((name) => /\.(?:sh|initd)$/.test(name));
const scriptOf = (name: string) => readFileSync(join(templates, name), 'utf8');
afterAll(() => rmSync(work, { recursive: true }));

function ask(command: string, args: readonly string[], text: string): string {
  writeFileSync(join(work, 'script'), text);
  const { error, status, stdout } = spawnSync(command, [...args, join(work, 'script')], { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`${command}: ${error.message} (the packages are listed in .ci/run)`);
  expect({ status, stdout }).toMatchObject({ status: 0 });
  return stdout;
}

describe.each(names)('%s', (name) => {
  it('is the same program as its template', () => {
    const shipped = compact(scriptOf(name));
    // bash prints what it understood, and an empty line where one was.
    const understood = (text: string) => ask('bash', ['--pretty-print'], text).replaceAll(/^\n/gm, '');
    expect(understood(shipped)).toBe(understood(scriptOf(name).replaceAll(/^[ \t]*#(?!!).*\n/gm, '')));
    expect(shipped).not.toContain('\n\n');
  });

  it('is shellcheck clean as it is shipped', () => {
    // What comments of the template say of single places.
    const said = [...scriptOf(name).matchAll(/shellcheck disable=(SC\d+)/g)].flatMap(([, code]) => ['-e', code as string]);
    // openrc-run reads what the script sets, and sets what it reads.
    if (name.endsWith('.initd')) said.push('-e', 'SC2034,SC2154');
    expect(ask('shellcheck', ['-s', 'sh', ...said], compact(scriptOf(name)))).toBe('');
  });
});
