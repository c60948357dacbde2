/** Authorities that bound the names below them: made, inherited, cross-signed, and seen the same way by OpenSSL. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCa } from '../../src/app/ca-records.ts';
import { createCa, type CreateCaInput, openCaKey } from '../../src/app/create-ca.ts';
import { crossSignCa } from '../../src/app/cross-sign-ca.ts';
import { toPem } from '../../src/core/encoding.ts';
import type { Certificate } from '../../src/core/x509/certificate.ts';
import { parseSubtree } from '../../src/core/x509/constraint-names.ts';
import { generalNameText } from '../../src/core/x509/general-names.ts';
import { parseAlternativeName } from '../../src/core/x509/alternative-names.ts';
import { issueCertificate } from '../../src/core/x509/issue.ts';
import { writeName } from '../../src/core/x509/name-text.ts';
import { validatePath } from '../../src/core/x509/path.ts';
import { LEAF_PROFILES, leafTemplate, newSerialNumber, validityOf, writeSigned, writeTbs } from '../../src/core/x509/template.ts';
import { parseCertificate } from '../../src/core/x509/certificate.ts';
import { plus, seconds } from '../../src/core/time.ts';
import { keyNamed } from '../core/x509/make.ts';
import { caRealm, type CaRealm } from './ca-realm.ts';

type Kind = 'dns' | 'uri' | 'email' | 'ip';
const subtrees = (...texts: (readonly [Kind, string])[]) => texts.map(([kind, value]) => parseSubtree(kind, value, 'test'));
const refusal = (code: string, message: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(message) as string }) as Error;

const ROOT: CreateCaInput = {
  name: 'root',
  trustDomain: 'lab.example.internal',
  constraints: {
    permitted: subtrees(
      ['dns', 'lab.example'],
      ['uri', 'lab.example.internal'],
      ['email', 'lab.example'],
      ['ip', '10.0.0.0/8'],
      ['ip', 'fd00::/8'],
    ),
    excluded: subtrees(['dns', 'secret.lab.example'], ['ip', '10.9.0.0/16']),
  },
};

async function made(): Promise<{ readonly realm: CaRealm; readonly root: Certificate; readonly issuing: Certificate }> {
  const realm = caRealm();
  const { certificate: root } = await createCa(realm, ROOT);
  const { certificate: issuing } = await createCa(realm, { name: 'issuing', parent: 'root', trustDomain: 'lab.example.internal' });
  return { realm, root, issuing };
}

/** A leaf under `issuing` with a name, also one that joinery would not sign. */
async function leaf(realm: CaRealm, issuer: Certificate, kind: Kind, name: string) {
  const key = await openCaKey(realm, await readCa(realm, 'issuing', 'test'));
  const template = leafTemplate({
    serialNumber: newSerialNumber(realm.random),
    signer: key.type,
    validity: validityOf({ now: realm.clock.now(), notAfter: plus(realm.clock.now(), 3600), issuer }),
    subject: writeName([['CN', 'leaf']]),
    spki: keyNamed('leaf').spki,
    issuer,
    profile: LEAF_PROFILES.peer,
    names: [parseAlternativeName(kind, name, 'test')],
  });
  const tbs = writeTbs(template);
  const forced = parseCertificate(writeSigned(tbs, key.type, await key.sign(tbs, 'der')));
  const linted = await issueCertificate({
    template,
    issuer,
    key,
    certificates: realm.certificates,
    verifySignature: realm.verifySignature,
  }).then(
    () => true,
    () => false,
  );
  return { forced, linted };
}

const empty = mkdtempSync(join(tmpdir(), 'joinery-empty-'));

/** The system's trust store stays trusted unless it is pointed away. */
function openssl(realm: CaRealm, root: Certificate, issuing: Certificate, certificate: Certificate): string {
  const files = [root, issuing, certificate].map((entry, index) => {
    const file = join(realm.directory, `${index}.pem`);
    writeFileSync(file, toPem('CERTIFICATE', entry.der));
    return file;
  }) as [string, string, string];
  const args = ['verify', '-x509_strict', '-attime', String(realm.clock.now()), '-CAfile', files[0], '-untrusted', files[1], files[2]];
  const { stdout, stderr } = spawnSync('openssl', args, {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], SSL_CERT_DIR: empty, SSL_CERT_FILE: '/dev/null' },
  });
  return stdout + stderr;
}

