import { describe, expect, it } from 'vitest';
import { interviewDrill } from '../../src/app/interview-drill.ts';
import type { JsonObject } from '../../src/core/canonical-json.ts';
import { applyAnswers, parseAnswers, placedSteps } from '../../src/core/drill/answers.ts';
import type { Interviewer } from '../../src/core/drill/interviewer.ts';
import { parseScenario, stepsOf } from '../../src/core/drill/scenario.ts';

const document: JsonObject = {
  schema: 'joinery/drill/1',
  name: 'd',
  title: 'The title',
  summary: 'The summary',
  duration: '2d',
  fleet: { nodes: 10 },
  phases: [
    {
      phase: 'prepare',
      steps: [
        { at: '1h', do: 'compromise', nodes: 1, note: 'a stolen backup' },
        { at: '1h', do: 'mint-token', token: 't', ttl: '1h' },
      ],
    },
    {
      phase: 'revoke',
      steps: [
        { at: '3h', do: 'revoke-token', token: 't' },
        { at: '2h', do: 'revoke-nodes', note: 'at once' },
        { at: '4h', do: 'use-copied-key' },
      ],
    },
    {
      phase: 'recover',
      steps: [
        { at: '0', do: 'rejoin', per_hour: 5 },
        { at: '5h', do: 'note' },
      ],
    },
    { phase: 'report' },
  ],
  objectives: [{ metric: 'alerts', at_most: 0 }],
};
const scenario = parseScenario(document, 'd');

/** Answers each question by the next entry. */
function person(answers: readonly string[]): Interviewer & { readonly heard: string[] } {
  const left = [...answers];
  const heard: string[] = [];
  const next = (question: string): Promise<string> => {
    heard.push(`? ${question}`);
    return Promise.resolve(left.shift() as string);
  };
  return { heard, choose: next, text: next, say: (line) => Promise.resolve(void heard.push(line)) };
}

const answersOf = (...decisions: JsonObject[]) => parseAnswers({ schema: 'joinery/drill-answers/1', drill: 'd', decisions }, 'answers');
const after = (...decisions: JsonObject[]) =>
  stepsOf(parseScenario(applyAnswers(document, scenario, answersOf(...decisions), 'answers'), 'd')).map(({ at, do: kind, note }) => [
    kind,
    at,
    note,
  ]);

describe('an interview', () => {
  it('tells what happens, asks where operators act, and takes a name before what cannot be undone', async () => {
    const names = placedSteps(scenario).filter(({ isDecision }) => isDecision);
    expect(names.map(({ planned, confirm }) => [planned.do, confirm])).toEqual([
      ['rejoin', undefined],
      ['revoke-nodes', 'the-node'],
      ['revoke-token', 't'],
    ]);
    const probe = person(['leave', '0', 'wrong']);
    await interviewDrill(probe, scenario, 1).catch(() => undefined);
    const asked = probe.heard.find((line) => line.startsWith('? Type ')) as string;
    const name = /Type (\S+) to do it/.exec(asked)?.[1] as string;
    const walked = person(['0', ' ', '600', 'wrong', name, ' because ', 'leave']);
    expect(await interviewDrill(walked, scenario, 1)).toEqual({
      schema: 'joinery/drill-answers/1',
      drill: 'd',
      decisions: [
        { phase: 2, step: 0, do: 'act', late: 0 },
        { phase: 1, step: 1, do: 'act', late: 600, note: 'because' },
        { phase: 1, step: 0, do: 'leave' },
      ],
    });
    expect(walked.heard.slice(0, 3)).toEqual([
      'The title',
      'The summary',
      expect.stringContaining('0: nodes whose certificates have ended'),
    ]);
    expect(walked.heard).toContain(`expected ${name}, found another name: nothing was done`);
    expect(walked.heard).toContain('2h: what the attacker holds certificates for is revoked, as planned (at once)');
  });

  it('lets a person choose the node that is taken, by an inventory, and wants its name typed before it is revoked', async () => {
    const inventory = Array.from({ length: 10 }, (_, index) => ({ node: `db-${index}` }));
    const named = { ...document, fleet: { nodes: 10, inventory } };
    const fleet = parseScenario(named, 'd');
    expect(placedSteps(fleet).map(({ targets }) => targets.length)).toEqual([0, 10, 0, 0, 0, 0, 0]);
    const walked = person(['leave', 'db-7', '0', 'db-3', 'db-7', '', 'leave']);
    const answers = await interviewDrill(walked, fleet, 1);
    expect(answers.decisions.slice(1, 3)).toEqual([
      { phase: 0, step: 0, do: 'act', target: 'db-7' },
      { phase: 1, step: 1, do: 'act', late: 0 },
    ]);
    expect(walked.heard).toContain('? Type db-7 to do it');
    const given = applyAnswers(named, fleet, answers, 'a');
    expect(stepsOf(parseScenario(given, 'd')).find(({ do: kind }) => kind === 'compromise')).toMatchObject({ at: 3600, target: 'db-7' });
    for (const decision of [
      { phase: 0, step: 0, do: 'act', target: 'db-99' },
      { phase: 0, step: 0, do: 'act' },
      { phase: 1, step: 1, do: 'act', target: 'db-1' },
    ])
      expect(() => applyAnswers(named, fleet, answersOf(decision), 'a')).toThrow('expected decisions on steps of operators');
  });

  it('of a drill without decisions asks nothing', async () => {
    const short = parseScenario(
      Object.fromEntries(Object.entries({ ...document, phases: [{ phase: 'revoke' }] }).filter(([name]) => name !== 'summary')),
      'd',
    );
    expect((await interviewDrill(person([]), short, 1)).decisions).toEqual([]);
  });
});

