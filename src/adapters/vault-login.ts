/** How joinery proves itself to Vault: a token from a file, or a login whose token is kept until two thirds of its lease. Secrets stand in files only. */
import { type JsonObject, type JsonValue } from '../core/canonical-json.ts';
import { decodeUtf8 } from '../core/encoding.ts';
import { JoineryError } from '../core/errors.ts';
import type { VaultConfig } from '../core/realm/provider-config.ts';
import { Secret } from '../core/secret.ts';
import { systemFiles } from './files.ts';
import { systemTimer } from './timer.ts';
import { memberOf } from './vault-api.ts';

export interface VaultLogin {
  token(): Promise<Secret>;
  /** The token was refused: the next one is another, where that can be. */
  forget(): void;
}

const MAX_SECRET = 64 * 1024;
/** For a lease that never ends. */
const HOUR_MS = 3_600_000;

/**
 * @param path of a file of the configuration. @param post to `auth/...`. @param what names the provider.
 * @throws ERR_PROVIDER_UNAVAILABLE for a file that cannot be read, and what `post` throws
 */
export function vaultLogin(
  auth: VaultConfig['auth'],
  { path, what }: { readonly path: (file: string) => string; readonly what: string },
  post: (path: string, body: JsonObject) => Promise<JsonValue>,
): VaultLogin {
  const secret = (file: string) => readSecret(path(file), what);
  let held: { readonly token: Promise<Secret>; until: number } | undefined;
  const login = async (): Promise<Secret> => {
    const started = systemTimer.elapsed();
    const answer = await logIn(auth, secret, post);
    const token = memberOf(answer, 'auth', 'client_token');
    const lease = memberOf(answer, 'auth', 'lease_duration');
    if (typeof token !== 'string' || token === '')
      throw new JoineryError('ERR_PROVIDER_CERTIFICATE', `${what}: expected auth.client_token in the answer to the login, found none`);
    const ms = typeof lease === 'number' && lease > 0 ? (lease * 1000 * 2) / 3 : HOUR_MS;
    if (held !== undefined) held.until = started + ms;
    return new Secret(token);
  };
  return {
    token() {
      // Whoever keeps the file fresh has seen to its lease.
      if (auth.token_file !== undefined) return secret(auth.token_file);
      if (held !== undefined && systemTimer.elapsed() < held.until) return held.token;
      const fresh = { token: Promise.resolve().then(login), until: Number.POSITIVE_INFINITY };
      held = fresh;
      fresh.token.catch(() => {
        if (held === fresh) held = undefined;
      });
      return fresh.token;
    },
    forget() {
      held = undefined;
    },
  };
}

async function logIn(
  { approle, kubernetes, jwt }: VaultConfig['auth'],
  secret: (file: string) => Promise<Secret>,
  post: (path: string, body: JsonObject) => Promise<JsonValue>,
): Promise<JsonValue> {
  if (approle !== undefined) {
    const [role, id] = [await secret(approle.role_id_file), await secret(approle.secret_id_file)];
    return post(`auth/${approle.mount ?? 'approle'}/login`, { role_id: role.reveal(), secret_id: id.reveal() });
  }
  // The parser has seen to one of them.
  const { mount, role, jwt_file: file } = (kubernetes ?? jwt) as NonNullable<typeof jwt>;
  const token = await secret(file);
  return post(`auth/${mount ?? (kubernetes === undefined ? 'jwt' : 'kubernetes')}/login`, { role, jwt: token.reveal() });
}

async function readSecret(file: string, what: string): Promise<Secret> {
  try {
    return new Secret(decodeUtf8(await systemFiles.read(file, MAX_SECRET), file).trim());
  } catch (cause) {
    throw new JoineryError('ERR_PROVIDER_UNAVAILABLE', `${what}: ${(cause as Error).message}`, { cause });
  }
}
