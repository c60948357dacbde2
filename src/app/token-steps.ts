/** Signs many tokens that share their claims, step by step, as a stream. */
import { uuidV4 } from '../core/names.ts';
import type { Random } from '../core/ports.ts';
import { batchSigner, pooledRandom } from '../core/token/batch.ts';
import type { TokenClaims } from '../core/token/claims.ts';
import { parseCompact } from '../core/token/jwt.ts';
import type { TokenSigner } from '../core/token/signer.ts';

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

export interface Batch {
  /** The claims of every token but `jti` and `node`. */
  readonly template: TokenClaims;
  readonly signer: TokenSigner;
  readonly steps: AsyncGenerator<readonly BatchToken[]>;
}

/** @param register is told of every step before it is given out */
export async function* tokenSteps(
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
