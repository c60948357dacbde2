/** The Debian package: the same bytes twice, nothing that lintian minds, and a bare Debian before, with and after it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const clone = fileURLToPath(new URL('../..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(clone, 'package.json'), 'utf8')) as { version: string };
const work = mkdtempSync(join(tmpdir(), 'joinery-deb-'));
const root = join(work, 'root');
/** Built here: one that lies in dist may be older than the sources. */
const executable = join(work, `binary/joinery-${version}-linux-x64`);

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    timeout: 550_000,
    maxBuffer: 64 * 1024 * 1024,
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/nonexistent', LC_ALL: 'C.UTF-8', ...env },
  });
  if (error !== undefined) throw new Error(`${command}: ${error.message} (the packages are listed in .ci/run)`);
  return { status, stdout, stderr };
}

/** Builds a package; of a small executable where only what is around it counts. */
function build(name: string, of: string, env: NodeJS.ProcessEnv = {}, ...more: string[]): string {
  const out = join(work, name);
  const made = run(process.execPath, [join(clone, 'bin/deb.js'), '--executable', of, '--out', out, ...more], env);
  expect(made).toMatchObject({ status: 0, stderr: '' });
  return made.stdout.trim();
}

/** Runs a command in the root, with its own /proc and without any network. */
const inside = (...command: string[]) =>
  run('unshare', [
    '--mount',
    '--pid',
    '--net',
    '--ipc',
    '--uts',
    '--fork',
    '--kill-child',
    'chroot',
    root,
    '/bin/sh',
    '-c',
    'mount -t proc proc /proc && exec "$@"',
    'sh',
    ...command,
  ]);
/** The same as nobody, with an empty environment. */
const asNobody = (script: string) =>
  inside(
    'setpriv',
    '--reuid=65534',
    '--regid=65534',
    '--clear-groups',
    '--no-new-privs',
    '/usr/bin/env',
    '-i',
    '/bin/sh',
    '-c',
    `cd /tmp && ${script}`,
  );

/** Every file of the root but those that dpkg, man-db and the user database keep of any package. */
function snapshot(): Map<string, string> {
  const kept = /^(proc|dev|sys|run|tmp|var\/(lib\/dpkg|cache|log)|etc\/(passwd|group|shadow|gshadow)-?$|etc\/\.pwd\.lock$)/;
  const found = new Map<string, string>();
  for (const path of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    if (kept.test(path)) continue;
    const stat = lstatSync(join(root, path));
    const content = stat.isFile()
      ? createHash('sha256')
          .update(readFileSync(join(root, path)))
          .digest('hex')
      : stat.isSymbolicLink()
        ? readlinkSync(join(root, path))
        : '';
    found.set(path, `${stat.mode.toString(8)} ${stat.uid}:${stat.gid} ${content}`);
  }
  return found;
}

beforeAll(() => {
  execFileSync(process.execPath, [join(clone, 'bin/binary.js'), '--out', join(work, 'binary')], { stdio: 'ignore' });
}, 600_000);
afterAll(() => rmSync(work, { recursive: true, force: true }));

describe('the file', () => {
  it('is the same again, whatever the time, the zone and the umask are', () => {
    const once = build('once', '/bin/true', { SOURCE_DATE_EPOCH: '1790000000' });
    const script = `umask 077; exec "$@"`;
    const out = join(work, 'twice');
    const again = run(
      '/bin/sh',
      ['-c', script, 'sh', process.execPath, join(clone, 'bin/deb.js'), '--executable', '/bin/true', '--out', out],
      { SOURCE_DATE_EPOCH: '1790000000', TZ: 'Asia/Tokyo' },
    );
    expect(again.status).toBe(0);
    expect(readFileSync(again.stdout.trim()).equals(readFileSync(once))).toBe(true);
  });

  it('is refused for an executable of another system', () => {
    const { status, stderr } = run(process.execPath, [join(clone, 'bin/deb.js'), '--executable', '/bin/sh.c', '--out', work]);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/ENOENT/)]);
    const text = run(process.execPath, [join(clone, 'bin/deb.js'), '--executable', join(clone, 'package.json'), '--out', work]);
    expect([text.status, text.stderr]).toEqual([1, expect.stringContaining('expected an executable of Linux for x64 or arm64')]);
  });
});

