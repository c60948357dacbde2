/** Walks a person through a drill: what happens is told, and where operators act the person decides when, or whether at all. */
import { type DrillAnswers, type DrillDecision, type PlacedStep, placedSteps } from '../core/drill/answers.ts';
import type { Interviewer } from '../core/drill/interviewer.ts';
import { momentText } from '../core/drill/report.ts';
import { type Scenario, STEP_KINDS } from '../core/drill/scenario.ts';
import { fixedChance } from '../core/drill/random.ts';
import { formatDuration } from '../core/time.ts';

const MINUTE = 60;
const DELAYS = [10 * MINUTE, 60 * MINUTE, 240 * MINUTE, 24 * 60 * MINUTE];
const LEAVE = 'leave';
const MAX_NOTE = 500;

/** @throws ERR_USAGE_NO_TERMINAL, ERR_INTERRUPTED: then nothing was decided */
export async function interviewDrill(interviewer: Interviewer, scenario: Scenario, seed: number): Promise<DrillAnswers> {
  await interviewer.say(scenario.title);
  if (scenario.summary !== undefined) await interviewer.say(scenario.summary);
  const decisions: DrillDecision[] = [];
  for (const placed of placedSteps(scenario)) {
    const { planned } = placed;
    const note = planned.note === undefined ? '' : ` (${planned.note})`;
    await interviewer.say(`${momentText(planned.at)}: ${STEP_KINDS[planned.do]}${placed.isDecision ? ', as planned' : ''}${note}`);
    if (placed.targets.length > 0) decisions.push(await chooseTarget(interviewer, placed));
    if (placed.isDecision)
      decisions.push(await decide(interviewer, placed, { seed, taken: decisions.findLast(({ target }) => target)?.target }));
  }
  return { schema: 'joinery/drill-answers/1', drill: scenario.name, decisions };
}

/** Nodes of the inventory, the first ones: a longer list is no choice. */
const MOST_TARGETS = 200;

async function chooseTarget(interviewer: Interviewer, { phase, step, targets }: PlacedStep): Promise<DrillDecision> {
  const choices = targets.slice(0, MOST_TARGETS).map((node) => ({ value: node, name: node }));
  return { phase, step, do: 'act', target: await interviewer.choose('Which node does the attacker take?', choices) };
}

interface Deciding {
  readonly seed: number;
  /** The node that was chosen for the attacker. */
  readonly taken: string | undefined;
}

async function decide(interviewer: Interviewer, placed: PlacedStep, { seed, taken }: Deciding): Promise<DrillDecision> {
  const { phase, step, planned, confirm } = placed;
  const later = DELAYS.map((seconds) => ({ value: String(seconds), name: `${formatDuration(seconds)} later` }));
  const choices = [{ value: '0', name: 'now' }, ...later, { value: LEAVE, name: 'not at all' }];
  const chosen = await interviewer.choose(`It is ${momentText(planned.at)}. When do you do it?`, choices);
  if (chosen === LEAVE) return { phase, step, do: 'leave' };
  const target = planned.do === 'revoke-nodes' ? taken : undefined;
  if (confirm !== undefined) await confirmed(interviewer, target ?? nameOf(confirm, seed));
  const note = (await interviewer.text('A note for the report (empty for none)')).trim().slice(0, MAX_NOTE);
  return { phase, step, do: 'act', late: Number(chosen), ...(note !== '' && { note }) };
}

/** As on the day itself: what is revoked is typed, not clicked. */
async function confirmed(interviewer: Interviewer, name: string): Promise<void> {
  const question = `Type ${name} to do it`;
  for (let typed = await interviewer.text(question); typed.trim() !== name; typed = await interviewer.text(question))
    await interviewer.say(`expected ${name}, found another name: nothing was done`);
}

/** A name that nobody types by habit. */
function nameOf(subject: string, seed: number): string {
  return `${subject}-${Math.floor(fixedChance(seed, subject.length, 99) * 9000) + 1000}`;
}
