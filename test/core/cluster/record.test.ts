import { describe, expect, it } from 'vitest';
import { afterStep, issuerAfter, preflight, STEPS } from '../../../src/core/cluster/phases.ts';
import { type ClusterRecord, memberKey, parseClusterRecord, PHASES } from '../../../src/core/cluster/record.ts';
import { parseDocument } from '../../../src/core/parse.ts';
import { instant } from '../../../src/core/time.ts';

const record: ClusterRecord = {
  schema: 'joinery/cluster/1',
  name: 'prod',
  role: 'server',
  phase: 'stable',
  sequence: 4,
  phase_sequence: 4,
  authorities: ['old'],
  certificate: {
    serial: 'aa',
    ca: 'old',
    generation: 1,
    pem: '',
    key: { custody: 'online', file: 'f', type: 'p256' },
    issued_at: 1,
    not_after: 2,
  },
  names: [],
  superseded: [],
  token: 't',
  members: [],
  evicted: [],
};

describe('phases', () => {
  it('every step leads from one phase to another, and rollback undoes each', () => {
    const trusting = afterStep(record, 'trust-new', 'new');
    expect(trusting).toMatchObject({ phase: 'trust-new', authorities: ['old', 'new'], sequence: 5, phase_sequence: 5 });
    const issuing = afterStep(trusting, 'issue-new');
    expect([issuerAfter(trusting, 'issue-new'), issuerAfter(issuing, 'rollback')]).toEqual(['new', 'old']);
    expect(afterStep(issuing, 'retire-old')).toMatchObject({ phase: 'stable', authorities: ['new'] });
    expect(afterStep(issuing, 'rollback')).toMatchObject({ phase: 'trust-new', authorities: ['old', 'new'], sequence: 7 });
    expect(afterStep(trusting, 'rollback')).toMatchObject({ phase: 'stable', authorities: ['old'] });
  });

  it.each(STEPS.flatMap((step) => PHASES.map((phase) => [step, phase] as const)))(
    '%s in phase %s is taken or refused, never both',
    (step, phase) => {
      const state = { ...record, phase, authorities: phase === 'stable' ? ['old'] : ['old', 'new'] };
      const findings = preflight(step, { record: state, now: instant(0), authorities: [], others: [] });
      const fits = {
        'trust-new': ['stable'],
        'issue-new': ['trust-new'],
        'retire-old': ['issue-new'],
        rollback: ['trust-new', 'issue-new'],
      }[step];
      expect(findings.some(({ rule }) => rule === 'phase')).toBe(!fits.includes(phase));
    },
  );

  it('puts the worst first', () => {
    const key = { kty: 'EC', crv: 'P-256', x: '', y: '' } as const;
    const members = [{ node: 'n', key, added_at: 1, confirmed: 3 }];
    const state = { ...record, phase: 'issue-new' as const, authorities: ['old', 'new'], members };
    const findings = preflight('retire-old', {
      record: state,
      now: instant(10),
      authorities: [{ name: 'new', notAfter: instant(5) }],
      others: [{ serial: 'bb', subject: 'CN=x' }],
    });
    expect(findings.map(({ severity }) => severity)).toEqual(['refusal', 'break', 'break', 'warning']);
  });
});

describe('the record', () => {
  it('is read strictly', () => {
    expect(parseClusterRecord(JSON.parse(JSON.stringify(record)), 'here')).toEqual(record);
    expect(() => parseClusterRecord({}, 'here')).toThrow(expect.objectContaining({ code: 'ERR_REALM_MALFORMED' }) as Error);
    const okp = { kty: 'OKP', crv: 'Ed25519', x: 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' };
    expect(() => parseDocument(memberKey, okp, 'key')).toThrow('expected a key on P-256, found Ed25519');
  });
});
