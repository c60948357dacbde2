import { JoineryError } from '../core/errors.ts';
import { uuidV4 } from '../core/names.ts';
import type { Clock, Random } from '../core/ports.ts';
import { Secret } from '../core/secret.ts';
import { plus, type Seconds } from '../core/time.ts';
import { type Mac, OMNIRELAY_CLI_ISSUER, OMNIRELAY_TTL, type OmnirelayToken, signOmnirelay } from '../core/token/omnirelay.ts';

export interface IssueOmnirelayTokenInput {
  readonly mac: Mac;
  readonly cluster: string;
  readonly role: string;
  /** Default 1 h. */
  readonly lifetime?: Seconds;
  /** null: as often as one likes. Default 1. */
  readonly maxUses?: number | null;
  /** Default `omnirelay-cli`. */
  readonly issuer?: string;
}

/** Issues a token for an OmniRelay service, without a realm: that service alone knows its uses. @throws ERR_INPUT_MALFORMED */
export async function issueOmnirelayToken(
  world: { readonly clock: Clock; readonly random: Random },
  input: IssueOmnirelayTokenInput,
): Promise<{ readonly token: Secret; readonly claims: OmnirelayToken }> {
  const { cluster, role, lifetime = OMNIRELAY_TTL as Seconds, maxUses = 1, issuer = OMNIRELAY_CLI_ISSUER } = input;
  for (const [flag, value] of Object.entries({ '--cluster': cluster, '--role': role, '--issuer': issuer })) {
    if (value === '' || value.length > 255)
      throw new JoineryError('ERR_INPUT_MALFORMED', `${flag}: expected 1 to 255 characters, found ${value.length}`);
  }
  const issuedAt = world.clock.now();
  const claims: OmnirelayToken = {
    tokenId: uuidV4(world.random),
    clusterId: cluster,
    role,
    issuedAt,
    expiresAt: plus(issuedAt, lifetime),
    maxUses,
    issuer,
  };
  return { token: new Secret(await signOmnirelay(claims, input.mac)), claims };
}
