/** A Debian made for a test, in which the stages of a first boot run without a machine. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Runs a tool of a Debian package. */
export function run(command: string, args: readonly string[], env: Record<string, string | undefined> = process.env) {
  const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', env, timeout: 500_000 });
  if (error !== undefined) throw new Error(`${command}: ${error.message} (the packages are listed in .ci/run)`);
  return { status, stdout, stderr };
}

/** Makes a bare Debian 12 with these packages. */
export function makeRoot(root: string, packages: readonly string[]): void {
  const made = run('mmdebstrap', ['--quiet', '--variant=minbase', `--include=${packages.join(',')}`, 'bookworm', root]);
  if (made.status !== 0) throw new Error(`mmdebstrap: expected a root, found status ${made.status}: ${made.stderr.slice(-2000)}`);
}

const STAGES = `set -e
mount -t proc proc /proc
mount -t tmpfs tmpfs /run
hostname joinery-test
cloud-init init --local
cloud-init init
cloud-init modules --mode=config
cloud-init modules --mode=final
`;

/** Only what the package uses: the rest would configure this machine's kernel or look for a network. */
const MODULES = `datasource_list: [NoCloud]
network: {config: disabled}
cloud_init_modules: [bootcmd, write-files]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-user]
`;

export interface BootOptions {
  /** Without it the node is on the network of this machine, where a server may be. */
  readonly offline?: boolean;
  /** A directory of this machine that is /mnt in the root. */
  readonly mnt?: string;
}

/** Runs a command in the root, in namespaces of its own. */
export function runIn(root: string, command: readonly string[], { offline = false, mnt }: BootOptions = {}) {
  const namespaces = ['--mount', '--uts', '--ipc', '--pid', '--fork', '--kill-child', ...(offline ? ['--net'] : [])];
  const bind = mnt === undefined ? ':' : `mount --bind '${mnt}' '${root}/mnt'`;
  return run('unshare', [...namespaces, '/bin/sh', '-c', `${bind} && exec chroot "$@"`, 'sh', root, ...command]);
}

/** The four stages of a boot, with this user-data as the NoCloud seed of a node that was never booted. */
export function boot(root: string, userData: string, options: BootOptions = {}) {
  for (const path of ['var/lib/cloud', 'var/lib/joinery', 'var/log/cloud-init.log', 'var/log/cloud-init-output.log']) {
    rmSync(join(root, path), { recursive: true, force: true });
  }
  const seed = join(root, 'var/lib/cloud/seed/nocloud');
  mkdirSync(seed, { recursive: true });
  writeFileSync(join(seed, 'user-data'), userData, { mode: 0o600 });
  writeFileSync(join(seed, 'meta-data'), 'instance-id: joinery-test\nlocal-hostname: joinery-test\n');
  writeFileSync(join(root, 'etc/cloud/cloud.cfg.d/99-joinery-test.cfg'), MODULES);
  writeFileSync(join(root, 'boot.sh'), STAGES);
  const { status } = runIn(root, ['/bin/sh', '/boot.sh'], options);
  const { v1 } = JSON.parse(readFileSync(join(root, 'var/lib/cloud/data/result.json'), 'utf8')) as { v1: { errors: string[] } };
  return { status, errors: v1.errors, log: readFileSync(join(root, 'var/log/cloud-init-output.log'), 'utf8') };
}
