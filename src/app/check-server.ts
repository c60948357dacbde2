import { JoineryError } from '../core/errors.ts';
import type { PinnedTls, ServerAddress, VerifySignature } from '../core/key-ports.ts';
import type { Clock } from '../core/ports.ts';
import { checkPinnedChain, type PinnedPath, type ServerPin } from '../core/token/pin.ts';
import { parseHost } from '../core/x509/alternative-names.ts';
import { parseCertificate, type Certificate } from '../core/x509/certificate.ts';
import type { ReferenceIdentity } from '../core/x509/identity.ts';

export interface CheckServerWorld {
  readonly clock: Clock;
  readonly verifySignature: VerifySignature;
  readonly tls: PinnedTls;
}

/**
 * Finds out whether the server at an address is the one that is pinned, without sending it anything: first what it shows is judged
 * by core's path validation, then a second connection is verified under the pinned authority alone, and what it shows is judged again.
 * @throws ERR_SERVER_UNREACHABLE, ERR_CERTIFICATE_NAME, ERR_CERTIFICATE_MALFORMED, ERR_PIN_NOT_SHOWN, ERR_PIN_NOT_ANCHOR, ERR_PIN_PATH,
 * ERR_PIN_SESSION
 */
export async function checkServer(world: CheckServerWorld, server: ServerAddress, pin: ServerPin): Promise<PinnedPath> {
  const identity = parseHost(server.name, '--server-name') as ReferenceIdentity;
  const judge = (shown: readonly Uint8Array[]): PinnedPath =>
    checkPinnedChain({ certificates: read(shown), identity, at: world.clock.now(), verifySignature: world.verifySignature }, pin);
  const { anchor } = judge(await world.tls.presentedChain(server));
  return judge(await world.tls.provenChain(server, [anchor.der]));
}

function read(shown: readonly Uint8Array[]): readonly [Certificate, ...Certificate[]] {
  const [leaf, ...others] = shown.map((der, index) => parseCertificate(der, `certificate ${index} of the server`));
  if (leaf !== undefined) return [leaf, ...others];
  throw new JoineryError('ERR_PIN_NOT_SHOWN', 'server: expected certificates, found none');
}
