/** Who sends a request, and what is told about its outcome: what the transports give to the use cases, and get from them. */
import type { Attestor } from '../core/attest/context.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { Instant } from '../core/time.ts';
import type { Certificate } from '../core/x509/certificate.ts';

const TRANSPORTS = ['rest', 'grpc', 'omnirelay', 'gastrolog', 'offline'] as const;
export type Transport = (typeof TRANSPORTS)[number];

export interface Peer {
  /** Network address without port, or what stands for it: `offline`. */
  readonly address: string;
  readonly transport: Transport;
  readonly correlationId: string;
  /** That TLS has shown the peer to hold the key of; nothing else about it is verified. */
  readonly certificate?: Certificate | undefined;
}

export type { Attestor };

export type JoinOperation = 'join' | 'renew' | 'enroll' | 'revoke' | 'mint' | 'report';

/** Seconds that the steps took; absent for a step that was not reached. */
export interface StepSeconds {
  readonly verify?: number;
  readonly policy?: number;
  readonly sign?: number;
  readonly commit?: number;
  readonly total: number;
}

export interface JoinOutcome {
  readonly operation: JoinOperation;
  /** `failed`: not the caller's fault. */
  readonly result: 'accepted' | 'same-request' | 'refused' | 'failed';
  readonly reason: ErrorCode | 'none';
  readonly transport: Transport;
  readonly cluster?: string;
  readonly node?: string;
  readonly address: string;
  readonly seconds: StepSeconds;
  /** Whether the token, or the certificate, was authentic. */
  readonly authenticated: boolean;
  readonly correlationId: string;
  /** Id of an authentic token, or serial number of an authentic certificate: what the caller proved. */
  readonly subject?: string;
}

export type AlertKind =
  'replay' | 'refused-burst' | 'second-renewal-key' | 'renewal-fork' | 'frequent-renewals' | 'revoked-node' | 'audit-failed';

export interface JoinAlert {
  readonly kind: AlertKind;
  readonly at: Instant;
  /** `none`: no request was refused. */
  readonly reason: ErrorCode | 'none';
  readonly transport: Transport;
  readonly address: string;
  readonly correlationId: string;
  readonly cluster?: string;
  readonly node?: string;
  /** Id of the token, serial number, digest of the evidence, or node. */
  readonly subject?: string;
  /** Refusals in the burst, or certificates of the node. */
  readonly count?: number;
}

/** Is told of every outcome; must not throw. */
export interface JoinObserver {
  outcome(event: JoinOutcome): void;
  alert(alert: JoinAlert): void;
}

/** An observer for embedders and tests that look at nothing. */
export const SILENT_OBSERVER: JoinObserver = { outcome: () => undefined, alert: () => undefined };
