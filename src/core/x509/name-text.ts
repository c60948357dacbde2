/** Distinguished names from text (RFC 4514) and from attributes. */
import { JoineryError } from '../errors.ts';
import { TAG } from './der.ts';
import { oid, sequence, setOf, text } from './der-writer.ts';
import { ATTRIBUTE_TYPES } from './names.ts';

export type AttributeShortName = keyof typeof ATTRIBUTE_TYPES;

/** X.520 and RFC 5280 appendix A: types of a restricted character set. All others are UTF8String (RFC 5280 section 4.1.2.4). */
const PRINTABLE: ReadonlySet<string> = new Set(['C', 'serialNumber', 'dnQualifier']);
const IA5: ReadonlySet<string> = new Set(['DC', 'emailAddress']);
/** RFC 5280 appendix A, upper bounds in characters. */
const UPPER_BOUNDS: Readonly<Record<string, number>> = {
  CN: 64,
  O: 64,
  OU: 64,
  L: 128,
  ST: 128,
  C: 2,
  serialNumber: 64,
  emailAddress: 255,
};

const SYNTAX = 'attributes like CN=web-root,O=Example (RFC 4514)';

/** DER of a Name with one attribute in each relative name; `attributes` from the least specific on. */
export function writeName(attributes: readonly (readonly [AttributeShortName, string])[]): Uint8Array {
  return sequence(...attributes.map(writeRdn));
}

/** DER of a relative distinguished name of one attribute. */
export function writeRdn(attribute: readonly [AttributeShortName, string]): Uint8Array {
  return setOf(writeAttribute(attribute));
}

function writeAttribute([type, value]: readonly [AttributeShortName, string]): Uint8Array {
  const tag = PRINTABLE.has(type) ? TAG.printableString : IA5.has(type) ? TAG.ia5String : TAG.utf8String;
  return sequence(oid(ATTRIBUTE_TYPES[type]), text(tag, value));
}

/**
 * DER of the Name that RFC 4514 text says (the most specific part first). Known attribute types only, no `#hex` values.
 * @param what names it in the error: `--subject`.
 * @throws ERR_INPUT_MALFORMED
 */
export function parseNameText(input: string, what: string): Uint8Array {
  const rdns = splitUnescaped(input, ',').map((rdn) => {
    const attributes = splitUnescaped(rdn, '+').map((attribute) => parseAttribute(attribute, what));
    return setOf(...attributes.map(writeAttribute));
  });
  return sequence(...rdns.reverse());
}

function splitUnescaped(input: string, separator: string): string[] {
  const parts = [''];
  for (const [token] of input.matchAll(/\\?[^]/gu)) {
    if (token === separator) parts.push('');
    else parts[parts.length - 1] += token;
  }
  return parts;
}

function parseAttribute(attribute: string, what: string): readonly [AttributeShortName, string] {
  const [, written, escaped] = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/su.exec(attribute) ?? [];
  const types = Object.keys(ATTRIBUTE_TYPES) as AttributeShortName[];
  const type = types.find((known) => known.toLowerCase() === written?.toLowerCase());
  if (type === undefined || escaped === undefined) throw nameError(what, `expected ${SYNTAX} with ${types.join(', ')}`, attribute);
  const value = unescape(escaped, what);
  checkValue(type, value, what);
  return [type, value];
}

function unescape(escaped: string, what: string): string {
  if (/(?<!\\)(?:\\\\)*["<>;]|^#/.test(escaped))
    throw nameError(what, 'expected " < > ; and a first # with a backslash before them', escaped);
  return escaped.replace(/\\([0-9a-fA-F]{2}(?:\\[0-9a-fA-F]{2})*|[^])/gu, (whole, body: string) =>
    /^[0-9a-fA-F]{2}/.test(body) ? Buffer.from(whole.replaceAll('\\', ''), 'hex').toString('utf8') : body,
  );
}

function checkValue(type: AttributeShortName, value: string, what: string): void {
  const most = UPPER_BOUNDS[type] ?? 255;
  const { length } = Array.from(value);
  if (length < 1 || length > most) throw nameError(what, `expected 1 to ${most} characters for ${type}`, `${length}`);
  const plain = PRINTABLE.has(type) ? /^[A-Za-z0-9 '()+,./:=?-]*$/ : IA5.has(type) ? /^[\x20-\x7e]*$/ : /^[^\p{Cc}\ufffd]*$/u;
  if (!plain.test(value) || !value.isWellFormed() || (type === 'C' && !/^[A-Z]{2}$/.test(value))) {
    throw nameError(what, `expected characters that ${type} allows`, value);
  }
}

function nameError(what: string, message: string, found: string): JoineryError {
  return new JoineryError('ERR_INPUT_MALFORMED', `${what}: ${message}, found ${JSON.stringify(found.slice(0, 80))}`);
}
