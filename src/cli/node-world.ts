/** What the trust commands of a node work with: no realm, and the actor for the node's own history. */
import type { NodeWorld } from '../app/node-trust.ts';
import type { World } from './context.ts';

export function nodeWorld({ files, clock, verifySignature, caller }: World): NodeWorld {
  return { files, clock, verifySignature, actor: caller.actor.name };
}
