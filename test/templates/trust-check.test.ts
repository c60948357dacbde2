import { spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../src/core/digest.ts';
import { utf8 } from '../../src/core/encoding.ts';

const script = fileURLToPath(new URL('../../templates/trust-check.sh', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'joinery-trust-check-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): [string, string] {
  const path = join(directory, name);
  writeFileSync(path, text);
  return [digestOf(utf8(text)), path];
}

function run(args: readonly string[], env: Record<string, string> = {}) {
  const { status, stderr, stdout } = spawnSync('/bin/sh', [script, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  return { status, stderr, stdout };
}

const https = file('https.pem', 'one\n');
const node = file('node.pem', 'two\n');

describe('trust-check', () => {
  it('accepts the two bundles and says so on stderr', () => {
    const { status, stderr, stdout } = run([...https, ...node]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    expect(stderr).toContain(`${https[1]}: ok, SHA-256 ${https[0]}`);
  });

  it('accepts a path that a shell would take apart', () => {
    expect(run(file('a b; $(touch x)\'".pem', 'three\n')).status).toBe(0);
  });

  it.each<[string, readonly string[], number]>([
    ['no argument', [], 64],
    ['a fingerprint alone', [https[0]], 64],
    ['upper-case hex', [https[0].toUpperCase(), https[1]], 64],
    ['a short fingerprint', [https[0].slice(1), https[1]], 64],
    ['another file', [https[0], node[1]], 65],
    ['a changed file', [https[0], file('changed.pem', 'one')[1]], 65],
    ['one bundle for both purposes', [...https, https[0], file('copy.pem', 'one\n')[1]], 65],
    ['a missing file', [https[0], join(directory, 'none')], 66],
    ['an empty file', file('empty.pem', ''), 66],
    ['a directory', [https[0], directory], 66],
  ])('refuses %s', (_, args, status) => {
    const result = run(args);
    expect(result.status).toBe(status);
    expect(result.stderr).toContain('joinery trust-check: REFUSED: ');
  });

  it('refuses a symbolic link and a hard link of the other bundle', () => {
    const link = join(directory, 'link.pem');
    symlinkSync(https[1], link);
    expect(run([https[0], link]).status).toBe(66);
    const hard = join(directory, 'hard.pem');
    linkSync(https[1], hard);
    expect(run([...https, https[0], hard]).status).toBe(65);
  });

  describe('on a node with other tools', () => {
    const hashed = `"${process.execPath}" -e 'process.stdout.write(crypto.hash("sha256", require("fs").readFileSync(0)))'`;
    // Stand-ins that print as the tools do (the tools themselves: test/system), so that the test needs none of them.
    const TOOLS = { openssl: `printf '%s *stdin\\n' "$(${hashed})"`, python3: hashed } as const;
    const only = (name: string, tool?: keyof typeof TOOLS) => {
      const bin = join(directory, name);
      mkdirSync(bin);
      if (tool !== undefined) writeFileSync(join(bin, tool), `#!/bin/sh\n${TOOLS[tool]}\n`, { mode: 0o755 });
      return { PATH: bin };
    };

    it.each(['openssl', 'python3'] as const)('computes with %s', (tool) => {
      const env = only(`bin-${tool}`, tool);
      expect(run([...https, ...node], env).status).toBe(0);
      expect(run([https[0], node[1]], env).status).toBe(65);
    });

    it('refuses where nothing computes SHA-256', () => {
      expect(run(https, only('bin-none')).status).toBe(69);
    });

    it('refuses where the tool fails', () => {
      const bin = join(directory, 'bin-broken');
      mkdirSync(bin);
      writeFileSync(join(bin, 'sha256sum'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
      expect(run(https, { PATH: bin }).status).not.toBe(0);
    });
  });
});