describe('answers', () => {
  it('move steps, leave them out, and note why', () => {
    const steps = after(
      { phase: 1, step: 0, do: 'leave' },
      { phase: 1, step: 1, do: 'act', late: 600, note: 'asleep' },
      { phase: 2, step: 0, do: 'act' },
    );
    expect(steps).toEqual([
      ['rejoin', 0, undefined],
      ['compromise', 3600, 'a stolen backup'],
      ['mint-token', 3600, undefined],
      ['revoke-nodes', 7800, 'asleep'],
      ['use-copied-key', 14400, undefined],
      ['note', 18000, undefined],
    ]);
    expect(after({ phase: 1, step: 1, do: 'act', late: 80 * 86400 }).map(([kind]) => kind)).not.toContain('revoke-nodes');
  });

  it('are refused for another drill, for what nobody decides on, and in another form', () => {
    const refused = (given: JsonObject) => () =>
      applyAnswers(document, scenario, parseAnswers({ schema: 'joinery/drill-answers/1', drill: 'd', decisions: [], ...given }, 'a'), 'a');
    const code = expect.objectContaining({ code: 'ERR_DRILL_ANSWERS' });
    expect(refused({ drill: 'other' })).toThrow(code);
    for (const [phase, step] of [
      [0, 0],
      [1, 2],
      [9, 9],
    ])
      expect(refused({ decisions: [{ phase, step, do: 'act' }] })).toThrow(code);
    expect(refused({ decisions: [{ phase: 0, step: 0, do: 'explode' }] })).toThrow(code);
    const twice = { phase: 1, step: 1, do: 'act' };
    expect(refused({ decisions: [twice, { ...twice, do: 'leave' }] })).toThrow('expected one decision for each step');
    expect(refused({ force: true })).toThrow('force: unknown member; known here: schema, drill, decisions');
    expect(refused({ decisions: [{ ...twice, yes: true }] })).toThrow('decisions[0].yes: unknown member');
    expect(refused({ decisions: [{ ...twice, late: -1 }] })).toThrow('decisions[0].late: expected an integer');
    expect(applyAnswers({ phases: ['odd'] }, scenario, answersOf(), 'a')).toEqual({ phases: ['odd'] });
    expect(applyAnswers({}, scenario, answersOf(), 'a')).toEqual({ phases: [] });
  });
});
