/** A server in this process, with its log and its alerts in the hands of the test. */
import { jsonLogger } from '../../src/adapters/logger.ts';
import type { Attestor } from '../../src/app/join-peer.ts';
import type { Realm } from '../../src/app/realm.ts';
import { createBootstrapServer } from '../../src/bootstrap-server.ts';
import { metric, type StartedServer, type TestRealm } from './server-world.ts';

export interface LiveServer extends Pick<StartedServer, 'url' | 'adminUrl' | 'log' | 'stop'> {
  readonly port: number;
  /** Of the server, under its configuration of now. */
  realm(): Realm;
  /** The log as text. */
  text(): string;
  /** What SIGHUP does. */
  reload(): Promise<void>;
  metric(name: string, labels?: Record<string, string>): Promise<number>;
}

export async function liveServer(realm: TestRealm, attestors?: ReadonlyMap<string, Attestor>): Promise<LiveServer> {
  const lines: string[] = [];
  const server = await createBootstrapServer({
    realm: realm.directory,
    attestors,
    logger: jsonLogger({ stream: { write: (line) => lines.push(line) } }),
  });
  const { address, adminAddress, reload } = await server.listen();
  const adminUrl = `http://127.0.0.1:${adminAddress.port}`;
  return {
    port: address.port,
    url: `https://127.0.0.1:${address.port}`,
    adminUrl,
    realm: () => server.service.realm,
    reload,
    text: () => lines.join(''),
    log: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    metric: (name, labels) => metric({ adminUrl }, name, labels),
    stop: () => server.close(),
  };
}
