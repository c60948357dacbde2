/** Bodies of unknown length: reads what a peer sends up to a limit, whatever it announced. */
import type { Readable } from 'node:stream';

/** @throws what `tooLarge` makes, when there is more than `maxBytes`; the stream is destroyed then. */
export async function readBounded(stream: Readable, maxBytes: number, tooLarge: () => Error): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of stream) {
    total += (chunk as Buffer).length;
    // Leaving the loop destroys the stream.
    if (total > maxBytes) throw tooLarge();
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
