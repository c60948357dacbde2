/** Mints many tokens, as a stream: registered in a realm, or stateless from a key alone, with no realm and no database. */
import { uuidV4 } from '../core/names.ts';
import type { Clock, Random, StoreWrite } from '../core/ports.ts';
import { DEFAULT_MAX_TOKEN_LIFETIME } from '../core/realm/config.ts';
import type { Seconds } from '../core/time.ts';
import { batchSigner, pooledRandom } from '../core/token/batch.ts';
import type { TokenClaims } from '../core/token/claims.ts';
import { parseCompact } from '../core/token/jwt.ts';
import { buildClaims, type MintFacts, type TokenRequest } from '../core/token/mint.ts';
import type { TokenSigner } from '../core/token/signer.ts';
import { type MintTokenInput, prepareTemplate, registration } from './mint-token.ts';
import { auditEvent, commit, type Realm } from './realm.ts';
import { moveClockMark } from './token-state.ts';

export interface BatchSize {
  /** How many tokens; with `nodes`: how many for each. */
  readonly count?: number;
  /** One token bound to each. */
  readonly nodes?: readonly string[];
}

export interface BatchToken {
  readonly id: string;
  readonly node?: string;
  readonly token: string;
}

/** Tokens of one step: signed together, committed together, written together. */
const STEP = 256;

export interface StatelessInput extends BatchSize {
  readonly request: TokenRequest;
  readonly issuer: string;
  readonly signer: TokenSigner;
}

/**
 * Mints without a realm: what is minted is known to nobody but its receiver, and can be revoked by id all the same.
 * @returns the claims that all share, and the tokens as they are made.
 * @throws ERR_INPUT_MALFORMED, ERR_TOKEN_LIFETIME, ERR_TOKEN_TOO_LARGE
 */
export function mintStateless(world: { readonly clock: Clock; readonly random: Random }, input: StatelessInput): Batch {
  const { issuer, signer, request } = input;
  const facts = { issuer, id: uuidV4(world.random), now: world.clock.now(), maxLifetime: DEFAULT_MAX_TOKEN_LIFETIME as Seconds };
  const template = templateOf(request, input, facts);
  return { template, signer, steps: steps(world.random, signer, template, input, () => Promise.resolve()) };
}

export interface Batch {
  /** The claims of every token but `jti` and `node`. */
  readonly template: TokenClaims;
  readonly signer: TokenSigner;
  readonly steps: AsyncGenerator<readonly BatchToken[]>;
}

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
  return { template, signer, steps: steps(realm.random, signer, template, input, register) };
}

async function marks(realm: Realm): Promise<readonly StoreWrite[]> {
  return moveClockMark(realm.store, realm.clock.now());
}

function templateOf(request: TokenRequest, { nodes }: BatchSize, facts: MintFacts): TokenClaims {
  const [first] = nodes ?? [];
  return buildClaims({ ...request, ...(first !== undefined && { node: first }) }, facts);
}

async function* steps(
  random: Random,
  signer: TokenSigner,
  template: TokenClaims,
  { nodes, count = 1 }: BatchSize,
  register: (tokens: readonly BatchToken[]) => Promise<void>,
): AsyncGenerator<readonly BatchToken[]> {
  const sign = batchSigner(signer, template);
  const pool = pooledRandom(random);
  const total = (nodes?.length ?? 1) * count;
  for (let made = 0; made < total;) {
    const step: BatchToken[] = [];
    for (; step.length < STEP && made < total; made++) {
      const node = nodes?.[Math.floor(made / count)] ?? template.node;
      const id = uuidV4(pool);
      const signed = sign(id, node ?? '');
      const token = typeof signed === 'string' ? signed : await signed;
      step.push(node === undefined ? { id, token } : { id, node, token });
    }
    checkSize(step);
    await register(step);
    yield step;
  }
}

/** Names differ in length: the longest token of the step must fit. */
function checkSize(step: readonly BatchToken[]): void {
  const longest = step.reduce((most, { token }) => (token.length > most.length ? token : most), '');
  parseCompact(longest);
}
