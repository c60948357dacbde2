/** Suites that say nothing about the executable of `JOINERY_BIN`, and why; `test/vitest.config.ts` prints them when it leaves them out. */
const SOURCES = 'runs use cases and child scripts over the sources, starts no joinery';
const PACKAGE = 'installs the package of npm, which an executable does not replace';

export const NOT_ON_EXECUTABLE: Readonly<Record<string, string>> = {
  'test/commands/self.test.ts': 'shows what the commands about the executable say where there is none; test/binary shows the rest',
  'test/feature/agent-fleet.test.ts': SOURCES,
  'test/feature/compile-cache.test.ts': 'runs bin/run.js, which keeps compiled code; an executable has its own inside',
  'test/feature/control-plane.test.ts': PACKAGE,
  'test/feature/crl-size.test.ts': SOURCES,
  'test/feature/embedding.test.ts': PACKAGE,
  'test/feature/join-agent.test.ts': 'runs the shell agent of the templates against a server over the sources, starts no joinery',
  'test/feature/join-kill.test.ts': SOURCES,
  'test/feature/loaded-modules.test.ts': 'lists the modules that dist/ loads',
  'test/feature/node-join-kill.test.ts': SOURCES,
  'test/feature/old-node.test.ts': 'runs bin/run.js under an old Node.js',
  'test/feature/revocation-watch.test.ts': SOURCES,
  'test/feature/server-kill.test.ts': SOURCES,
  'test/feature/store-kill.test.ts': SOURCES,
  'test/feature/token-gc.test.ts': SOURCES,
  'test/feature/token-use.test.ts': SOURCES,
  'test/feature/trust.test.ts': SOURCES,
};

/** Where joinery is started, so that an executable can take its place. */
export const ON_EXECUTABLE: readonly string[] = ['test/transcripts', 'test/feature', 'test/commands'];
