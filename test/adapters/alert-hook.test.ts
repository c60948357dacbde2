import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { execAlert, webhookAlert } from '../../src/adapters/alert-hook.ts';
import type { AlertMessage } from '../../src/core/telemetry.ts';

const MESSAGE: AlertMessage = {
  schema: 'joinery/alert/1',
  kind: 'replay',
  time: '2026-11-22T10:00:00Z',
  environment: 'control',
  summary: 'something was used twice',
  suppressed: 0,
  details: { subject: 'id-1; touch /tmp/pwned $(id)' },
};

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'joinery-alert-'))));
afterEach(() => rmSync(directory, { recursive: true }));

function program(lines: string): string {
  const path = join(directory, 'hook');
  writeFileSync(path, `#!/bin/sh\n${lines}\n`);
  chmodSync(path, 0o700);
  return path;
}

const failure = (message: string) =>
  expect.objectContaining({ code: 'ERR_ALERT_DELIVERY', message: expect.stringContaining(message) as string });

describe('a program', () => {
  test('gets the alert on its standard input, its arguments as they are, and nothing of the environment but PATH', async () => {
    process.env['JOINERY_TEST_SECRET'] = 'hush';
    const out = join(directory, 'out');
    const path = program(`cat > "${out}"; echo "$1" >> "${out}"; env >> "${out}"`);
    await execAlert([path, 'a b; c'])(MESSAGE);
    delete process.env['JOINERY_TEST_SECRET'];
    const [json, argument, ...environment] = readFileSync(out, 'utf8').split('\n');
    expect(JSON.parse(json as string)).toEqual(MESSAGE);
    expect(argument).toBe('a b; c');
    expect(environment.join('\n')).not.toMatch(/hush|HOME=|USER=/);
    expect(environment.join('\n')).toContain('PATH=');
  });

  test('that fails, cannot be started or does not end is a failed delivery', async () => {
    await expect(execAlert([program('exit 3')])(MESSAGE)).rejects.toEqual(failure('exit status 3'));
    await expect(execAlert([join(directory, 'none')])(MESSAGE)).rejects.toEqual(failure('ENOENT'));
    const started = Date.now();
    await expect(execAlert([program('exec sleep 20')], 200)(MESSAGE)).rejects.toEqual(failure('SIGKILL'));
    expect(Date.now() - started).toBeLessThan(5000);
  });

  test('that does not read its input is judged by its status', async () => {
    const big = { ...MESSAGE, details: { text: 'x'.repeat(500_000) } };
    await expect(execAlert([program('exit 0')])(big)).resolves.toBeUndefined();
  });

  test('no shell reads the command', async () => {
    await expect(execAlert([`true; touch ${directory}/made`])(MESSAGE)).rejects.toEqual(failure('ENOENT'));
    expect(existsSync(join(directory, 'made'))).toBe(false);
  });
});

describe('a webhook', () => {
  let server: Server;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let url: string;
  let bodies: string[];
  beforeEach(async () => {
    bodies = [];
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        bodies.push(body);
        answer(request, response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?key=hush`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  test('gets the alert as JSON', async () => {
    let type: string | undefined;
    answer = (request, response) => {
      type = `${request.method} ${request.url} ${request.headers['content-type']}`;
      response.writeHead(204).end();
    };
    await webhookAlert(url)(MESSAGE);
    expect(type).toBe('POST /hook?key=hush application/json');
    expect(JSON.parse(bodies[0] as string)).toEqual(MESSAGE);
  });

  test('another status, a redirect, silence and nobody are failed deliveries, which never show the query', async () => {
    answer = (_request, response) => response.writeHead(500).end();
    await expect(webhookAlert(url)(MESSAGE)).rejects.toEqual(failure('status 500'));
    answer = (_request, response) => response.writeHead(302, { location: url }).end();
    const error = await webhookAlert(url)(MESSAGE).catch((reason: Error) => reason);
    expect(String(error)).toContain('status 302');
    expect(String(error)).not.toContain('hush');
    expect(bodies).toHaveLength(2);
    answer = () => undefined;
    await expect(webhookAlert(url, 200)(MESSAGE)).rejects.toEqual(failure('no answer in time'));
    await expect(webhookAlert('http://127.0.0.1:1/')(MESSAGE)).rejects.toEqual(failure('ECONNREFUSED'));
    await expect(webhookAlert('https://127.0.0.1:1/')(MESSAGE)).rejects.toEqual(failure('ECONNREFUSED'));
  });

  test('in the clear goes to this machine only', () => {
    expect(() => webhookAlert('http://hooks.example/x')).toThrow('expected https, or http on this machine, found http to hooks.example');
    for (const local of ['http://localhost/x', 'http://127.8.9.1:80/x', 'http://[::1]/x', 'https://hooks.example/x'])
      expect(webhookAlert(local)).toBeTypeOf('function');
  });
});
