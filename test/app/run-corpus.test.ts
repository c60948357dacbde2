import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type CorpusInput, type CorpusWorld, runCorpus } from '../../src/app/run-corpus.ts';
import { runSelftest } from '../../src/app/run-selftest.ts';
import { utf8 } from '../../src/core/encoding.ts';
import { known } from '../../src/core/selftest/known-answer.ts';
import type { Seconds } from '../../src/core/time.ts';
import { writeCrl } from '../core/selftest/crl.ts';
import { pem, tools, wycheproof } from '../core/selftest/tools.ts';
import { make } from '../core/x509/make.ts';
import { fakeClock } from '../fakes/clock.ts';
import { memoryFiles } from '../fakes/memory-files.ts';

const pair = generateKeyPairSync('ed25519');
const group = { type: 'EddsaVerify', publicKeyDer: pair.publicKey.export({ type: 'spki', format: 'der' }).toString('hex') };
const vector = (result: string) => ({ msg: '00', sig: sign(null, Buffer.of(0), pair.privateKey).toString('hex'), result });
const eddsa = (...results: string[]): string => JSON.stringify(wycheproof(group, results.map(vector)));

const anchor = make({ name: 'Trust Anchor', ca: true, notBefore: '2010-01-01T00:00:00Z' });
const end = make({ name: 'end', issuer: anchor, notBefore: '2010-01-01T00:00:00Z' });
const limbo = JSON.stringify({
  version: 1,
  testcases: [
    {
      id: 'rfc5280::sample',
      validation_kind: 'CLIENT',
      trusted_certs: [pem(anchor)],
      untrusted_intermediates: [],
      peer_certificate: pem(end),
      expected_result: 'SUCCESS',
    },
  ],
});

interface Setup {
  readonly world: CorpusWorld;
  readonly said: string[];
  readonly input: CorpusInput;
}

async function setup(files: Readonly<Record<string, string | Uint8Array>>, change: Partial<CorpusWorld> = {}): Promise<Setup> {
  const memory = memoryFiles();
  const directories = new Set(['/corpus']);
  for (const path of Object.keys(files)) {
    const parts = path.split('/').slice(0, -1);
    parts.forEach((_, index) => directories.add(`/corpus/${parts.slice(0, index + 1).join('/')}`));
  }
  for (const directory of directories) memory.entries.set(directory, { kind: 'directory', mode: 0o755 });
  for (const [path, content] of Object.entries(files))
    await memory.create(`/corpus/${path}`, typeof content === 'string' ? utf8(content) : content, 0o644);
  const said: string[] = [];
  const { verifySignature, verifyJws, primitives } = tools;
  const world = { files: memory, clock: fakeClock('2026-11-22T10:00:00Z'), verifySignature, verifyJws, primitives, ...change };
  return { world, said, input: { directory: '/corpus', maxTime: 60 as Seconds, say: (label) => said.push(label) } };
}

