/** `kubeadm` bootstrap tokens: a public id and a secret, with the pin of the CA's key beside them. */
import { JoineryError } from '../errors.ts';
import type { Random } from '../ports.ts';

export interface KubeadmToken {
  /** Six characters, public. */
  readonly id: string;
  /** Sixteen characters of a-z 0-9: 82 bits. */
  readonly secret: string;
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;

export function formatKubeadm({ id, secret }: KubeadmToken): string {
  return `${id}.${secret}`;
}

export function generateKubeadm(random: Random): KubeadmToken {
  return { id: randomText(random, 6), secret: randomText(random, 16) };
}

/** @throws ERR_TOKEN_MALFORMED */
export function parseKubeadm(text: string): KubeadmToken {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  if (id === undefined || secret === undefined) {
    throw new JoineryError('ERR_TOKEN_MALFORMED', 'kubeadm token: expected 6 and 16 of a-z 0-9 with a dot between, found another form');
  }
  return { id, secret };
}

/** Letters and digits, each equally likely: bytes that would favour the first letters are thrown away. */
export function randomText(random: Random, length: number): string {
  const fair = 256 - (256 % ALPHABET.length);
  let text = '';
  while (text.length < length) {
    for (const byte of random.bytes(length)) if (byte < fair && text.length < length) text += ALPHABET.charAt(byte % ALPHABET.length);
  }
  return text;
}
