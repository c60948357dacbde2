/** What happened in a drill, `joinery/drill-log/1`: one JSON document a line. A report is made of it and of nothing else. */
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from '../canonical-json.ts';
import { JoineryError } from '../errors.ts';
import { name } from '../names.ts';
import { jsonObject, array, boolean, integer, object, oneOf, optional, type Parsed, parseDocument, type Parser, string } from '../parse.ts';
import { type Metric, METRICS, parseScenario, PHASES, type Scenario } from './scenario.ts';

/** Seconds since the beginning. */
const time = integer(0, 2 ** 31 - 1);
const words = string({ maxLength: 2000 });

const PARSERS = {
  begin: object({
    kind: oneOf(['begin']),
    schema: oneOf(['joinery/drill-log/1']),
    mode: oneOf(['simulate', 'live']),
    seed: integer(0, 2 ** 32 - 1),
    nodes: integer(1, 100_000),
    /** The document of the drill, so that it can be run again. */
    scenario: jsonObject(),
  }),
  step: object({ kind: oneOf(['step']), t: time, phase: oneOf(PHASES), do: words, text: words, note: optional(words) }),
  attempt: object({ kind: oneOf(['attempt']), t: time, who: words, what: words, accepted: boolean(), code: optional(words) }),
  alert: object({ kind: oneOf(['alert']), t: time, name: words, text: words }),
  sample: object({
    kind: oneOf(['sample']),
    t: time,
    /** Healthy nodes that are reachable. */
    online: integer(),
    /** Of these, without service. */
    cut_off: integer(),
    /** Healthy nodes whose certificate has ended. */
    expired: integer(),
    /** Nodes that refuse what was revoked last; all before anything was. */
    informed: integer(),
    /** Requests in the busiest second since the last sample. */
    load: integer(),
  }),
  end: object({
    kind: oneOf(['end']),
    t: time,
    /** What was not measured is left out. */
    metrics: array(object({ metric: oneOf(Object.keys(METRICS) as [Metric, ...Metric[]]), value: integer() })),
    /** Of a fleet with regions. */
    regions: optional(
      array(object({ name: name(), nodes: integer(), cut_off_peak: integer(), stranded: integer(), evict_max: optional(integer()) }), {
        maxItems: 200,
      }),
    ),
    /** The first healthy nodes that need a hand, of an inventory. */
    stranded: optional(array(name(), { maxItems: 100 })),
  }),
} as const;

type Events = { readonly [K in keyof typeof PARSERS]: Parsed<(typeof PARSERS)[K]> };
export type BeginEvent = Events['begin'];
export type StepEvent = Events['step'];
export type AttemptEvent = Events['attempt'];
export type AlertEvent = Events['alert'];
export type SampleEvent = Events['sample'];
export type EndEvent = Events['end'];
export type DrillEvent = Events[keyof Events];

/** A whole log, in order. */
export interface DrillLog {
  readonly begin: BeginEvent;
  readonly scenario: Scenario;
  readonly events: readonly DrillEvent[];
  readonly end: EndEvent;
}

const MAX_LOG = 64 * 1024 * 1024;

/** The lines of a log, each canonical: the same events are the same bytes. */
export function formatLog(events: readonly DrillEvent[]): string {
  return events.map((event) => `${canonicalJson(event as JsonObject)}\n`).join('');
}

/** @param what names the log. @throws ERR_DRILL_LOG, ERR_DRILL_MALFORMED, ERR_JSON_MALFORMED, ERR_INPUT_TOO_LARGE */
export function parseLog(text: string, what: string): DrillLog {
  if (text.length > MAX_LOG)
    throw new JoineryError('ERR_INPUT_TOO_LARGE', `${what}: expected at most ${MAX_LOG} characters, found ${text.length}`);
  const lines = text.split('\n').filter((line) => line !== '');
  return logOf(
    lines.map((line, index) => {
      const where = `${what}, line ${index + 1}`;
      return eventOf(parseStrictJson(line, where, { maxLength: MAX_LOG }), where);
    }),
    what,
  );
}

/** @throws ERR_DRILL_LOG when it does not begin and end as a log does, or goes back in time; ERR_DRILL_MALFORMED */
export function logOf(events: readonly DrillEvent[], what: string): DrillLog {
  const [begin, end] = [events[0], events.at(-1)];
  if (begin?.kind !== 'begin' || end?.kind !== 'end')
    throw new JoineryError('ERR_DRILL_LOG', `${what}: expected a log from its beginning to its end, found another`, {
      hint: 'a drill that was interrupted has no report',
    });
  const within = events.slice(1, -1);
  let last = 0;
  for (const [index, event] of within.entries()) {
    const isNext = event.kind !== 'begin' && event.kind !== 'end' && event.t >= last && event.t <= end.t;
    if (!isNext)
      throw new JoineryError('ERR_DRILL_LOG', `${what}, line ${index + 2}: expected an event after the one before, found another`);
    last = event.t;
  }
  return { begin, scenario: parseScenario(begin.scenario, `${what}, scenario`), events, end };
}

function eventOf(value: JsonValue, what: string): DrillEvent {
  const kind = isJsonObject(value) ? value['kind'] : undefined;
  const parser = typeof kind === 'string' && Object.hasOwn(PARSERS, kind) ? PARSERS[kind as keyof Events] : undefined;
  if (parser === undefined) throw new JoineryError('ERR_DRILL_LOG', `${what}: expected an event of a drill, found something else`);
  return parseDocument(parser as Parser<DrillEvent>, value, what, 'ERR_DRILL_LOG');
}
