import { describe, expect, it } from 'vitest';
import { parseCloudYaml } from '../../../src/adapters/config-file.ts';
import { findDeprecated } from '../../../src/core/onboarding/deprecated.ts';

const found = async (yaml: string) => findDeprecated(await parseCloudYaml(yaml, 'x'));

describe('what cloud-init has deprecated', () => {
  it.each([
    ['apt_update: true', 'apt_update'],
    ['system_info: {}', 'system_info'],
    ['ubuntu_advantage: {}', 'ubuntu_advantage'],
    ['ca_certs: {remove-defaults: true}', 'ca_certs.remove-defaults'],
    ['chpasswd: {list: [a]}', 'chpasswd.list'],
    ['users: [default, {name: a, ssh-authorized-keys: [x]}]', 'users.1.ssh-authorized-keys'],
    ['user: {no-create-home: true}', 'user.no-create-home'],
    ['users: {a: {uid: "1000"}}', 'users.a.uid'],
    ['users: [{name: a, groups: {wheel: null}}]', 'users.0.groups'],
    ['users: [{name: a, sudo: false}]', 'users.0.sudo'],
    ['users: [{name: a, sudo: no}]', 'users.0.sudo'],
    ['apt_pipelining: none', 'apt_pipelining'],
    ['growpart: {mode: off}', 'growpart.mode'],
    ['grub_dpkg: {grub-pc/install_devices_empty: "true"}', 'grub_dpkg.grub-pc/install_devices_empty'],
    ['manage_etc_hosts: template', 'manage_etc_hosts'],
    ['power_state: {mode: reboot, delay: "+5"}', 'power_state.delay'],
    ['rh_subscription: {org: 12}', 'rh_subscription.org'],
    ['ssh_pwauth: "yes"', 'ssh_pwauth'],
    ['ssh_pwauth: 0', 'ssh_pwauth'],
    ['vendor_data: {enabled: "true"}', 'vendor_data.enabled'],
  ])('is found: %s', async (yaml, path) => {
    expect(await found(yaml)).toEqual({ path, use: expect.any(String) as string });
  });

  it.each([
    'ssh_pwauth: yes',
    `growpart: {mode: 'off'}`,
    'users: [default, {name: a, uid: 1000, sudo: null, groups: [wheel], lock_passwd: true, expiredate: 2032-09-01}]',
    'users: a',
    'user: null',
    'power_state: {mode: reboot, delay: now}',
    'apt_pipelining: os',
    'manage_etc_hosts: localhost',
    'salt_minion: {conf: {apt_update: 1, list: [], sudo: true}}',
  ])('is not what is as cloud-init wants it: %s', async (yaml) => {
    expect(await found(yaml)).toBeUndefined();
  });
});
