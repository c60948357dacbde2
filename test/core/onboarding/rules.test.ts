import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../src/core/encoding.ts';
import { assemblePackage } from '../../../src/core/onboarding/assemble.ts';
import { compressFor, describeSize, userDataSize } from '../../../src/core/onboarding/limits.ts';
import { isTokenText, parseOnboarding } from '../../../src/core/onboarding/model.ts';
import { assertNoPrivateKey, assertPaths, assertToken, assertUrls, placeOfUrl } from '../../../src/core/onboarding/rules.ts';
import { checkPackageToken } from '../../../src/core/onboarding/token.ts';
import { hostOfUrl } from '../../../src/core/onboarding/values.ts';
import type { Instant } from '../../../src/core/time.ts';
import { gunzip, gzip } from '../../../src/adapters/gzip.ts';
import { ASSETS, NOW, onboardingWith, packageModel, tokenWith, TRUST_PARTS } from '../../fakes/package-model.ts';

const trustAt = (https: string, nodeCert: string) => {
  const { trust } = onboardingWith();
  return {
    'control-plane-https': { ...trust['control-plane-https'], path: https },
    'node-cert-lifecycle': { ...trust['node-cert-lifecycle'], path: nodeCert },
  };
};

describe('URLs of a package', () => {
  it.each([
    ['https://control.example.internal', 'inside'],
    ['https://boot.control.example.internal:9443/x', 'inside'],
    ['https://boot.example.internal:9443', 'beside'],
    ['https://example.internal', 'beside'],
    ['https://boot.other.internal', 'outside'],
    ['https://evilcontrol.example.internal.attacker.net', 'outside'],
    ['https://xexample.internal', 'outside'],
    ['https://10.0.0.1', 'outside'],
    ['https://[2001:db8::1]:9443', 'outside'],
  ])('%s is %s', (url, place) => {
    expect(placeOfUrl(url, 'control.example.internal')).toBe(place);
  });

  it('never takes a top-level domain for a parent', () => {
    expect(placeOfUrl('https://b.internal', 'a.internal')).toBe('outside');
    expect(placeOfUrl('https://b.internal', 'internal')).toBe('inside');
    expect(placeOfUrl('https://elsewhere', 'internal')).toBe('outside');
  });

  it('reads the host of a bracketed address', () => {
    expect(hostOfUrl('https://[2001:db8::1]:9443/a:1')).toBe('2001:db8::1');
  });

  it('are refused outside the domain unless allowed by name', () => {
    const onboarding = onboardingWith();
    expect(() => assertUrls(onboarding, [])).toThrow(expect.objectContaining({ code: 'ERR_PACKAGE_URL' }));
    expect(() => assertUrls(onboarding, ['https://10.0.0.1/join'])).not.toThrow();
  });
});

describe('the token of a package', () => {
  const issuedAt = NOW as Instant;
  it.each([
    [null, NOW + 60],
    [2, NOW + 60],
    [1, null],
    [1, NOW + 86401],
  ])('with %s uses and the end %s is refused', (maxUses, expiresAt) => {
    expect(() => assertToken({ maxUses, issuedAt, expiresAt: expiresAt as Instant | null })).toThrow(
      expect.objectContaining({ code: 'ERR_PACKAGE_TOKEN' }),
    );
  });

  it('with one use and 24 hours is good', () => {
    expect(() => assertToken({ maxUses: 1, issuedAt, expiresAt: (NOW + 86400) as Instant })).not.toThrow();
  });

  it.each([
    {},
    { env: 'platform_control' },
    { trust: { 'control-plane-https': onboardingWith().trust['control-plane-https'].manifest_digest } },
  ])('with %j is good', async (changes) => {
    const model = await packageModel({ token: await tokenWith(changes) });
    expect(checkPackageToken(model.token, model.onboarding, NOW as Instant)).toContain('one use');
  });

  it.each([
    [{ aud: 'edge' }, 'ERR_TOKEN_AUDIENCE'],
    [{ role: 'other' }, 'ERR_TOKEN_ROLE'],
    [{ node: 'n1' }, 'ERR_TOKEN_NODE'],
    [{ env: 'other' }, 'ERR_TOKEN_ENVIRONMENT'],
    [{ max_uses: 3 }, 'ERR_PACKAGE_TOKEN'],
    [{ trust: { 'node-cert-lifecycle': '0'.repeat(64) } }, 'ERR_PACKAGE_TRUST'],
    [{ iat: NOW - 900, exp: NOW }, 'ERR_TOKEN_EXPIRED'],
  ])('with %j: %s', async (changes, code) => {
    const model = await packageModel({ token: await tokenWith(changes) });
    expect(() => checkPackageToken(model.token, model.onboarding, NOW as Instant)).toThrow(expect.objectContaining({ code }));
  });

  it('is bound to the node of the package', async () => {
    const bound = await packageModel({ onboarding: { node: 'n1' }, token: await tokenWith({ node: 'n1' }) });
    expect(checkPackageToken(bound.token, bound.onboarding, NOW as Instant)).toContain('one use');
    const unbound = await packageModel({ onboarding: { node: 'n1' } });
    expect(() => checkPackageToken(unbound.token, unbound.onboarding, NOW as Instant)).toThrow(
      expect.objectContaining({ code: 'ERR_TOKEN_NODE' }),
    );
  });

  it('may be absent', async () => {
    expect(checkPackageToken(undefined, onboardingWith(), NOW as Instant)).toContain('no token');
  });

  it('is printable ASCII', () => {
    expect(isTokenText('K10abc::user:pass')).toBe(true);
    for (const text of ['', 'a b', 'a\n', 'é', 'x'.repeat(8193)]) expect(isTokenText(text)).toBe(false);
  });
});

