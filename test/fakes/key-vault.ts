import { openForeignPem, plainPem } from '../../src/adapters/pkcs8.ts';
import { generatePrivateKey, signingKey } from '../../src/adapters/signatures.ts';
import { JoineryError } from '../../src/core/errors.ts';
import { Secret } from '../../src/core/secret.ts';
import type { KeyReference, KeyVault, SigningKey } from '../../src/core/key-ports.ts';

/** Keys in memory. `fail` makes the next `open` throw what is given. */
export function fakeKeyVault(): KeyVault & { readonly keys: Map<string, SigningKey> } {
  const keys = new Map<string, SigningKey>();
  const pems = new Map<string, string>();
  return {
    keys,
    generate({ name, type, custody }) {
      const privateKey = generatePrivateKey(type);
      const key = signingKey(privateKey);
      const reference: KeyReference = { custody, file: `keys/${custody}/${name}-${keys.size}.key`, type };
      keys.set(reference.file, key);
      pems.set(reference.file, plainPem(privateKey));
      return Promise.resolve({ reference, key });
    },
    open(reference) {
      const key = keys.get(reference.file);
      if (key === undefined)
        return Promise.reject(new JoineryError('ERR_KEY_NOT_FOUND', `expected a key at ${reference.file}, found none`));
      return Promise.resolve(key);
    },
    async adopt(pem, { what, passphrase }) {
      const key = signingKey(await openForeignPem(pem, what, passphrase));
      return {
        key,
        keep: ({ name, custody }) => {
          const reference: KeyReference = { custody, file: `keys/${custody}/${name}-${keys.size}.key`, type: key.type };
          keys.set(reference.file, key);
          return Promise.resolve(reference);
        },
      };
    },
    prove: () => Promise.resolve(),
    stageRewrap: (custody) => Promise.resolve([...keys.keys()].filter((file) => file.startsWith(`keys/${custody}/`)).length),
    finishRewrap: () => Promise.resolve(),
    release: (reference) => Promise.resolve(new Secret(pems.get(reference.file) as string)),
    discard(reference) {
      keys.delete(reference.file);
      return Promise.resolve();
    },
  };
}
