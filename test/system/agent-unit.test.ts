/** The systemd unit of the node agent: by systemd's own tools, and what it starts as systemd starts it, over a real notify socket. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { joinedNode, type JoinServer, nodePlace } from '../fakes/join-server.ts';

const template = fileURLToPath(new URL('../../templates/systemd/joinery-node-agent.service', import.meta.url));
let directory = '';
let unit = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'joinery-unit-'));
  unit = join(directory, 'joinery-node-agent.service');
  writeFileSync(unit, readFileSync(template, 'utf8').replace('/usr/bin/joinery ', `${process.execPath} `));
});
afterAll(() => rmSync(directory, { recursive: true }));

it('is accepted by systemd without a word', () => {
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

it('is hardened as far as a service that runs hooks as root can be', () => {
  const options = ['security', '--offline=true', '--no-pager', '--threshold=50', unit];
  const { status, stdout } = spawnSync('systemd-analyze', options, { encoding: 'utf8' });
  expect({ status, verdict: /Overall exposure level.*/.exec(stdout)?.[0] }).toEqual({
    status: 0,
    verdict: expect.stringContaining('OK') as string,
  });
});

describe('what it starts', () => {
  const dev = fileURLToPath(new URL('../../bin/dev.js', import.meta.url));
  /** The value of a line of the unit. */
  const line = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(readFileSync(template, 'utf8'))?.[1] as string;
  /** Its words with the program and the paths of this test. */
  const commandOf = (key: string): readonly string[] =>
    line(key)
      .replaceAll('/var/lib/joinery', place.directory)
      .split(' ')
      .flatMap((word) => (word === '/usr/bin/joinery' ? [process.execPath, dev] : [word]));
  const place = nodePlace();
  let server: JoinServer;
  beforeAll(async () => {
    server = await joinedNode(place.directory);
  });
  afterAll(async () => {
    await server.close();
    place.remove();
  });

  /** A datagram socket as systemd has it: each message with the second at which it came. */
  async function notifySocket() {
    const path = join(directory, 'notify');
    const script =
      'import socket,sys,time\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\ns.bind(sys.argv[1])\nprint("open",flush=True)\n' +
      'while True:\n  m=s.recv(4096).decode()\n  [print(time.monotonic(),l,flush=True) for l in m.splitlines()]\n';
    const child = spawn('python3', ['-c', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    const messages: { readonly at: number; readonly text: string }[] = [];
    let rest = '';
    child.stdout.on('data', (chunk) => {
      const lines = (rest + String(chunk)).split('\n');
      rest = lines.pop() as string;
      for (const text of lines) messages.push({ at: Number(text.split(' ', 1)[0]), text: text.slice(text.indexOf(' ') + 1) });
    });
    await vi.waitFor(() => expect(messages).toHaveLength(1), { timeout: 20_000 });
    messages.length = 0;
    return { path, messages, close: () => child.kill('SIGKILL') };
  }

  it('is ready, feeds the watchdog, renews at a reload, and ends in time: systemd hears all of it', { timeout: 120_000 }, async () => {
    const notify = await notifySocket();
    const [program, ...args] = commandOf('ExecStart') as [string, ...string[]];
    const WATCHDOG = 4;
    const child = spawn(program, args, {
      env: { PATH: process.env['PATH'], HOME: directory, NOTIFY_SOCKET: notify.path, WATCHDOG_USEC: String(WATCHDOG * 1e6) },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    child.stderr.on('data', (chunk) => (log += String(chunk)));
    const ended = once(child, 'exit');
    // BARRIER=1 is systemd-notify's own way of waiting for systemd.
    const texts = () => notify.messages.map(({ text }) => text).filter((text) => text !== 'BARRIER=1');
    const fed = () => notify.messages.filter(({ text }) => text === 'WATCHDOG=1');
    try {
      await vi.waitFor(() => expect(texts()).toContain('READY=1'), { timeout: 60_000 });
      expect(texts().filter((text) => text.startsWith('STATUS=valid, renews at '))).not.toEqual([]);
      await vi.waitFor(() => expect(fed().length).toBeGreaterThan(6), { timeout: 30_000 });
      const times = fed().map(({ at }) => at);
      for (const [index, at] of times.slice(1).entries()) expect(at - (times[index] as number)).toBeLessThan(WATCHDOG);
      // A shell reads the quotes as systemd does, which puts MAINPID into the environment, too.
      const reload = spawnSync('/bin/sh', ['-c', line('ExecReload')], { env: { MAINPID: String(child.pid) } });
      expect(reload.status).toBe(0);
      await vi.waitFor(() => expect(readlinkSync(join(place.directory, 'identity/current'))).toBe('gen-2'), { timeout: 30_000 });
      expect(existsSync(join(place.directory, 'agent.prom'))).toBe(true);
      child.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      await vi.waitFor(() => expect(texts().at(-1)).toBe('STOPPING=1'), { timeout: 10_000 });
    } finally {
      child.kill('SIGKILL');
      notify.close();
    }
    expect(texts().filter((text) => text === 'READY=1')).toHaveLength(1);
    expect(log).toContain('renewed');
  });

  it('ends with the status that keeps systemd from starting it again, where the command line is wrong', () => {
    const [program, ...args] = commandOf('ExecStart') as [string, ...string[]];
    const { status } = spawnSync(program, [...args, '--trust-every', 'soon'], { env: { PATH: process.env['PATH'], HOME: directory } });
    expect(String(status)).toBe(line('RestartPreventExitStatus'));
  });

  it('is heard although systemd-notify is another process than the agent, and has the time that it may take', () => {
    expect([line('Type'), line('NotifyAccess')]).toEqual(['notify', 'all']);
    // A sleep lasts a minute at most, or half of this; an attempt a minute.
    expect(Number(line('WatchdogSec'))).toBeGreaterThan(120);
  });
});
