/** Certificates: issuing leaves and answering requests against `openssl speed` on the same machine, in the same run, on one core. */
import { execFileSync } from 'node:child_process';
import { generatePrivateKey, signingKey, verifySignature } from '../../src/adapters/signatures.ts';
import { systemRandom } from '../../src/adapters/random.ts';
import type { SigningKey } from '../../src/core/key-ports.ts';
import { instant } from '../../src/core/time.ts';
import { parseSpki } from '../../src/core/x509/algorithms.ts';
import { type Certificate, parseCertificate } from '../../src/core/x509/certificate.ts';
import { assertCsrSignature, parseCsr } from '../../src/core/x509/csr.ts';
import { writeCsr } from '../../src/core/x509/csr-writer.ts';
import { leafWriter, pooledRandom, signLeaf } from '../../src/core/x509/fast-leaf.ts';
import { assertLinted } from '../../src/core/x509/issue.ts';
import { assertUsableKey } from '../../src/core/x509/known-keys.ts';
import { writeName } from '../../src/core/x509/name-text.ts';
import { defaultSubject, PROFILES, profileNames } from '../../src/core/x509/profiles.ts';
import { caTemplate, newSerialNumber, writeSigned, writeTbs } from '../../src/core/x509/template.ts';
import { type Bench, median, percent, perSecond, type Row } from './measure.ts';

const VALIDITY = { notBefore: instant(1_795_000_000), notAfter: instant(1_795_086_400) };
const PROFILE = PROFILES.node;
const random = pooledRandom(systemRandom);
/** Short turns of one side and the other, so that a machine that slows down slows both. */
const TURNS = 5;
const TURN_SECONDS = 1;

interface OpensslRates {
  readonly sign: number;
  readonly verify: number;
}

/** P-256 operations per second and core. */
function opensslSpeed(): OpensslRates {
  const text = execFileSync('openssl', ['speed', '-mr', '-seconds', String(TURN_SECONDS), 'ecdsap256'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [, sign, verify] = /^\+F4:\d+:256:([\d.e-]+):([\d.e-]+)/m.exec(text) ?? [];
  if (sign === undefined || verify === undefined)
    throw new Error(`openssl speed: expected a line +F4, found ${JSON.stringify(text.slice(0, 300))}`);
  return { sign: Number(sign), verify: Number(verify) };
}

async function authority(): Promise<{ key: SigningKey; certificate: Certificate }> {
  const key = signingKey(generatePrivateKey('p256'));
  const validity = { notBefore: instant(1_790_000_000), notAfter: instant(1_890_000_000) };
  const subject = writeName([['CN', 'bench']]);
  const tbs = writeTbs(caTemplate({ serialNumber: newSerialNumber(random), signer: 'p256', validity, subject, spki: key.spki }));
  return { key, certificate: parseCertificate(writeSigned(tbs, 'p256', await key.sign(tbs, 'der'))) };
}

/** Calls per second of processor time, as `openssl speed` counts: what else runs on the machine takes no part in it. */
async function rate(work: () => unknown, milliseconds: number): Promise<number> {
  const start = process.cpuUsage();
  let count = 0;
  for (let used = 0; used < milliseconds * 1000; count += 100) {
    for (let index = 0; index < 100; index++) await work();
    const { user, system } = process.cpuUsage(start);
    used = user + system;
  }
  const { user, system } = process.cpuUsage(start);
  return (count * 1e6) / (user + system);
}

/** The work of one leaf, given its key; and of one request, from its bytes to the certificate. */
async function works() {
  const { key, certificate } = await authority();
  const write = leafWriter(certificate, 'p256', PROFILE.usage);
  const nodeKey = signingKey(generatePrivateKey('p256'));
  let node = 0;
  const tbsOf = (publicKey: ReturnType<typeof parseSpki>): Uint8Array => {
    const names = profileNames(PROFILE, [{ kind: 'uri', value: `spiffe://bench.example/node/n${node++}` }], 'bench.example');
    return write({ serialNumber: newSerialNumber(random), ...VALIDITY, subject: defaultSubject(names, 'bench'), publicKey, names });
  };
  const throwaway = signingKey(generatePrivateKey('p256'));
  const placeholder = await throwaway.sign(certificate.tbs, 'der');
  const publicKey = parseSpki(nodeKey.spki);
  const issue = () => signLeaf(tbsOf(publicKey), key);
  const linted = () => {
    const tbs = tbsOf(publicKey);
    assertLinted(parseCertificate(writeSigned(tbs, 'p256', placeholder)), certificate);
    return signLeaf(tbs, key);
  };
  const csr = await writeCsr(nodeKey, { subject: writeName([]), names: [] });
  const answer = () => {
    const request = parseCsr(csr);
    assertCsrSignature(request, verifySignature);
    assertUsableKey(request.publicKey, 'request', request.pin);
    return signLeaf(tbsOf(request.publicKey), key);
  };
  return { issue, linted, answer };
}

async function run(): Promise<readonly Row[]> {
  const { issue, linted, answer } = await works();
  for (const warm of [issue, linted, answer]) await rate(warm, 1000);
  const found = { sign: [] as number[], verify: [] as number[], issue: [] as number[], linted: [] as number[], answer: [] as number[] };
  for (let turn = 0; turn < TURNS; turn++) {
    const openssl = opensslSpeed();
    found.sign.push(openssl.sign);
    found.verify.push(openssl.verify);
    found.issue.push(await rate(issue, 600));
    found.linted.push(await rate(linted, 600));
    found.answer.push(await rate(answer, 600));
  }
  const sign = median(found.sign);
  const both = 1 / (1 / sign + 1 / median(found.verify));
  const row = (what: string, value: number, limit: number, goal: string): Row => ({
    what,
    value: perSecond(value),
    limit: perSecond(limit),
    ratio: `${percent(value / limit)}${goal}`,
  });
  return [
    row('issue a P-256 leaf, key given (limit: openssl sign)', median(found.issue), sign, ' (goal 55 %)'),
    row('the same, each one linted before it is signed', median(found.linted), sign, ''),
    row('verify a CSR and issue (limit: openssl verify + sign)', median(found.answer), both, ' (goal 60 %)'),
  ];
}

export const issue: Bench = { title: 'Certificates', run };
