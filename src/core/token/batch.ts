/** Many tokens that differ in id and node only: what they share is encoded once. Equal, byte for byte, to minting each on its own. */
import { canonicalJson, type JsonObject } from '../canonical-json.ts';
import { toBase64Url } from '../encoding.ts';
import { JoineryError } from '../errors.ts';
import type { Random } from '../ports.ts';
import type { TokenClaims } from './claims.ts';
import { encodeHeader } from './jwt.ts';
import type { TokenSigner } from './signer.ts';

const ID = '\u0001';
const NODE = '\u0002';

/** Signs the claims of one token of the batch. @param node only for a template with a node. */
export type BatchSigner = (id: string, node: string) => string | Promise<string>;

/**
 * @param template claims whose jti, and node if there is one, are replaced by those of each token.
 * @throws ERR_INPUT_MALFORMED for a label with a control character, which marks the places to fill.
 */
export function batchSigner(signer: TokenSigner, template: TokenClaims): BatchSigner {
  const marked = { ...template, jti: ID, ...(template.node !== undefined && { node: NODE }) } as JsonObject;
  const [beforeId, afterId, ...others] = canonicalJson(marked).split(JSON.stringify(ID).slice(1, -1));
  const [between, afterNode, ...rest] = (afterId as string).split(JSON.stringify(NODE).slice(1, -1));
  if (others.length > 0 || rest.length > 0 || (template.node === undefined) !== (afterNode === undefined)) {
    throw new JoineryError('ERR_INPUT_MALFORMED', '--label: expected text without control characters, found one');
  }
  const header = `${encodeHeader(signer)}.`;
  return (id, node) => {
    const payload = afterNode === undefined ? `${beforeId}${id}${between}` : `${beforeId}${id}${between}${node}${afterNode}`;
    const input = header + Buffer.from(payload, 'utf8').toString('base64url');
    const signature = signer.sign(Buffer.from(input, 'latin1'));
    // Not awaiting what is there already is a tenth of the whole time.
    if (signature instanceof Uint8Array) return `${input}.${toBase64Url(signature)}`;
    return signature.then((late) => `${input}.${toBase64Url(late)}`);
  };
}

const POOL = 4096;

/** Random bytes from a pool: one call of the system for many small requests. No byte is given twice. */
export function pooledRandom(random: Random): Random {
  let pool = new Uint8Array(0);
  let at = 0;
  return {
    bytes(length) {
      if (length > POOL) return random.bytes(length);
      if (at + length > pool.length) {
        pool = new Uint8Array(random.bytes(POOL));
        at = 0;
      }
      at += length;
      return pool.subarray(at - length, at);
    },
  };
}
