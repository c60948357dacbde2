/** `clusters[].identity_provider`: an authority whose key is elsewhere. */
import { name } from '../names.ts';
import { array, integer, object, optional, type Parsed, string } from '../parse.ts';

const word = string({ minLength: 1, maxLength: 4096, pattern: /^[^\0]+$/, describe: 'a word of a command' });

export const identityProvider = object({
  /** The authority that the provider signs with: imported into the realm without its key. */
  ca: name(),
  /** A program, with its path, and its arguments. */
  exec: array(word, { minItems: 1, maxItems: 50 }),
  /** Seconds; default 10. */
  timeout: optional(integer(1, 60)),
});

export type ProviderConfig = Parsed<typeof identityProvider>;
