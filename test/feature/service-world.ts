/** joinery as a service gets it: the packed tarball in a directory of its own, with the service beside it. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fixtures = join(root, 'test/fixtures/service');

export interface InstalledService {
  readonly directory: string;
  /** Path of one of its programs. */
  program(name: string): string;
  remove(): void;
}

/** Packs what is built, unpacks it as npm does, and links the dependencies that package.json names: nothing else can be imported. */
export function installService(): InstalledService {
  const directory = mkdtempSync(join(tmpdir(), 'joinery-service-'));
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory], {
    cwd: root,
    encoding: 'utf8',
  });
  const own = join(directory, 'node_modules/joinery');
  mkdirSync(own, { recursive: true });
  execFileSync('tar', ['-xzf', join(directory, packed.trim()), '-C', own, '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  for (const name of Object.keys(dependencies)) {
    const link = join(directory, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), link);
  }
  for (const name of readdirSync(fixtures)) copyFileSync(join(fixtures, name), join(directory, name));
  return { directory, program: (name) => join(directory, name), remove: () => rmSync(directory, { recursive: true, force: true }) };
}
