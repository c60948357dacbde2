import { describe, expect, it } from 'vitest';
import { KNOWN_ANSWERS } from '../../../src/core/selftest/known-answers.ts';
import type { KnownAnswer, Vector } from '../../../src/core/selftest/known-answer.ts';
import { tools } from './tools.ts';

/** The character in the middle, changed to another one that can stand there. */
function planted(text: string): string {
  const middle = Math.floor(text.length / 2);
  const character = text[middle] as string;
  const other =
    { '9': '8', f: 'e', z: 'y', Z: 'Y' }[character] ??
    (/[0-9a-yA-Y]/.test(character) ? String.fromCharCode(character.charCodeAt(0) + 1) : 'A');
  return text.slice(0, middle) + other + text.slice(middle + 1);
}

async function holds({ holds: ask }: KnownAnswer, vector: Vector): Promise<boolean> {
  try {
    return await ask(vector, tools);
  } catch {
    return false;
  }
}

describe('known answers', () => {
  it('have names of their own, and say where they come from', () => {
    expect(new Set(KNOWN_ANSWERS.map(({ area, id }) => `${area}/${id}`)).size).toBe(KNOWN_ANSWERS.length);
    expect(KNOWN_ANSWERS.every(({ source }) => source.length > 5)).toBe(true);
  });

  it.each(KNOWN_ANSWERS.map((answer) => [`${answer.area} ${answer.id}`, answer] as const))(
    '%s: holds, and no longer with a fault in any part',
    async (_, answer) => {
      expect(await answer.holds(answer.vector, tools)).toBe(true);
      const unnoticed: string[] = [];
      for (const [name, text] of Object.entries(answer.vector))
        if (await holds(answer, { ...answer.vector, [name]: planted(text) })) unnoticed.push(name);
      expect(unnoticed).toEqual([]);
    },
  );

  it('do not hold over a verifier that accepts everything or nothing', async () => {
    const broken = (verdict: boolean) => ({ ...tools, verifySignature: () => verdict, verifyJws: () => Promise.resolve(verdict) });
    const signed = KNOWN_ANSWERS.filter(({ area }) => area === 'signatures' || area === 'jose');
    const results = await Promise.all(
      signed.map(async (answer) => Promise.resolve(answer.holds(answer.vector, broken(false))).catch(() => false)),
    );
    // What is left hashes, signs or opens, and verifies nothing.
    expect(signed.filter((_, index) => results[index]).map(({ id }) => id)).toEqual([
      'ed25519-sign',
      'jwk-thumbprint',
      'jwe-ecdh-es-a256gcm',
    ]);
  });
});
