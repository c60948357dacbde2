/** Joins as a process of its own that is killed (SIGKILL) before a step of its writing: argv is directory, URL, pin, steps; stdin is the token. */
import { text } from 'node:stream/consumers';
import { systemFiles } from '../../src/adapters/files.ts';
import { systemSwitches } from '../../src/adapters/switches.ts';
import { joinNode } from '../../src/client/join-node.ts';
import type { Pin } from '../../src/core/digest.ts';
import { Secret } from '../../src/core/secret.ts';
import { nodeClientWorld } from '../fakes/join-server.ts';

const [directory = '', url = '', pin = '', steps = '0'] = process.argv.slice(2);
let left = Number(steps);

function counted<A extends readonly unknown[], R>(work: (...args: A) => Promise<R>): (...args: A) => Promise<R> {
  return (...args) => {
    if (left === 0) process.kill(process.pid, 'SIGKILL');
    left -= 1;
    return work(...args);
  };
}

const { create, replace, makeDirectory, remove, removeDirectory } = systemFiles;
const files = {
  ...systemFiles,
  create: counted(create),
  replace: counted(replace),
  makeDirectory: counted(makeDirectory),
  remove: counted(remove),
  removeDirectory: counted(removeDirectory),
};
const switches = { ...systemSwitches, move: counted(systemSwitches.move), point: counted(systemSwitches.point) };
const token = new Secret((await text(process.stdin)).trim());
await joinNode(nodeClientWorld({ files, switches }), {
  directory,
  urls: [url],
  pins: [pin as Pin],
  trustDigests: {},
  token: () => Promise.resolve(token),
});
process.stdout.write('joined\n');
