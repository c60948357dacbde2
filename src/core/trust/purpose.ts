/** The two trust domains of FORMATS 2. They are two types: what is made for one is not accepted for the other by the compiler either. */
import { JoineryError } from '../errors.ts';

/** Verifies platform endpoints. */
export type ControlPlaneHttps = 'control-plane-https';
/** Verifies node certificates. */
export type NodeCertLifecycle = 'node-cert-lifecycle';
export type Purpose = ControlPlaneHttps | NodeCertLifecycle;

export const PURPOSES = ['control-plane-https', 'node-cert-lifecycle'] as const satisfies readonly Purpose[];

export type OtherPurpose<P extends Purpose> = P extends ControlPlaneHttps ? NodeCertLifecycle : ControlPlaneHttps;

export function otherPurpose<P extends Purpose>(purpose: P): OtherPurpose<P> {
  return (purpose === 'control-plane-https' ? 'node-cert-lifecycle' : 'control-plane-https') as OtherPurpose<P>;
}

/** @param what names the value in the error. @throws ERR_INPUT_MALFORMED */
export function parsePurpose(text: string, what = '--purpose'): Purpose {
  const purpose = PURPOSES.find((known) => known === text);
  if (purpose === undefined) {
    throw new JoineryError('ERR_INPUT_MALFORMED', `${what}: expected ${PURPOSES.join(' or ')}, found ${JSON.stringify(text.slice(0, 80))}`);
  }
  return purpose;
}
