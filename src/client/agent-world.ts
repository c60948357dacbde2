/** What the agent of a node needs beside a client: hooks, alerts, its service manager and a log. */
import type { AlertMessage } from '../core/telemetry.ts';
import type { LogLevel } from '../core/telemetry.ts';
import type { JsonObject } from '../core/canonical-json.ts';
import type { ReloadHook } from '../core/join/reload-hooks.ts';
import type { WorkloadIdentity } from '../core/join/workload-identity.ts';
import type { AlertShares } from '../core/join/agent-schedule.ts';
import type { NamedEvidence } from './join-node.ts';
import type { NodeClientWorld } from './node-client.ts';

export interface AgentWorld extends NodeClientWorld {
  /** @param identity directory of the generation in use. @throws ERR_PROGRAM_FAILED */
  runHook(hook: ReloadHook, identity: string): Promise<void>;
  /** @throws ERR_ALERT_DELIVERY */
  alert(message: AlertMessage): Promise<void>;
  /** Tells the service manager: `READY=1`, `WATCHDOG=1`, `STATUS=...`, `STOPPING=1`. Never throws. */
  notify(...states: readonly string[]): Promise<void>;
  /** Takes the identity of now, for consumers on this machine; undefined where there is none that may be used. */
  readonly publish?: ((identity: WorkloadIdentity | undefined) => void) | undefined;
  log(level: LogLevel, message: string, fields?: JsonObject): void;
}

/** A sign of life, for a service manager that waits for one: before whatever may take its time. */
export async function feedWatchdog({ notify }: Pick<AgentWorld, 'notify'>, { watchdog }: Pick<AgentOptions, 'watchdog'>): Promise<void> {
  if (watchdog !== undefined) await notify('WATCHDOG=1');
}

export interface AgentOptions {
  /** Of the node, absolute. */
  readonly directory: string;
  /** Instead of those of `onboarding.json`. */
  readonly urls?: readonly string[] | undefined;
  readonly timeoutMs: number;
  readonly evidence?: NamedEvidence | undefined;
  /** Seconds between two looks for newer trust. */
  readonly trustEvery: number;
  /** A directory with trust documents, instead of the server. */
  readonly trustFrom?: string | undefined;
  /** Prometheus textfile. */
  readonly metricsFile?: string | undefined;
  /** Seconds; of the service manager. */
  readonly watchdog?: number | undefined;
  readonly alertShares?: AlertShares | undefined;
}