describe('runCorpus', () => {
  it('finds the suites wherever they lie, by what is in the files', async () => {
    const { world, input, said } = await setup({
      'a/limbo.json': limbo,
      'b/deep/any.json': eddsa('valid', 'invalid'),
      'b/other.json': '{"name":"x"}',
      'b/list.json': '[]',
      'b/notes.txt': 'testGroups',
      'b/comments.json': '{ // not JSON',
      '.git/vectors.json': eddsa('valid'),
      'pkits/certs/TrustAnchorRootCertificate.crt': anchor.certificate.der,
      'pkits/certs/ValidNameUIDsTest6EE.crt': end.certificate.der,
      'pkits/crls/a.crl': writeCrl(anchor, [], '2019-01-01T00:00:00Z'),
      'pkits/crls/README': 'x',
    });
    const report = await runCorpus(world, input);
    expect(report.suites.map(({ suite, file, counts }) => [suite, file, counts.agree, counts.disagree])).toEqual([
      ['x509-limbo', 'a/limbo.json', 1, 0],
      ['wycheproof', 'b/deep/any.json', 1, 1],
      ['NIST PKITS', 'pkits/certs', 1, 0],
    ]);
    expect(report.counts).toEqual({ agree: 3, stricter: 0, disagree: 1, skipped: 0 });
    expect(report.suites[1]?.disagreements).toEqual([{ id: 'tc2', expected: 'refuse', found: 'accepted' }]);
    expect(said).toEqual(['x509-limbo a/limbo.json', 'wycheproof b/deep/any.json', 'NIST PKITS pkits/certs']);
  });

  it('finds PKITS in the directory itself', async () => {
    const { world, input } = await setup({
      'certs/TrustAnchorRootCertificate.crt': anchor.certificate.der,
      'certs/ValidNameUIDsTest6EE.crt': end.certificate.der,
      'crls/a.crl': writeCrl(anchor, [], '2019-01-01T00:00:00Z'),
    });
    expect((await runCorpus(world, input)).counts.agree).toBe(1);
    const alone = await setup({ 'certs/TrustAnchorRootCertificate.crt': anchor.certificate.der });
    await expect(runCorpus(alone.world, alone.input)).rejects.toMatchObject({ code: 'ERR_CORPUS_MALFORMED' });
  });

  it('says that nothing is there, and what is damaged', async () => {
    const nothing = await setup({ 'README.md': 'x' });
    await expect(runCorpus(nothing.world, nothing.input)).rejects.toMatchObject({ code: 'ERR_CORPUS_NOT_FOUND' });
    for (const damaged of [
      limbo.slice(0, -10),
      eddsa('valid').slice(0, -10),
      '{"testGroups":[1]}',
      '{"testcases":[]}',
      '{"testGroups":[]}',
      eddsa(),
    ]) {
      const { world, input } = await setup({ 'x.json': damaged });
      await expect(runCorpus(world, input)).rejects.toMatchObject({ code: 'ERR_CORPUS_MALFORMED' });
    }
    const binary = await setup({ 'x.json': Uint8Array.of(0xff, 0xfe) });
    await expect(runCorpus(binary.world, binary.input)).rejects.toMatchObject({ code: 'ERR_CORPUS_NOT_FOUND' });
  });

  it('is bounded in time, files and depth', async () => {
    const slow = await setup({ 'x.json': eddsa('valid', 'valid') });
    const clock = fakeClock('2026-11-22T10:00:00Z');
    const late = { ...slow.world, clock, verifySignature: () => (clock.advance(61), true) };
    await expect(runCorpus(late, slow.input)).rejects.toMatchObject({
      code: 'ERR_CORPUS_TIMEOUT',
      message: 'x.json: expected to be finished in 1m, found 1 of 2 cases done',
    });
    const names = Array.from({ length: 20_001 }, (_, index) => `${index}.txt`);
    const info = { kind: 'file', mode: 0o644, size: 0, identity: '' } as const;
    const many = { ...slow.world.files, list: () => Promise.resolve(names), stat: () => Promise.resolve(info) };
    await expect(runCorpus({ ...slow.world, files: many }, slow.input)).rejects.toMatchObject({ code: 'ERR_INPUT_TOO_LARGE' });
    const deep = {
      ...slow.world.files,
      list: () => Promise.resolve(['d']),
      stat: () => Promise.resolve({ ...info, kind: 'directory' as const }),
    };
    await expect(runCorpus({ ...slow.world, files: deep }, slow.input)).rejects.toMatchObject({ code: 'ERR_CORPUS_NOT_FOUND' });
    const gone = { ...slow.world.files, list: () => Promise.resolve(['x']), stat: () => Promise.resolve(undefined) };
    await expect(runCorpus({ ...slow.world, files: gone }, slow.input)).rejects.toMatchObject({ code: 'ERR_CORPUS_NOT_FOUND' });
  });
});

describe('runSelftest', () => {
  const answer = (id: string, holds: () => boolean | Promise<boolean>) => known('area', id, 'source', {}, holds);

  it('reports what holds, what does not, and what is not there', async () => {
    const report = await runSelftest(
      tools,
      [
        answer('right', () => true),
        answer('wrong', () => Promise.resolve(false)),
        answer('broken', () => {
          throw new Error('a fault');
        }),
      ],
      [
        { id: 'needed', what: 'what', informational: false, run: () => 'found' },
        { id: 'missing', what: 'what', informational: false, run: () => Promise.reject(new Error('none')) },
        { id: 'optional', what: 'what', informational: true, run: () => Promise.reject(new Error('none')) },
      ],
    );
    expect(report.tests.map(({ id, result, detail }) => [id, result, detail])).toEqual([
      ['right', 'ok', undefined],
      ['wrong', 'failed', 'another answer than the known one'],
      ['broken', 'failed', 'a fault'],
      ['needed', 'ok', 'found'],
      ['missing', 'failed', 'none'],
      ['optional', 'absent', 'none'],
    ]);
    expect([report.passed, report.failed]).toEqual([2, 3]);
  });
});