describe('on a bare Debian', () => {
  let deb = '';
  let before = new Map<string, string>();
  beforeAll(() => {
    deb = build('real', executable, {}, '--compression', 'gzip');
    const include = 'libatomic1,man-db,bash-completion,zsh,fish,systemd';
    const made = run('mmdebstrap', ['--quiet', '--variant=minbase', `--include=${include}`, 'bookworm', root]);
    if (made.status !== 0) throw new Error(`mmdebstrap: expected a root, found status ${made.status}: ${made.stderr.slice(-2000)}`);
    mkdirSync(join(root, 'deb'));
    before = snapshot();
    execFileSync('cp', [deb, join(root, 'deb/joinery.deb')]);
  }, 600_000);

  it('lintian has nothing against it', () => {
    const { status, stdout } = run('lintian', ['--allow-root', '--fail-on', 'error,warning', deb]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
  });

  it('needs the packages whose libraries the executable wants', () => {
    const depends = run('dpkg-deb', ['-f', deb, 'Depends']).stdout;
    const libraries = run('ldd', [executable]).stdout;
    for (const [library, name] of [
      ['libatomic.so', 'libatomic1'],
      ['libstdc++.so', 'libstdc++6'],
      ['libgcc_s.so', 'libgcc-s1'],
      ['libc.so', 'libc6'],
    ] as const)
      expect([name, depends.includes(name)]).toEqual([name, libraries.includes(library)]);
  });

  it('installs, and makes the user of the server', () => {
    expect(inside('dpkg', '-i', '/deb/joinery.deb')).toMatchObject({ status: 0 });
    expect(inside('id', '-un', 'joinery').stdout).toBe('joinery\n');
    expect(inside('dpkg', '--verify', 'joinery')).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('runs for somebody without rights, environment and network', () => {
    expect(asNobody('joinery --version')).toMatchObject({ status: 0, stdout: expect.stringContaining(`joinery/${version}`) as string });
    const demo = asNobody('joinery demo');
    expect(demo).toMatchObject({ status: 0, stderr: '' });
    expect(demo.stdout).toContain('A bare node can now be told whom to trust');
  });

  it('shows its man pages', () => {
    expect(inside('man', '-P', 'cat', 'joinery').stdout).toMatch(/^NAME\n +joinery - Offline/m);
    expect(inside('man', '-P', 'cat', 'joinery', 'token').stdout).toMatch(/joinery-token - Mint, verify and revoke join tokens/);
    expect(inside('whatis', 'joinery-token-mint').stdout).toMatch(/Mint a join token/);
  });

  it('is completed by bash, zsh and fish without being told to', () => {
    const bash = inside('bash', '-c', '. /usr/share/bash-completion/bash_completion; _completion_loader joinery; complete -p joinery');
    expect(bash.stdout).toBe('complete -o default -F _joinery joinery\n');
    const zsh = inside('zsh', '-f', '-c', 'autoload -U compinit; compinit -u -D; print $_comps[joinery]');
    expect(zsh.stdout).toBe('_joinery\n');
    const fish = inside('env', 'HOME=/tmp', 'fish', '-c', 'complete -C "joinery token mi"');
    expect(fish.stdout).toBe('mint\tMint a join token\n');
  });

  it('brings units that systemd accepts without a word', () => {
    const units = ['joinery-server.service', 'joinery-node-agent.service'].map((name) => `/usr/lib/systemd/system/${name}`);
    expect(inside('systemd-analyze', 'verify', '--man=no', ...units)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(readdirSync(join(root, 'etc/systemd/system/multi-user.target.wants'))).not.toContain('joinery-server.service');
  });

  it('is installed again over itself', () => {
    expect(inside('dpkg', '-i', '/deb/joinery.deb')).toMatchObject({ status: 0 });
  });

  it('leaves nothing behind but the user and what people made', () => {
    expect(inside('systemctl', 'enable', 'joinery-node-agent.service').status).toBe(0);
    mkdirSync(join(root, 'var/lib/joinery-server'), { mode: 0o700 });
    expect(inside('dpkg', '--remove', 'joinery').status).toBe(0);
    expect(inside('dpkg', '--purge', 'joinery').status).toBe(0);
    rmSync(join(root, 'deb/joinery.deb'));
    const left = [...snapshot()].filter(([path, state]) => before.get(path) !== state).map(([path]) => path);
    expect(left).toEqual(['var/lib/joinery-server']);
    expect(
      [...before.keys()].filter((path) => !existsSync(join(root, path)) && !lstatSync(join(root, path), { throwIfNoEntry: false })),
    ).toEqual([]);
    expect(inside('id', '-un', 'joinery').stdout).toBe('joinery\n');
  });
});
