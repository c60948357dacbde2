/** What the agent of a node remembers in `agent.json`, and what it tells Prometheus through a text file. */
import type { JsonObject, JsonValue } from '../canonical-json.ts';
import { array, integer, object, oneOf, optional, parseDocument, type Parsed, string } from '../parse.ts';
import { parseInstant } from '../time.ts';
import { instantText } from '../trust/manifest.ts';

/** `waiting` for a token, `broken` where the files of the identity cannot be used. */
export const AGENT_STATES = ['waiting', 'valid', 'due', 'expired', 'broken'] as const;

const state = object({
  schema: oneOf(['joinery/node-agent/1']),
  updated_at: instantText(),
  state: oneOf(AGENT_STATES),
  identity: optional(string({ maxLength: 2048 })),
  serial: optional(string({ maxLength: 40 })),
  due_at: optional(instantText()),
  expires_at: optional(instantText()),
  /** Renewals and joins that this node directory has seen by an agent. */
  renewals: integer(0),
  /** In a row. */
  failures: integer(0),
  /** Since the directory was made. */
  failures_total: integer(0),
  /** Of the last failure, while failures go on. */
  code: optional(string({ maxLength: 64 })),
  last_success: optional(instantText()),
  /** Which identity and trust the reload hooks have been told of. */
  told: optional(string({ maxLength: 256 })),
  /** Alerts that were delivered, and for which certificate. */
  alerted_for: optional(string({ maxLength: 40 })),
  alerts: array(string({ maxLength: 64 }), { maxItems: 20 }),
});

export type AgentDocument = Parsed<typeof state>;

/** The published JSON Schema of `agent.json`. */
export function agentDocumentSchema(): JsonObject {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://joinery.dev/schema/node-agent-1.json',
    title: 'joinery state of the agent of a node (agent.json)',
    ...state.schema,
  };
}

/** @throws ERR_NODE_DIRECTORY with every wrong path. */
export function parseAgentDocument(value: JsonValue, what: string): AgentDocument {
  return parseDocument(state, value, what, 'ERR_NODE_DIRECTORY');
}

const HELP = {
  joinery_agent_state: ['gauge', '1 for the state that the identity of this node is in'],
  joinery_agent_certificate_expiry_timestamp_seconds: ['gauge', 'when the certificate of this node ends'],
  joinery_agent_renewal_due_timestamp_seconds: ['gauge', 'when it is renewed'],
  joinery_agent_last_success_timestamp_seconds: ['gauge', 'when it was last renewed by the agent'],
  joinery_agent_failures: ['gauge', 'attempts in a row that failed'],
  joinery_agent_failures_total: ['counter', 'attempts that failed'],
  joinery_agent_renewals_total: ['counter', 'renewals and joins of this node'],
} as const;

type Metric = keyof typeof HELP;

/** Prometheus' text format, for the textfile collector. */
export function agentMetrics(document: AgentDocument): string {
  const { due_at, expires_at, last_success } = document;
  const values: readonly (readonly [Metric, string, number | undefined])[] = [
    ...AGENT_STATES.map((name) => ['joinery_agent_state', `{state="${name}"}`, Number(name === document.state)] as const),
    ['joinery_agent_certificate_expiry_timestamp_seconds', '', secondsOf(expires_at)],
    ['joinery_agent_renewal_due_timestamp_seconds', '', secondsOf(due_at)],
    ['joinery_agent_last_success_timestamp_seconds', '', secondsOf(last_success)],
    ['joinery_agent_failures', '', document.failures],
    ['joinery_agent_failures_total', '', document.failures_total],
    ['joinery_agent_renewals_total', '', document.renewals],
  ];
  const seen = new Set<Metric>();
  const lines = values.flatMap(([metric, labels, value]) => {
    if (value === undefined) return [];
    const head = seen.has(metric) ? [] : [`# HELP ${metric} ${HELP[metric][1]}`, `# TYPE ${metric} ${HELP[metric][0]}`];
    seen.add(metric);
    return [...head, `${metric}${labels} ${value}`];
  });
  return `${lines.join('\n')}\n`;
}

const secondsOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : parseInstant(text));
