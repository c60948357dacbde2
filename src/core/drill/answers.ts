/** What people decided in a drill, `joinery/drill-answers/1`, and the drill as it goes by that: from then on it is headless and repeats. */
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../canonical-json.ts';
import { JoineryError } from '../errors.ts';
import { name } from '../names.ts';
import { array, integer, object, oneOf, optional, type Parsed, parseDocument, string } from '../parse.ts';
import { ATTEMPTS, type DrillStep, type Scenario, type StepKind } from './scenario.ts';

const answers = object({
  schema: oneOf(['joinery/drill-answers/1']),
  /** Name of the drill. */
  drill: string({ minLength: 1, maxLength: 63 }),
  decisions: array(
    object({
      /** Position of the phase and of the step in it, from 0. */
      phase: integer(0, 19),
      step: integer(0, 99),
      do: oneOf(['act', 'leave']),
      /** Seconds later than planned. */
      late: optional(integer(0, 90 * 86400)),
      note: optional(string({ minLength: 1, maxLength: 500 })),
      /** The node that the attacker takes, of an inventory. */
      target: optional(name()),
    }),
    { maxItems: 2000 },
  ),
});

export type DrillAnswers = Parsed<typeof answers>;
export type DrillDecision = DrillAnswers['decisions'][number];

/** @param what names the document. @throws ERR_DRILL_ANSWERS with every wrong path. */
export function parseAnswers(value: JsonValue, what: string): DrillAnswers {
  return parseDocument(answers, value, what, 'ERR_DRILL_ANSWERS');
}

/** A step of a drill, and where it stands in the document. */
export interface PlacedStep {
  readonly phase: number;
  readonly step: number;
  readonly planned: DrillStep;
  /** Somebody decides on it: it is in a phase in which operators act, and is no attempt of the attacker. */
  readonly isDecision: boolean;
  /** Names of the nodes that the attacker may take here; none where nobody chooses. */
  readonly targets: readonly string[];
  /** What has to be typed before it is done: what is revoked does not come back. */
  readonly confirm: string | undefined;
}

const DECIDING = ['revoke', 'recover'];

const SUBJECTS: Readonly<Partial<Record<StepKind, string>>> = {
  'revoke-nodes': 'the-node',
  'revoke-issuer': 'the-authority',
  'rotate-cluster-certificate': 'the-cluster',
};

/** In the order of their time. */
export function placedSteps({ phases, fleet }: Scenario): readonly PlacedStep[] {
  const placed = phases.flatMap(({ phase: named, steps }, phase) =>
    (steps ?? []).map((planned, step): PlacedStep => {
      const isDecision = DECIDING.includes(named) && !ATTEMPTS.includes(planned.do) && planned.do !== 'note';
      const subject = planned.do === 'revoke-token' ? planned.token : SUBJECTS[planned.do];
      const targets = planned.do === 'compromise' && !isDecision ? (fleet.inventory ?? []).map(({ node }) => node) : [];
      return { phase, step, planned, isDecision, targets, confirm: isDecision ? subject : undefined };
    }),
  );
  return placed.sort((a, b) => a.planned.at - b.planned.at);
}

/**
 * The document with what was decided: steps later, or left out.
 * @throws ERR_DRILL_ANSWERS when the answers are of another drill, name what is no decision, or decide twice
 */
export function applyAnswers(document: JsonObject, scenario: Scenario, given: DrillAnswers, what: string): JsonObject {
  if (given.drill !== scenario.name) throw wrong(what, `expected answers for the drill ${scenario.name}, found some for another`);
  const known = placedSteps(scenario);
  const places = given.decisions.map(({ phase, step }) => `${phase}/${step}`);
  if (new Set(places).size < places.length) throw wrong(what, 'expected one decision for each step, found two for one');
  const decided = given.decisions.map((decision): readonly [PlacedStep, DrillDecision] => {
    const place = known.find(({ phase, step }) => phase === decision.phase && step === decision.step);
    if (place?.isDecision === true && decision.target === undefined) return [place, decision];
    if (place?.targets.includes(decision.target ?? '') === true) return [place, { ...decision, do: 'act', late: 0 }];
    throw wrong(what, `expected decisions on steps of operators, found one on step ${decision.step} of phase ${decision.phase}`);
  });
  const phases = arrayOf(document['phases']).map((phase, phaseIndex): JsonValue => {
    if (!isJsonObject(phase)) return phase;
    const steps = arrayOf(phase['steps']).flatMap((step, index): readonly JsonValue[] => {
      const found = decided.find(([place]) => place.phase === phaseIndex && place.step === index);
      return found === undefined ? [step] : changed(step as JsonObject, found[0], found[1], scenario.duration);
    });
    return { ...phase, steps };
  });
  return { ...document, phases };
}

/** A step that comes after the end of the drill did not happen in it. */
function changed(
  step: JsonObject,
  { planned }: PlacedStep,
  { do: act, late = 0, note, target }: DrillDecision,
  duration: number,
): readonly JsonObject[] {
  const at = planned.at + late;
  if (act === 'leave' || at > duration) return [];
  return [{ ...step, at: at === 0 ? '0' : `${at}s`, ...(note !== undefined && { note }), ...(target !== undefined && { target }) }];
}

function arrayOf(value: JsonValue | undefined): readonly JsonValue[] {
  return value !== undefined && isJsonArray(value) ? value : [];
}

function wrong(what: string, message: string): JoineryError {
  return new JoineryError('ERR_DRILL_ANSWERS', `${what}: ${message}`);
}
