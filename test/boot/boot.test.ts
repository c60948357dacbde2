import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { serverStart, type StartedServer, testRealm, type TestRealm } from '../feature/server-world.ts';

const work = mkdtempSync(join(tmpdir(), 'joinery-boot-'));
const root = join(work, 'root');
const image = join(work, 'disk.img');
let realm: TestRealm;
let server: StartedServer;

/** Where the guest finds the server: its network ends at this machine's loopback. */
const GUEST_URL = 'https://10.0.2.100';
const BOOT_MS = 600_000;

function run(command: string, args: readonly string[]): string {
  const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 600_000 });
  if (error !== undefined) throw new Error(`${command}: ${error.message} (the packages are listed in .ci/run)`);
  if (status !== 0) throw new Error(`${command}: expected status 0, found ${String(status)}: ${stderr.slice(-2000)}`);
  return stdout;
}

function file(path: string, text: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** Shows the certificate on the console as soon as there is one, and ends. */
const SHOW_PATH = `[Path]
PathExists=/var/lib/joinery/status.json
[Install]
WantedBy=multi-user.target
`;
const SHOW = `[Service]
Type=oneshot
ExecStart=/bin/sh -c 'cat /var/lib/joinery/identity/current/node.crt; ls /var/lib/joinery/secrets; systemctl is-enabled joinery-join-renew.timer; echo shown'
StandardOutput=tty
TTYPath=/dev/ttyS0
ExecStartPost=/usr/bin/systemctl poweroff --no-block
`;

/** A Debian as a vendor ships it: systemd, cloud-init, openssl, curl. Nothing of joinery is in it. */
function makeImage(): void {
  const include = 'systemd-sysv,udev,dbus,cloud-init,openssl,curl,linux-image-cloud-amd64';
  run('mmdebstrap', ['--quiet', '--variant=minbase', `--include=${include}`, 'bookworm', root]);
  file('etc/systemd/network/10-all.network', '[Match]\nName=e*\n[Network]\nDHCP=ipv4\n');
  file('etc/cloud/cloud.cfg.d/99-test.cfg', 'network: {config: disabled}\ndatasource_list: [NoCloud]\n');
  file('etc/systemd/system/show.path', SHOW_PATH);
  file('etc/systemd/system/show.service', SHOW);
  file('etc/fstab', '/dev/vda / ext4 defaults 0 1\n');
  run('chroot', [root, 'systemctl', 'enable', 'systemd-networkd', 'show.path']);
  run('mke2fs', ['-q', '-t', 'ext4', '-d', root, image, '2G']);
}

const bootFile = (beginning: string): string =>
  join(root, 'boot', readdirSync(join(root, 'boot')).find((name) => name.startsWith(beginning)) as string);

/** Boots the image with the seed, and waits for its end. @returns what it said on its console. */
async function boot(seed: string, token: string): Promise<string> {
  const relay = `busybox nc 127.0.0.1 ${new URL(server.url).port}`;
  const settings: Record<string, string> = {
    display: 'none',
    m: '1024',
    smp: '2',
    cpu: 'max,-cx16',
    serial: 'stdio',
    kernel: bootFile('vmlinuz'),
    initrd: bootFile('initrd'),
    append: 'root=/dev/vda rw console=ttyS0 systemd.journald.forward_to_console=1',
    // The token, as a platform hands it over: no copy of it is in the seed.
    smbios: `type=11,value=io.systemd.credential:joinery.token=${token}`,
    netdev: `user,id=net,restrict=on,guestfwd=tcp:10.0.2.100:443-cmd:${relay}`,
  };
  const disks = [`file=${image},format=raw,if=virtio,snapshot=on`, `file=${seed},format=raw,if=virtio,readonly=on`];
  const devices = ['virtio-net-pci,netdev=net', 'virtio-rng-pci'];
  const args = [
    '-nodefaults',
    '-no-reboot',
    ...Object.entries(settings).flatMap(([name, value]) => [`-${name}`, value]),
    ...disks.flatMap((disk) => ['-drive', disk]),
    ...devices.flatMap((device) => ['-device', device]),
  ];
  const qemu = spawn('qemu-system-x86_64', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const timer = setTimeout(() => qemu.kill('SIGKILL'), BOOT_MS);
  let said = '';
  for (const stream of [qemu.stdout, qemu.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
  await once(qemu, 'close');
  clearTimeout(timer);
  return said;
}

beforeAll(async () => {
  realm = await testRealm();
  realm.configure((config) => {
    config['server'] = { ...(config['server'] as object), certificate: { ip: ['127.0.0.1', '10.0.2.100'] } };
  });
  server = await serverStart.start(realm);
  makeImage();
}, 900_000);
afterAll(async () => {
  await server.stop();
  realm.remove();
  rmSync(work, { recursive: true, force: true });
});

it(
  'a machine boots from the generated ISO and is a member of the cluster',
  async () => {
    const out = join(work, 'pkg');
    const words = `package render --cluster prod --role worker --node vm1 --ttl 1h --format nocloud-iso --join-url ${GUEST_URL}`.split(' ');
    const how = ['--token-delivery', 'systemd-credential', '--allow-url-outside-domain', 'the server of the test'];
    await realm.run(...words, ...how, '--out', out);
    const [iso, token] = ['.iso', 'token'].map((ending) => readdirSync(out).find((name) => name.endsWith(ending)) as string);
    const said = await boot(join(out, iso as string), readFileSync(join(out, token as string), 'utf8').trim());
    const pem = /-----BEGIN CERTIFICATE-----[\sA-Za-z0-9+/=]+-----END CERTIFICATE-----/.exec(said.replaceAll('\r', ''))?.[0];
    if (pem === undefined) throw new Error(`the console: expected a certificate, found none: ${said.slice(-6000)}`);
    const [accepted] = await realm.audit('join.accept');
    expect(accepted).toMatchObject({ subject: 'vm1', result: 'ok' });
    expect(new X509Certificate(pem).subjectAltName).toBe('URI:spiffe://lab.example/prod/worker/vm1');
    expect(said).toMatch(/\benabled\s+shown/);
    expect(said).not.toContain('join-token');
  },
  BOOT_MS + 60_000,
);
