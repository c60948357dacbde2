/**
 * The last line against secrets in logs: whoever logs names only what may be seen, and what nevertheless has the name or the form of a
 * secret is replaced here.
 */
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from './canonical-json.ts';

const REDACTED = '[redacted]';

/** Members whose value is a secret, whatever it looks like. */
const SECRET_MEMBER =
  /^(?:.*[_-])?(?:token|secret|token_?secret|pass(?:word|phrase)|authorization|cookie|private_?key|key_pem|certificate_?(?:data|password))$/i;

/** Forms: private keys, JWS and JWE, the secure, K3s, OmniRelay and kubeadm tokens (FORMATS 1). */
const SECRET_FORMS: readonly RegExp[] = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
  /eyJ[\w-]{8,}(?:\.[\w-]*){2,4}/g,
  /K10[0-9a-f]{64}::[^\s"]+/g,
  /[0-9a-f]{64}:[0-9a-f]{64}/g,
  /[A-Za-z0-9+/]{40,}={0,2}\.[A-Za-z0-9+/]{43}=/g,
  /(?<![\w.-])[a-z0-9]{6}\.[a-z0-9]{16}(?![\w.-])/g,
];

/** `text` with everything in it that has the form of a secret replaced. */
export function redactText(text: string): string {
  return SECRET_FORMS.reduce((rest, form) => rest.replace(form, REDACTED), text);
}

/** A copy without secrets, by name of the member and by form of the text. */
export function redact(fields: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value !== undefined && SECRET_MEMBER.test(name) ? REDACTED : redactValue(value)]),
  );
}

function redactValue(value: JsonValue | undefined): JsonValue | undefined {
  if (typeof value === 'string') return redactText(value);
  if (value !== undefined && isJsonArray(value)) return value.map((item) => redactValue(item) as JsonValue);
  return isJsonObject(value) ? redact(value) : value;
}
