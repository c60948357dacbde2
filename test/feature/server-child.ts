/**
 * `node server-child.ts REALM [STEP]`: a server over an open realm, which ends itself (SIGKILL) at a step of the first join. It prints
 * where it listens, as `server start --json` does.
 */
import { openServerRealm } from '../../src/cli/server-realm.ts';
import { createBootstrapServer } from '../../src/bootstrap-server.ts';
import type { STEPS } from './server-world.ts';
import type { Realm } from '../../src/app/realm.ts';

const [directory, step] = process.argv.slice(2) as [string, (typeof STEPS)[number]];

const die = (): Promise<never> => {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
};

function killing(realm: Realm, armed: () => boolean): Realm {
  const { store, random } = realm;
  return {
    ...realm,
    // Serial numbers are drawn in the moment of signing.
    random: {
      bytes: (length) => {
        if (step === 'sign' && armed()) process.kill(process.pid, 'SIGKILL');
        return random.bytes(length);
      },
    },
    store: {
      get: async (key) => (step === 'read' && armed() && key.startsWith('token/') ? die() : store.get(key)),
      list: (prefix, page) => store.list(prefix, page),
      commit: async (change) => {
        const join = change.audit.some(({ event }) => event === 'join.accept');
        if (step === 'commit' && join) await die();
        const result = await store.commit(change);
        if (step === 'committed' && join) await die();
        return result;
      },
      watch: (prefix, onChange) => store.watch(prefix, onChange),
      auditRecords: (from, limit) => store.auditRecords(from, limit),
      auditSize: () => store.auditSize(),
      close: () => store.close(),
    },
  };
}

const opened = await openServerRealm({ directory, passphrase: () => Promise.resolve(undefined), warn: () => undefined });
let armed = false;
const server = await createBootstrapServer({
  realm: killing(opened, () => armed),
  server: { listen: '127.0.0.1:0', admin_listen: '127.0.0.1:0' },
});
const { address, adminAddress } = await server.listen();
// Its authority is opened before a node asks.
await server.service.issuerOf('prod');
armed = true;
server.service.observe.outcome = () => {
  if (step === 'reply') process.kill(process.pid, 'SIGKILL');
};
process.stdout.write(
  `${JSON.stringify({ event: 'listening', listen: `https://127.0.0.1:${address.port}`, admin: `http://127.0.0.1:${adminAddress.port}` })}\n`,
);
process.on('SIGTERM', () => void server.close().then(() => opened.store.close()));
