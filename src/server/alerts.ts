/** Alerts of the join service, thinned out and sent one after the other: who is told must not be flooded, and a join never waits. */
import type { JoinAlert } from '../app/join-peer.ts';
import { isJoineryError } from '../core/errors.ts';
import type { Clock } from '../core/ports.ts';
import type { AlertMessage, AlertSink, Logger } from '../core/telemetry.ts';
import { formatInstant, type Instant } from '../core/time.ts';

/** Seconds in which an alert of the same kind and subject is told once. */
const REPEAT_AFTER = 300;
/** Alerts a minute, of any kind. */
const PER_MINUTE = 30;
/** Subjects that are remembered, and alerts that wait. */
const REMEMBERED = 1000;
const WAITING = 100;

export type AlertDelivery = 'sent' | 'failed' | 'suppressed';

export interface AlertsOptions {
  readonly sink: AlertSink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly environment: string;
  /** Counts what became of each alert. */
  readonly delivered: (result: AlertDelivery) => void;
}

export interface Alerts {
  /** Returns at once; never throws. */
  raise(alert: JoinAlert): void;
  /** Waits until what was raised has been sent, or has failed. */
  idle(): Promise<void>;
}

const SUMMARIES: Readonly<Record<JoinAlert['kind'], string>> = {
  replay: 'something that counts once was used again by another key',
  'refused-burst': 'many requests are refused',
  'second-renewal-key': 'a certificate was renewed with a second key',
  'renewal-fork': 'a node is renewed from two of its certificates',
  'frequent-renewals': 'a node renews too often',
  'revoked-node': 'a revoked node asked to enter again',
  'audit-failed': 'refusals could not be written to the audit log',
};

interface Remembered {
  readonly until: Instant;
  suppressed: number;
}

export function createAlerts(options: AlertsOptions): Alerts {
  const { clock, logger, sink, environment, delivered } = options;
  const seen = new Map<string, Remembered>();
  let minute = { start: 0, sent: 0 };
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();

  const admit = (key: string, now: Instant): number | undefined => {
    const known = seen.get(key);
    if (now - minute.start >= 60) minute = { start: now, sent: 0 };
    if ((known !== undefined && known.until > now) || minute.sent >= PER_MINUTE || waiting >= WAITING) {
      remember(seen, key, { until: known?.until ?? now, suppressed: (known?.suppressed ?? 0) + 1 });
      return undefined;
    }
    minute.sent += 1;
    remember(seen, key, { until: (now + REPEAT_AFTER) as Instant, suppressed: 0 });
    return known?.suppressed ?? 0;
  };

  const send = async (message: AlertMessage): Promise<void> => {
    try {
      await sink(message);
      delivered('sent');
    } catch (error) {
      delivered('failed');
      const reason = isJoineryError(error) ? error.message : 'the sink failed';
      logger.log('error', 'an alert could not be delivered', { kind: message.kind, reason });
    } finally {
      waiting -= 1;
    }
  };

  return {
    raise(alert) {
      const now = clock.now();
      const suppressed = admit(`${alert.kind} ${alert.subject ?? alert.node ?? ''}`, now);
      if (suppressed === undefined) {
        delivered('suppressed');
        return;
      }
      waiting += 1;
      last = last.then(() => send(messageOf(alert, environment, suppressed)));
    },
    idle: () => last,
  };
}

/** Keeps the newest entries. */
function remember(seen: Map<string, Remembered>, key: string, entry: Remembered): void {
  seen.delete(key);
  seen.set(key, entry);
  if (seen.size > REMEMBERED) seen.delete(seen.keys().next().value as string);
}

/** What is told: names and ids, never a secret. */
export function messageOf(alert: JoinAlert, environment: string, suppressed: number): AlertMessage {
  const { kind, at, correlationId, ...details } = alert;
  return {
    schema: 'joinery/alert/1',
    kind,
    time: formatInstant(at),
    environment,
    summary: SUMMARIES[kind],
    suppressed,
    details: { ...details, correlation_id: correlationId },
  };
}