describe('authorities with name constraints', () => {
  it('carry them critical, and hand them down', async () => {
    const { root, issuing, realm } = await made();
    for (const certificate of [root, issuing]) {
      const { nameConstraints, subjectAltName, list } = certificate.extensions;
      expect(nameConstraints?.permitted.map(generalNameText)).toEqual([
        'DNS:lab.example',
        'URI:lab.example.internal',
        'email:lab.example',
        'IP:10.0.0.0/8',
        'IP:fd00::/8',
      ]);
      expect(nameConstraints?.excluded.map(generalNameText)).toEqual(['DNS:secret.lab.example', 'IP:10.9.0.0/16']);
      expect(subjectAltName?.map(generalNameText)).toEqual(['URI:spiffe://lab.example.internal']);
      expect(list.map(({ critical }) => critical)).toEqual([true, true, false, false, false, true]);
    }
    const events = realm.store.audit.map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString()) as { details: object });
    expect(events[0]?.details).toMatchObject({
      trust_domain: 'lab.example.internal',
      excluded: ['DNS:secret.lab.example', 'IP:10.9.0.0/16'],
    });
  });

  it.each<[Kind, string, boolean]>([
    ['dns', 'a.lab.example', true],
    ['dns', 'a.secret.lab.example', false],
    ['dns', 'lab.example.org', false],
    ['ip', '10.1.2.3', true],
    ['ip', '10.9.0.1', false],
    ['ip', '192.0.2.1', false],
    ['ip', 'fd00::1', true],
    ['ip', '2001:db8::1', false],
    ['uri', 'spiffe://lab.example.internal/node/a', true],
    ['uri', 'https://else.example/', false],
    ['email', 'ops@lab.example', true],
    ['email', 'ops@else.example', false],
  ])('%s %s: %s, for the lint, for path validation and for OpenSSL', async (kind, name, wanted) => {
    const { realm, root, issuing } = await made();
    const { forced, linted } = await leaf(realm, issuing, kind, name);
    const path = validatePath({
      leaf: forced,
      intermediates: [issuing],
      anchors: [root],
      at: realm.clock.now(),
      verifySignature: realm.verifySignature,
    });
    expect([linted, path.ok]).toEqual([wanted, wanted]);
    if (!path.ok) expect(path.code).toBe('name-constraints');
    expect(openssl(realm, root, issuing, forced)).toContain(wanted ? '2.pem: OK' : 'subtree violation');
  });

  it('refuses a child that asks for more, and subtrees that hold nothing, before a key is made', async () => {
    const { realm } = await made();
    const under = (permitted: readonly [Kind, string]) =>
      createCa(realm, { name: 'sub', parent: 'root', constraints: { permitted: subtrees(permitted), excluded: [] } });
    await expect(under(['dns', 'else.example'])).rejects.toThrow(
      refusal(
        'ERR_CA_CONSTRAINT',
        'name constraints under root: expected permitted subtrees inside DNS:lab.example, found DNS:else.example',
      ),
    );
    await expect(under(['ip', '10.9.1.0/24'])).rejects.toThrow(refusal('ERR_CA_CONSTRAINT', 'found IP:10.9.1.0/24 in both'));
    const same = { permitted: subtrees(['dns', 'a.example']), excluded: subtrees(['dns', 'example']) };
    await expect(createCa(realm, { name: 'x', constraints: same })).rejects.toThrow(
      refusal('ERR_CA_CONSTRAINT', 'name constraints: expected permitted subtrees outside the excluded ones'),
    );
    await expect(createCa(realm, { name: 'x', trustDomain: 'A' })).rejects.toThrow(refusal('ERR_CERTIFICATE_NAME', '--trust-domain'));
    expect(realm.vault.keys.size).toBe(2);
  });

  it('takes a narrower child, and warns of a trust domain that no node here has', async () => {
    const { realm } = await made();
    const constraints = { permitted: subtrees(['dns', 'a.lab.example'], ['uri', 'lab.example.internal']), excluded: [] };
    const { certificate, warnings } = await createCa(realm, { name: 'sub', parent: 'root', constraints });
    expect(certificate.extensions.nameConstraints?.permitted.map(generalNameText)).toEqual([
      'DNS:a.lab.example',
      'URI:lab.example.internal',
      'email:lab.example',
      'IP:10.0.0.0/8',
      'IP:fd00::/8',
    ]);
    expect(warnings).toEqual([]);
    const other = await createCa(realm, { name: 'other', trustDomain: 'else.example' });
    expect(other.warnings).toEqual([
      'the nodes of this realm are in the trust domain lab.example.internal: this authority can issue for none of them',
    ]);
  });

  it('cross-signs with the constraints of both', async () => {
    const { realm, issuing } = await made();
    await createCa(realm, { name: 'b', constraints: { permitted: subtrees(['dns', 'example']), excluded: subtrees(['email', '*']) } });
    const { certificate } = await crossSignCa(realm, { name: 'issuing', by: 'b' });
    expect(certificate.extensions.subjectAltName).toEqual(issuing.extensions.subjectAltName);
    expect(certificate.extensions.nameConstraints?.excluded.map(generalNameText)).toEqual([
      'DNS:secret.lab.example',
      'IP:10.9.0.0/16',
      'email:',
    ]);
  });
});

describe('an authority that would outlive its parent', () => {
  it('is refused where that is asked for', async () => {
    const realm = caRealm();
    await createCa(realm, { name: 'root', ttl: seconds(86400) });
    await expect(createCa(realm, { name: 'sub', parent: 'root', strict: true })).rejects.toThrow(
      refusal('ERR_CERTIFICATE_OUTLIVES', "--strict: expected an end not after the parent's, 2026-11-23T10:00:00Z, found 2031-11-21"),
    );
    expect((await createCa(realm, { name: 'sub', parent: 'root', strict: true, ttl: seconds(3600) })).warnings).toEqual([]);
  });
});
