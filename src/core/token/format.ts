/** Tells the dialects of join tokens apart by their shape; nothing is verified. */
import type { TokenFormat } from './grant.ts';

const SHAPES: readonly (readonly [TokenFormat, RegExp])[] = [
  ['k3s', /^K10/],
  ['kubeadm', /^[a-z0-9]{6}\.[a-z0-9]{16}$/],
  ['secure', /^[0-9a-f]+:[0-9a-f]+$/],
  ['omnirelay', /^[A-Za-z0-9+/]+={0,2}\.[A-Za-z0-9+/]+={0,2}$/],
];

/** @returns `jwt` for everything that has none of the other shapes, so that its parser says what is wrong. */
export function detectFormat(text: string): TokenFormat {
  if (text.length > 8192) return 'jwt';
  return SHAPES.find(([, shape]) => shape.test(text))?.[0] ?? 'jwt';
}
