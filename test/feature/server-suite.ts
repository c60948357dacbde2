/**
 * What a server must do, over real sockets and processes, however it is started: `server start`, and a service that embeds it.
 * Every accept and every refusal is looked at from four sides: the response, the audit log, the metrics, and the log or alert.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BootstrapClient } from '../../src/client/client.ts';
import type { JoinReply, JoinRequest } from '../../src/core/join/messages.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { parsePem } from '../../src/core/encoding.ts';
import {
  clientOf,
  metric,
  newNode,
  type ServerFixture,
  type StartedServer,
  type TestNode,
  type TestRealm,
  testRealm,
} from './server-world.ts';
import { PROMPT_MS } from '../fakes/patience.ts';

const run = promisify(execFile);

interface Joined {
  readonly node: TestNode;
  readonly reply: JoinReply;
}

export function serverSuite(fixture: ServerFixture): void {
  describe(`a bootstrap server: ${fixture.name}`, () => {
    let realm: TestRealm;
    let server: StartedServer;
    let client: BootstrapClient;
    const open: { close(): Promise<void> }[] = [];
    const clientAs = (as?: Joined): BootstrapClient => {
      const made = clientOf(realm, server, as);
      open.push(made);
      return made;
    };

    beforeAll(async () => {
      realm = await testRealm();
      const alerts = join(realm.directory, 'alerts');
      const hook = join(realm.directory, 'hook.sh');
      writeFileSync(hook, `#!/bin/sh\ncat >> ${alerts}\n`, { mode: 0o755 });
      realm.configure((config) => Object.assign(config['server'] as object, { alerts: { exec: [hook] } }));
      server = await fixture.start(realm);
      client = clientOf(realm, server);
    });
    afterEach(async () => {
      for (const one of open.splice(0)) await one.close();
    });
    afterAll(async () => {
      await client.close();
      await server.stop();
      realm.remove();
    });

    async function joinNode(change: Partial<JoinRequest> = {}, ...mint: string[]): Promise<Joined> {
      const [node, token] = [await newNode(), await realm.mint(...mint)];
      return { node, reply: await client.join({ token, csr: node.csr, ...change }) };
    }

    it('lets a node in with nothing but a token, once, and shows it to its peers', async () => {
      const before = await metric(server, 'joinery_bootstrap_attempts_total', { result: 'accepted' });
      const { node, reply } = await joinNode({}, '--node', 'n1');
      expect(reply).toMatchObject({ cluster: 'prod', role: 'worker', node_id: 'n1', identity: 'spiffe://lab.example/prod/worker/n1' });
      const [block] = parsePem(reply.certificate_pem);
      const certificate = parseCertificate(block?.der as Uint8Array);
      expect(certificate.notAfter - Date.now() / 1000).toBeLessThanOrEqual(3600);
      const { value: peers } = await clientAs({ node, reply }).peers();
      expect(peers?.nodes).toContainEqual(expect.objectContaining({ node: 'n1', role: 'worker', fingerprint: certificate.fingerprint }));
      const [accepted] = await realm.audit('join.accept');
      expect(accepted).toMatchObject({ subject: 'n1', correlation_id: reply.audit_id, result: 'ok' });
      expect(await metric(server, 'joinery_bootstrap_attempts_total', { result: 'accepted' })).toBe(before + 1);
      expect(server.log()).toContainEqual(expect.objectContaining({ msg: 'join accepted', node: 'n1', correlation_id: reply.audit_id }));
    });

    it('gives the same key the same certificate again, and another key nothing', async () => {
      const [node, token] = [await newNode(), await realm.mint()];
      const first = await client.join({ token, csr: node.csr });
      const again = await client.join({ token, csr: node.csr });
      expect(again.certificate_pem).toBe(first.certificate_pem);
      await expect(client.join({ token, csr: (await newNode()).csr })).rejects.toMatchObject({ code: 'ERR_TOKEN_REPLAYED' });
      await expect
        .poll(() => existsSync(join(realm.directory, 'alerts')) && readFileSync(join(realm.directory, 'alerts'), 'utf8'))
        .toContain('replay');
      await expect.poll(() => server.log().filter(({ msg }) => msg === 'alert replay')).toHaveLength(1);
    });

    describe('refuses, and says so in four places', () => {
      const rows: readonly (readonly [name: string, code: string, status: number, prepare: () => Promise<Partial<JoinRequest>>])[] = [
        ['a token of another role', 'ERR_TOKEN_ROLE', 403, async () => ({ token: await realm.mint(), requested_role: 'control-plane' })],
        ['a token of another node', 'ERR_TOKEN_NODE', 403, async () => ({ token: await realm.mint('--node', 'n2'), node_id: 'n3' })],
        ['a token of another cluster', 'ERR_TOKEN_AUDIENCE', 403, async () => ({ token: await realm.mint(), cluster: 'edge' })],
        ['a token of another environment', 'ERR_TOKEN_ENVIRONMENT', 403, async () => ({ token: await realm.mint(), environment: 'other' })],
        ['labels that were not granted', 'ERR_TOKEN_LABELS', 403, async () => ({ token: await realm.mint(), labels: { gpu: 'yes' } })],
        [
          'a revoked token',
          'ERR_TOKEN_REVOKED',
          410,
          async () => {
            const token = await realm.mint();
            const { jti } = JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as { jti: string };
            await realm.run('token', 'revoke', jti);
            return { token };
          },
        ],
        [
          'an exhausted token',
          'ERR_TOKEN_REPLAYED',
          410,
          async () => {
            const token = await realm.mint();
            await client.join({ token, csr: (await newNode()).csr });
            return { token };
          },
        ],
        [
          'a name that another key has',
          'ERR_NODE_EXISTS',
          409,
          async () => {
            await joinNode({}, '--node', 'taken');
            return { token: await realm.mint('--node', 'taken') };
          },
        ],
        ['a token that has ended', 'ERR_TOKEN_EXPIRED', 410, () => Promise.resolve({ token: realm.expiredToken })],
      ];
      it.each(rows)('%s', async (_name, code, status, prepare) => {
        const change = await prepare();
        const request = { csr: (await newNode()).csr, token: '', ...change };
        const refused = { result: 'refused', reason: code };
        const before = await metric(server, 'joinery_bootstrap_attempts_total', refused);
        const response = await post('/v1/join', request);
        expect(response.status).toBe(status);
        expect(response.body).toMatchObject({ code, status, correlation_id: expect.any(String) as string });
        const records = await realm.audit('join.refuse');
        expect(records.at(-1)).toMatchObject({ result: 'refused', reason: code, correlation_id: response.body['correlation_id'] });
        expect(await metric(server, 'joinery_bootstrap_attempts_total', refused)).toBe(before + 1);
        expect(server.log()).toContainEqual(expect.objectContaining({ msg: 'join refused', reason: code }));
      });

      it('whoever proved nothing: one code for everything, one record for many, nothing told', async () => {
        const other = await realm.mint();
        const forged = `${other.slice(0, -6)}AAAAAA`;
        const before = (await realm.audit('join.refuse')).length;
        const answers = [];
        for (const token of [forged, 'nonsense', 'a.b.c', 'abcdef.0123456789abcdef'])
          answers.push(await post('/v1/join', { token, csr: (await newNode()).csr }));
        for (const { status, body } of answers) {
          expect([status, body['code']]).toEqual([401, 'ERR_JOIN_UNAUTHENTICATED']);
          expect(JSON.stringify(body)).not.toMatch(/signature|expired|unknown/i);
        }
        expect(new Set(answers.map(({ body }) => body['detail'])).size).toBe(1);
        expect((await realm.audit('join.refuse')).length).toBe(before);
        expect(
          await metric(server, 'joinery_bootstrap_attempts_total', { result: 'refused', reason: 'ERR_TOKEN_SIGNATURE' }),
        ).toBeGreaterThan(0);
      });

      it('what is no request', async () => {
        expect(await post('/v1/join', { token: 'x' })).toMatchObject({ status: 400, body: { code: 'ERR_REQUEST_MALFORMED' } });
        expect(await post('/v1/join', 'x'.repeat(70_000))).toMatchObject({ status: 413, body: { code: 'ERR_INPUT_TOO_LARGE' } });
        expect(await post('/v1/nowhere', {})).toMatchObject({ status: 404, body: { code: 'ERR_ROUTE_NOT_FOUND' } });
        expect(await post('/v1/ca', {})).toMatchObject({ status: 405, body: { code: 'ERR_ROUTE_METHOD' } });
        expect(await post('/v1/tokens', {})).toMatchObject({ status: 404 });
        expect(await post('/v1/renew', { csr: (await newNode()).csr })).toMatchObject({ status: 401 });
      });
    });

    it('renews, by the record of the old certificate, once for each key', async () => {
      const joined = await joinNode({}, '--node', 'renewer');
      const next = await newNode();
      const as = clientAs(joined);
      const renewed = await as.renew({ csr: next.csr });
      expect(renewed).toMatchObject({ identity: joined.reply.identity, node_id: 'renewer' });
      expect((await as.renew({ csr: next.csr })).certificate_pem).toBe(renewed.certificate_pem);
      await expect(as.renew({ csr: (await newNode()).csr })).rejects.toMatchObject({ code: 'ERR_RENEW_KEY' });
      expect((await realm.audit('renew.accept')).at(-1)).toMatchObject({ subject: 'renewer' });
      await expect.poll(() => server.log().filter(({ msg }) => msg === 'alert second-renewal-key')).toHaveLength(1);
      expect((await clientAs({ node: next, reply: renewed }).peers()).value?.cluster).toBe('prod');
    });

    it('answers PEM to who asks for it, with everything else in headers', async () => {
      const { csr } = await newNode();
      const { status, text, headers } = await raw('POST', '/v1/join', JSON.stringify({ token: await realm.mint('--node', 'shell'), csr }), {
        'content-type': 'application/json',
        accept: 'application/pem-certificate-chain',
      });
      expect([status, headers['content-type'], headers['joinery-node-id']]).toEqual([200, 'application/pem-certificate-chain', 'shell']);
      expect(headers['joinery-trust']).toBe('control-plane-https=1, node-cert-lifecycle=1');
      expect(text.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
      expect(text.startsWith('-----BEGIN CERTIFICATE-----\n')).toBe(true);
    });

    it('shows public documents to everybody, and only once to who has them', async () => {
      for (const path of [
        '/v1/ca',
        '/v1/trust/control-plane-https',
        '/v1/trust/node-cert-lifecycle/1',
        '/v1/spiffe-bundle',
        '/v1/crl/node-issuing',
      ]) {
        const first = await raw('GET', path);
        expect([path, first.status]).toEqual([path, 200]);
        const etag = String(first.headers['etag']);
        expect([path, (await raw('GET', path, undefined, { 'if-none-match': etag })).status]).toEqual([path, 304]);
      }
      expect((await raw('GET', '/v1/trust/node-cert-lifecycle/2')).status).toBe(404);
      expect((await raw('GET', '/v1/trust/other')).status).toBe(404);
      expect((await raw('GET', '/v1/crl/web-root')).status).toBe(404);
      const nonce = await post('/v1/challenge', {});
      expect(nonce).toMatchObject({ status: 200, body: { nonce: expect.any(String) as string } });
    });

    it('serves curl with the pinned root, and only with it', async () => {
      const curl = (...argv: string[]) => run('curl', ['-sS', '--capath', '/dev/null', ...argv, `${server.url}/v1/ca`]);
      const { stdout } = await curl('--cacert', join(realm.directory, 'ca/web-root.crt'));
      expect(JSON.parse(stdout)).toMatchObject({ anchors: expect.any(Array) as unknown[] });
      await expect(curl('--cacert', join(realm.directory, 'ca/node-root.crt'))).rejects.toMatchObject({ code: 60 });
      const { stdout: http1 } = await curl('--http1.1', '-D', '-', '-o', '/dev/null', '--cacert', join(realm.directory, 'ca/web-root.crt'));
      expect(http1).toContain('HTTP/1.1 200');
    });

    it('cuts the sessions of a revoked node within a second, and never lets it in again', async () => {
      const joined = await joinNode({}, '--node', 'lost');
      const session = await sessionAs(joined);
      expect(await statusOf(session, '/v1/peers')).toBe(200);
      const closed = once(session, 'close');
      const [block] = parsePem(joined.reply.certificate_pem);
      await realm.run('cert', 'revoke', parseCertificate(block?.der as Uint8Array).serialNumber, '--reason', 'keyCompromise');
      const revokedAt = performance.now();
      await closed;
      expect(performance.now() - revokedAt).toBeLessThan(PROMPT_MS);
      const again = await sessionAs(joined);
      expect(await statusOf(again, '/v1/peers')).toBe(403);
      await expect(clientAs(joined).renew({ csr: (await newNode()).csr })).rejects.toMatchObject({ code: 'ERR_CERTIFICATE_REVOKED' });
      const rejoin = await post('/v1/join', { token: await realm.mint(), csr: joined.node.csr });
      expect(rejoin.status).toBe(403);
      again.destroy();
      await expect
        .poll(async () => (await raw('GET', '/v1/crl/node-issuing')).text.length, { timeout: 10_000, interval: 500 })
        .toBeGreaterThan(0);
      expect(server.log()).toContainEqual(expect.objectContaining({ msg: 'connections cut' }));
    });

    it('lets admins do what the configuration says, and no more', async () => {
      await joinNode({}, '--node', 'evil');
      const admin = async (name: string): Promise<BootstrapClient> => {
        const out = join(realm.directory, `admin-${name}`);
        await realm.run('admin', 'issue', name, '--out-dir', out, '--ca', 'node-issuing');
        const identity = {
          node: { csr: '', key: { reveal: () => readFileSync(`${out}/${name}.key`, 'utf8') } },
          reply: pemReply(`${out}/${name}.crt`),
        };
        return clientAs(identity as unknown as Joined);
      };
      const request = { cluster: 'prod', node: 'evil', reason: 'keyCompromise' } as const;
      await expect((await admin('looker')).revoke(request)).rejects.toMatchObject({ code: 'ERR_ADMIN_DENIED' });
      const { serials, already } = await (await admin('root')).revoke(request);
      expect([serials.length, already]).toEqual([1, false]);
      const [revoked] = (await realm.audit()).filter(({ event }) => event.startsWith('revocation.') || event === 'cert.revoke').slice(-1);
      expect(revoked).toBeDefined();
    });

    it('reloads its configuration and policy without dropping a session, and keeps the last good one', async () => {
      const joined = await joinNode({}, '--node', 'stayer');
      const session = await sessionAs(joined);
      realm.configure((config) => {
        (config['clusters'] as { name: string; roles: string[] }[]).push({ name: 'late', roles: ['worker'] });
      });
      await server.reload();
      await expect
        .poll(
          async () =>
            (await post('/v1/join', { token: await realm.mint('--cluster', 'late'), cluster: 'late', csr: (await newNode()).csr })).status,
          { timeout: 20_000 },
        )
        .toBe(200);
      writeFileSync(join(realm.directory, 'policy.yaml'), 'nonsense: [');
      realm.configure(
        (config) => (((config['clusters'] as Record<string, unknown>[])[0] as Record<string, unknown>)['policy'] = 'policy.yaml'),
      );
      await server.reload();
      await expect.poll(() => server.log().some(({ msg }) => msg === 'policy reload failed'), { timeout: 20_000 }).toBe(true);
      expect(await metric(server, 'joinery_bootstrap_policy_reload_total', { result: 'failed' })).toBeGreaterThan(0);
      expect((await joinNode({}, '--node', 'later')).reply.node_id).toBe('later');
      expect(await statusOf(session, '/v1/peers')).toBe(200);
      realm.configure((config) => delete ((config['clusters'] as Record<string, unknown>[])[0] as Record<string, unknown>)['policy']);
      session.destroy();
    });

    it('says that it is healthy and ready', async () => {
      const get = async (path: string) => (await fetch(`${server.adminUrl}${path}`)).text();
      expect(await get('/healthz')).toBe('ok\n');
      expect(await get('/readyz')).toBe('ready\n');
      expect(await get('/else')).toContain('known here');
      expect((await fetch(`${server.adminUrl}/metrics`, { method: 'POST' })).status).toBe(405);
    });

    interface Raw {
      readonly status: number;
      readonly headers: Record<string, unknown>;
      readonly text: string;
    }

    async function sessionAs(joined?: Joined) {
      const identity = joined && { key: joined.node.key.reveal(), cert: joined.reply.certificate_pem + joined.reply.chain_pem };
      const session = connectHttp2(server.url, { ca: realm.webRoot, ...identity });
      session.on('error', () => undefined);
      await once(session, 'connect');
      return session;
    }

    async function statusOf(session: Awaited<ReturnType<typeof sessionAs>>, path: string): Promise<number> {
      const stream = session.request({ ':path': path });
      stream.on('error', () => undefined).resume();
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      return headers[':status'] as number;
    }

    async function raw(method: string, path: string, body?: string, headers: Record<string, string> = {}): Promise<Raw> {
      const session = await sessionAs();
      const stream = session.request({ ':path': path, ':method': method, ...headers });
      stream.on('error', () => undefined);
      stream.end(body);
      const [answer] = (await once(stream, 'response')) as [Record<string, unknown>];
      let text = '';
      for await (const chunk of stream) text += String(chunk);
      session.destroy();
      return { status: answer[':status'] as number, headers: answer, text };
    }

    async function post(path: string, body: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
      const { status, text } = await raw('POST', path, typeof body === 'string' ? body : JSON.stringify(body), {
        'content-type': 'application/json',
      });
      return { status, body: JSON.parse(text) as Record<string, unknown> };
    }

    function pemReply(path: string): Pick<JoinReply, 'certificate_pem' | 'chain_pem'> {
      return { certificate_pem: readFileSync(path, 'utf8'), chain_pem: '' };
    }
  });
}