describe('places of files', () => {
  it('refuses the two trust files at one path', () => {
    const one = '/etc/joinery/ca.pem';
    expect(() => assertPaths({ ...onboardingWith(), trust: trustAt(one, one) })).toThrow(/in two files, found one/);
  });

  it.each(['/var/lib/joinery/joinery.env', '/var/lib/joinery/bin', '/var/lib/joinery/secrets', '/var/lib/joinery', '/srv/a/b'])(
    'refuses a trust file at %s',
    (path) => {
      const check = () => assertPaths({ ...onboardingWith(), trust: trustAt(path, '/srv/a') });
      expect(check).toThrow(expect.objectContaining({ code: 'ERR_PACKAGE_PATH' }));
    },
  );

  it('accepts the default places', () => {
    expect(() => assertPaths(onboardingWith())).not.toThrow();
  });
});

describe('private keys', () => {
  it.each(['PRIVATE KEY', 'EC PRIVATE KEY', 'ENCRYPTED PRIVATE KEY', 'OPENSSH PRIVATE KEY'])('finds a %s', (label) => {
    const bytes = utf8(`text\n-----BEGIN ${label}-----\nAAAA\n`);
    expect(() => assertNoPrivateKey([{ path: 'x', bytes }], gunzip)).toThrow(expect.objectContaining({ code: 'ERR_PACKAGE_PRIVATE_KEY' }));
  });

  it('keeps a key out of a package wherever it hides', async () => {
    const peers = [{ address: 'n1:1', labels: { note: '-----BEGIN PRIVATE KEY-----' } }];
    const model = await packageModel({ onboarding: { join_urls: ['https://control.example.internal'] }, seedPeers: { peers } });
    const input = { model, format: 'cloud-config', trust: TRUST_PARTS, assets: ASSETS, gzip, gunzip } as const;
    expect(() => assemblePackage(input)).toThrow(expect.objectContaining({ code: 'ERR_PACKAGE_PRIVATE_KEY' }));
  });
});

describe('sizes', () => {
  it('counts as each platform counts', () => {
    expect(userDataSize(16384)).toEqual({ raw: 16384, base64: 21848, tooLargeFor: [], fitsCompressed: [] });
    expect(userDataSize(16385).tooLargeFor).toEqual(['ec2']);
    expect(describeSize(userDataSize(10))).toBe('10 bytes, 16 in base64');
    expect(describeSize(userDataSize(16385))).toContain('over the limit of ec2');
    expect(userDataSize(49152).tooLargeFor).toEqual(['ec2', 'openstack']);
    expect(describeSize(userDataSize(16385, 9000))).toBe(
      '16385 bytes, 21848 in base64, 9000 compressed; over the limit of ec2 (--target ec2 compresses it)',
    );
    expect(describeSize(userDataSize(16385, 16400))).toBe('16385 bytes, 21848 in base64, 16400 compressed; over the limit of ec2');
  });

  it('refuses what no way of sending makes small enough', () => {
    expect(compressFor('maas', 'cloud-config', userDataSize(500_000))).toBe(false);
    expect(compressFor('ec2', 'cloud-config', userDataSize(20_000, 9000))).toBe(true);
    expect(() => compressFor('ec2', 'cloud-config', userDataSize(20_000, 17_000))).toThrow(
      /at most 16384 bytes of user-data, found 20000 \(compressed 17000\)/,
    );
    expect(() => compressFor('openstack', 'shell', userDataSize(60_000))).toThrow(
      /at most 65535 bytes of base64 of user-data, found 80000/,
    );
  });
});

describe('values that could act on a node', () => {
  it.each([
    ['api_url', "https://a.example/'; reboot #"],
    ['api_url', 'https://a.example/\nX=1'],
    ['api_url', 'https://a.example/$(reboot)\\'],
    ['api_url', 'http://a.example/'],
    ['api_url', 'https://user@a.example/'],
    ['api_url', 'https://a.example/\u202e'],
    ['directory', '/var/lib/../../etc'],
    ['directory', '/var/lib/a b'],
    ['directory', '/'],
    ['directory', '/var/lib/$HOME'],
    ['env_prefix', 'PATH;'],
    ['env_prefix', 'joinery'],
    ['cluster', '#cloud-config'],
    ['role', '*alias'],
    ['created_at', 'yesterday'],
  ])('refuses %s %j', (member, value) => {
    expect(() => parseOnboarding({ ...onboardingWith(), [member]: value }, 'x')).toThrow(
      expect.objectContaining({ code: 'ERR_PACKAGE_MALFORMED' }),
    );
  });
});
