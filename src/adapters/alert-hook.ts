/** Tells a program or a webhook of an alert. */
import { spawn } from 'node:child_process';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { JoineryError } from '../core/errors.ts';
import type { AlertMessage, AlertSink } from '../core/telemetry.ts';

const TIMEOUT_MS = 10_000;

const failure = (target: string, found: string, cause?: unknown): JoineryError =>
  new JoineryError('ERR_ALERT_DELIVERY', `${target}: expected the alert to be taken, found ${found}`, { cause });

/**
 * Runs `command` without a shell and gives it the alert on its standard input. It sees PATH and nothing else of the environment, in
 * which passphrases may stand.
 * @param command the program and its arguments.
 * @throws ERR_ALERT_DELIVERY when it cannot be started, ends with another status than 0, or not in time (default 10 s).
 */
export function execAlert(command: readonly string[], timeoutMs: number = TIMEOUT_MS): AlertSink {
  const [program, ...args] = command as [string, ...string[]];
  return (message) =>
    new Promise((resolve, reject) => {
      const child = spawn(program, args, {
        stdio: ['pipe', 'ignore', 'ignore'],
        env: { PATH: process.env['PATH'] },
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
      });
      child.on('error', (cause) => reject(failure(program, cause.message, cause)));
      child.on('exit', (code, signal) => {
        if (code === 0) resolve();
        else reject(failure(program, signal === null ? `exit status ${code}` : `its end by ${signal}`));
      });
      // A program that does not read its input is judged by its status.
      child.stdin.on('error', () => undefined);
      child.stdin.end(`${JSON.stringify(message)}\n`);
    });
}

/** Addresses of this machine, to which an alert may go in the clear. */
const LOOPBACK = /^(?:localhost|127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\])$/;

/**
 * Posts the alert as JSON. Redirects are not followed.
 * @param url https, or http on this machine. @throws ERR_CONFIG_MALFORMED for another URL
 * @returns a sink that throws ERR_ALERT_DELIVERY for an answer that is not 2xx, or none in time (default 10 s).
 */
export function webhookAlert(url: string, timeoutMs: number = TIMEOUT_MS): AlertSink {
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'https:' && !LOOPBACK.test(hostname)) {
    throw new JoineryError(
      'ERR_CONFIG_MALFORMED',
      `server.alerts.webhook: expected https, or http on this machine, found http to ${hostname}`,
    );
  }
  const send = protocol === 'https:' ? httpsRequest : httpRequest;
  return (message) => post(send, url, message, timeoutMs);
}

function post(send: typeof httpsRequest, url: string, message: AlertMessage, timeoutMs: number): Promise<void> {
  // The query of a webhook may be its secret.
  const target = url.replace(/\?.*$/, '');
  return new Promise((resolve, reject) => {
    const request = send(url, {
      method: 'POST',
      agent: false,
      rejectUnauthorized: true,
      signal: AbortSignal.timeout(timeoutMs),
      headers: { 'content-type': 'application/json', 'user-agent': 'joinery' },
    });
    request.on('error', (cause) => reject(failure(target, cause.name === 'AbortError' ? 'no answer in time' : cause.message, cause)));
    request.on('response', (response) => {
      response.resume();
      const status = response.statusCode as number;
      if (status >= 200 && status < 300) resolve();
      else reject(failure(target, `status ${status}`));
    });
    request.end(JSON.stringify(message));
  });
}
