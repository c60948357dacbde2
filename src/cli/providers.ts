/** The identity providers of this machine, by the configuration of a cluster; what each needs is loaded when it is opened. */
import { resolve } from 'node:path';
import type { OpenProvider } from '../core/join/provider.ts';
import { DEFAULT_PROVIDER_TIMEOUT } from '../core/realm/provider-config.ts';

/** @param directory of the realm: files of the configuration are relative to it. */
export function systemProviders(directory: string): OpenProvider {
  return async ({ exec, vault, spire, timeout = DEFAULT_PROVIDER_TIMEOUT }, what) => {
    const options = { timeoutMs: timeout * 1000, what, path: (file: string) => resolve(directory, file) };
    if (vault !== undefined) return (await import('../adapters/vault-provider.ts')).vaultProvider(vault, options);
    if (spire !== undefined) return (await import('../adapters/spire-provider.ts')).spireProvider(spire, options);
    // The parser has seen to one of the three.
    return (await import('../adapters/exec-provider.ts')).execProvider({ ...options, command: exec as readonly string[] });
  };
}
