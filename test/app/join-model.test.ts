import fc from 'fast-check';
import { expect, test } from 'vitest';
import { acceptJoin } from '../../src/app/accept-join.ts';
import { renewNode } from '../../src/app/renew-node.ts';
import { revokeNode } from '../../src/app/revoke-node.ts';
import { revokeToken } from '../../src/app/revoke-token.ts';
import { pinOf } from '../../src/core/digest.ts';
import { parsePem } from '../../src/core/encoding.ts';
import { isJoineryError } from '../../src/core/errors.ts';
import type { JoinReply } from '../../src/core/join/messages.ts';
import { type Certificate, parseCertificate } from '../../src/core/x509/certificate.ts';
import { joinWorld, type JoinWorld, nodeKey, type NodeKey, peerAt } from '../fakes/join-realm.ts';

const KEYS = 4;
const TOKENS = [{ maxUses: 1 }, { maxUses: 2 }, { maxUses: 2, node: 'a' }, { maxUses: 2, node: 'a', allowReentry: true }] as const;

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      token: fc.nat(TOKENS.length - 1),
      key: fc.nat(KEYS - 1),
      node: fc.constantFrom('a', 'b', undefined),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('renew' as const), from: fc.nat(20), key: fc.nat(KEYS - 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke-node' as const), node: fc.constantFrom('a', 'b') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revoke-token' as const), token: fc.nat(TOKENS.length - 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(1, 300, 3600, 90_000) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Given {
  readonly reply: JoinReply;
  readonly certificate: Certificate;
  readonly how: 'join' | 'renew';
}

/** What is known outside of the server: every certificate that anybody was given, and what was revoked when. */
class Model {
  readonly given: Given[] = [];
  readonly usedBy = TOKENS.map(() => new Set<number>());
  readonly revokedTokens = new Set<number>();
  readonly revokedKeys = new Set<string>();
  readonly world: JoinWorld;
  readonly keys: readonly NodeKey[];
  readonly tokens: readonly string[];

  constructor(world: JoinWorld, keys: readonly NodeKey[], tokens: readonly string[]) {
    this.world = world;
    this.keys = keys;
    this.tokens = tokens;
  }

  get now(): number {
    return this.world.realm.clock.now();
  }

  live(node: string): Given[] {
    return this.given.filter(
      ({ reply, certificate }) => reply.node_id === node && certificate.notAfter > this.now && !this.revokedKeys.has(certificate.pin),
    );
  }

  take(reply: JoinReply, how: Given['how']): Certificate {
    const certificate = parseCertificate(parsePem(reply.certificate_pem)[0]?.der as Uint8Array);
    expect(this.revokedKeys.has(certificate.pin)).toBe(false);
    if (!this.given.some(({ certificate: known }) => known.fingerprint === certificate.fingerprint))
      this.given.push({ reply, certificate, how });
    return certificate;
  }

  async run(action: Step): Promise<void> {
    switch (action.do) {
      case 'wait':
        this.world.realm.clock.advance(action.seconds);
        return;
      case 'revoke-token':
        this.revokedTokens.add(action.token);
        await revokeToken(this.world.realm, { id: idOf(this.tokens[action.token] as string) });
        return;
      case 'revoke-node':
        for (const { certificate } of this.live(action.node)) this.revokedKeys.add(certificate.pin);
        await revokeNode(this.world.realm, { cluster: 'prod', node: action.node, reason: 'keyCompromise' });
        return;
      case 'join':
        return this.join(action);
      default:
        return this.renew(action);
    }
  }

  async join({ token, key, node }: Extract<Step, { do: 'join' }>): Promise<void> {
    const terms = TOKENS[token] as (typeof TOKENS)[number] & { node?: string; allowReentry?: boolean };
    const before = this.live(node ?? terms.node ?? '');
    const { csr } = this.keys[key] as NodeKey;
    const request = { token: this.tokens[token] as string, csr, ...(node !== undefined && { node_id: node }) };
    const reply = await acceptJoin(this.world.service, request, peerAt());
    const isNew = !this.usedBy[token]?.has(key);
    this.usedBy[token]?.add(key);
    const certificate = this.take(reply, 'join');
    // What a token may never give.
    expect(this.revokedTokens.has(token)).toBe(false);
    expect(this.usedBy[token]?.size).toBeLessThanOrEqual(terms.maxUses);
    if (terms.node !== undefined) expect(reply.node_id).toBe(terms.node);
    const others = before.filter(({ certificate: other }) => other.pin !== certificate.pin);
    if (isNew && others.some(({ certificate: other }) => other.pin === before.at(-1)?.certificate.pin))
      expect(terms.allowReentry).toBe(true);
  }

  async renew({ from, key }: Extract<Step, { do: 'renew' }>): Promise<void> {
    const presented = this.given[from % Math.max(1, this.given.length)];
    if (presented === undefined) return;
    const reply = await renewNode(
      this.world.service,
      { csr: (this.keys[key] as NodeKey).csr },
      peerAt('a', { certificate: presented.certificate }),
    );
    const certificate = this.take(reply, 'renew');
    expect(presented.certificate.notAfter).toBeGreaterThan(this.now);
    expect(this.revokedKeys.has(presented.certificate.pin)).toBe(false);
    expect([reply.node_id, reply.identity, reply.role]).toEqual([presented.reply.node_id, presented.reply.identity, presented.reply.role]);
    expect(certificate.pin).toBe(pinOf((this.keys[key] as NodeKey).key.spki));
  }
}

const idOf = (token: string) => (JSON.parse(Buffer.from(token.split('.')[1] as string, 'base64url').toString()) as { jti: string }).jti;

test('whatever is asked in whatever order, nobody gets more than was granted', async () => {
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 15, maxLength: 40 }), async (steps) => {
      const world = await joinWorld();
      const keys = await Promise.all(Array.from({ length: KEYS }, () => nodeKey()));
      const tokens: string[] = [];
      for (const terms of TOKENS) tokens.push(await world.mint(terms));
      const model = new Model(world, keys, tokens);
      for (const action of steps) {
        const size = world.realm.store.audit.length;
        const outcome = await model.run(action).then(
          () => 'ok',
          (error: unknown) => {
            if (!isJoineryError(error)) throw error;
            return error.code;
          },
        );
        if (outcome !== 'ok') expect(world.realm.store.audit.length - size).toBeLessThanOrEqual(1);
        seen.set(`${action.do} ${outcome}`, (seen.get(`${action.do} ${outcome}`) ?? 0) + 1);
      }
    }),
    { numRuns: 80 },
  );
  // The walk is worth something only if it gets everywhere.
  for (const expected of ['join ok', 'renew ok', 'join ERR_TOKEN_EXHAUSTED', 'join ERR_NODE_EXISTS', 'revoke-node ok'])
    expect([...seen.keys()]).toContain(expected);
}, 60_000);
