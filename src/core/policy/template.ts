/** Templates of identities and DNS names: placeholders stand for names, so that what a template gives has a shape that was checked when it was loaded. */
import { isName, isTrustDomain } from '../names.ts';

/** What a template is filled with. */
export interface TemplateValues {
  readonly trustDomain: string;
  readonly cluster: string;
  readonly role: string;
  readonly nodeId: string;
}

export type Placeholder = keyof TemplateValues;

const PLACEHOLDERS: readonly Placeholder[] = ['trustDomain', 'cluster', 'role', 'nodeId'];

export const DEFAULT_IDENTITY_TEMPLATE = 'spiffe://{trustDomain}/{cluster}/{role}/{nodeId}';

/** Literal text, or the placeholder in its place. */
export type TemplatePart = { readonly literal: string } | { readonly placeholder: Placeholder };

/** @returns the parts, or undefined for a brace that is no placeholder's. */
export function templateParts(template: string): readonly TemplatePart[] | undefined {
  const parts = template.split(/(\{[A-Za-z]+\})/).filter((part) => part !== '');
  const read = parts.map(partOf);
  return read.includes(undefined) ? undefined : (read as readonly TemplatePart[]);
}

function partOf(part: string): TemplatePart | undefined {
  if (!/[{}]/.test(part)) return { literal: part };
  const placeholder = PLACEHOLDERS.find((name) => part === `{${name}}`);
  return placeholder && { placeholder };
}

const KNOWN = PLACEHOLDERS.map((name) => `{${name}}`).join(' ');
/** With it no filled identity is over SPIFFE-ID's 2048 octets. */
const MAX_PLACEHOLDERS = 8;

/** Why the text cannot be the template of a SPIFFE ID, or undefined. */
export function identityTemplateIssue(template: string): string | undefined {
  const [, authority = '', path = ''] = /^spiffe:\/\/([^/]*)((?:\/[^/]+)+)$/.exec(template) ?? [];
  if (path === '') return 'expected spiffe://{trustDomain}/ and a path, without a slash at its end, found another form';
  if (authority !== '{trustDomain}' && !isTrustDomain(authority))
    return 'expected {trustDomain} or the trust domain itself after spiffe://, found something else';
  const parts = templateParts(path);
  if (parts === undefined) return `expected braces around placeholders only (${KNOWN}), found others`;
  if (parts.some((part) => 'placeholder' in part && part.placeholder === 'trustDomain'))
    return 'expected {trustDomain} after spiffe:// only, found it in the path';
  if (parts.filter((part) => 'placeholder' in part).length > MAX_PLACEHOLDERS)
    return `expected at most ${MAX_PLACEHOLDERS} placeholders, found more`;
  return path
    .split('/')
    .slice(1)
    .map((segment, index) => segmentIssue(segment, index))
    .find((issue) => issue !== undefined);
}

function segmentIssue(segment: string, index: number): string | undefined {
  const literal = segment.replace(/\{[A-Za-z]+\}/g, 'x');
  if (!/^[A-Za-z0-9._-]+$/.test(literal) || literal === '.' || literal === '..')
    return 'expected path segments of A-Z a-z 0-9 . _ - and placeholders (not . or ..), found another';
  return index === 0 && isReserved(segment) ? 'expected another path than /joinery/, which is reserved, found it' : undefined;
}

/** Administrators and joinery's own services (FORMATS 0), whatever the case. */
function isReserved(segment: string): boolean {
  return segment.toLowerCase() === 'joinery';
}

const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Why the text cannot be the template of a DNS name, or undefined. A placeholder stays below a domain that the policy names. */
export function dnsTemplateIssue(template: string): string | undefined {
  const parts = templateParts(template);
  if (parts === undefined) return `expected braces around placeholders only (${KNOWN}), found others`;
  if (parts.some((part) => 'placeholder' in part && part.placeholder === 'trustDomain'))
    return 'expected no {trustDomain} in a DNS name, found it';
  const labels = template.split('.');
  if (!labels.every((label) => LABEL.test(label.replace(/\{[A-Za-z]+\}/g, 'x'))))
    return 'expected a DNS name in lower case without wildcard, found another form';
  const literal = labels.slice(labels.findLastIndex((label) => label.includes('{')) + 1);
  if (literal.length < labels.length && literal.length < 2)
    return 'expected a domain of two labels or more after the last placeholder, found less: a node could name itself anything';
  return /^\d+$/.test(labels.at(-1) as string) ? 'expected a DNS name, found what looks like an address' : undefined;
}

export type FillTemplate = (values: TemplateValues) => { readonly value: string } | { readonly issue: string };

/** @param template one of which {@link identityTemplateIssue} finds nothing. */
export function identityFiller(template: string): FillTemplate {
  const fill = filler(template);
  const [, authority, first] = template.split(/\/+/) as [string, string, string];
  const fillFirst = filler(first);
  return (values) => {
    const wrong = wrongName(values);
    if (wrong !== undefined) return { issue: wrong };
    if (authority !== '{trustDomain}' && authority !== values.trustDomain)
      return { issue: `identityTemplate: expected the trust domain ${values.trustDomain}, found ${authority}` };
    if (isReserved(fillFirst(values))) return { issue: 'identityTemplate: expected another path than /joinery/, which is reserved' };
    return { value: fill(values) };
  };
}

/** @param template one of which {@link dnsTemplateIssue} finds nothing. Filled with a name that is no DNS label it is an issue, never another name. */
export function dnsFiller(template: string): FillTemplate {
  const labels = template.split('.').map((label) => filler(label));
  return (values) => {
    const filled = labels.map((label) => label(values));
    const wrong = filled.find((label) => !LABEL.test(label));
    if (wrong === undefined && filled.join('.').length <= 253) return { value: filled.join('.') };
    return {
      issue: `dnsNames: expected ${template} filled with DNS labels in lower case, found ${JSON.stringify((wrong ?? '').slice(0, 80))}`,
    };
  };
}

function wrongName(values: TemplateValues): string | undefined {
  const member = (['cluster', 'role', 'nodeId'] as const).find((candidate) => !isName(values[candidate]));
  return member && `${member}: expected 1 to 63 of A-Z a-z 0-9 . _ - (not . or ..), found another name`;
}

function filler(template: string): (values: TemplateValues) => string {
  const parts = templateParts(template) as readonly TemplatePart[];
  return (values) => parts.map((part) => ('literal' in part ? part.literal : values[part.placeholder])).join('');
}
