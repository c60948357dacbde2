/** Mints many tokens in a realm, as a stream, each registered before it is given out. */
import type { StoreWrite } from '../core/ports.ts';
import { type MintTokenInput, prepareTemplate, registration } from './mint-token.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { moveClockMark } from './token-state.ts';
import { type Batch, type BatchSize, type BatchToken, tokenSteps } from './token-steps.ts';

/** Mints in a realm: each step of 256 is one commit with its registrations and audit records, before it is given out. @throws as `mintToken` */
export async function mintBatch(realm: Realm, input: MintTokenInput & BatchSize): Promise<Batch> {
  const [first] = input.nodes ?? [];
  const { claims: template, signer } = await prepareTemplate(realm, { ...input, ...(first !== undefined && { node: first }) });
  const register = async (tokens: readonly BatchToken[]): Promise<void> => {
    const made = tokens.map(({ id, node, token }) =>
      registration({ ...template, jti: id, ...(node !== undefined && { node }) }, token, signer),
    );
    await commit(realm.store, {
      checks: made.map(({ check }) => check),
      writes: [...made.map(({ write }) => write), ...(await marks(realm))],
      audit: made.map(({ audit }) => auditEvent(realm, audit)),
    });
  };
  return { template, signer, steps: tokenSteps(realm.random, signer, template, input, register) };
}

async function marks(realm: Realm): Promise<readonly StoreWrite[]> {
  return moveClockMark(realm.store, realm.clock.now());
}
