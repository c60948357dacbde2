/** What a certification request asks for, beside what its certificate gets, and by which rule: nothing is copied without one. */
import type { CertificationRequest } from './csr.ts';
import type { AlternativeName } from './extension-writer.ts';
import { type GeneralName, generalNameText } from './general-names.ts';
import { parseAlternativeName } from './alternative-names.ts';
import { OID, oidText } from './oids.ts';
import { type CertificateProfile, equalAlternativeNames } from './profiles.ts';
import { leafKeyUsage } from './template.ts';

export interface RequestComparison {
  /** `subject`, `subjectAltName`, `keyUsage`, ... */
  readonly item: string;
  /** Left out for what was not asked for. */
  readonly asked?: string;
  /** Left out for what was asked for and is not given. */
  readonly granted?: string;
  readonly rule: string;
}

/**
 * The names of a request that the profile lets through, when the operator says that names may come from it.
 * @throws ERR_CERTIFICATE_NAME for one that is not well-formed.
 */
export function requestedNames(csr: CertificationRequest, profile: CertificateProfile): readonly AlternativeName[] {
  const wanted = (csr.extensions.subjectAltName ?? []).filter(isAlternativeName);
  return wanted
    .filter(({ kind }) => profile.fromRequest.includes(kind))
    .map((name) => (name.kind === 'ip' ? name : parseAlternativeName(name.kind, name.value, `request, subjectAltName ${name.kind}`)));
}

function isAlternativeName(name: GeneralName): name is AlternativeName {
  return ['dns', 'ip', 'uri', 'email'].includes(name.kind);
}

export interface Granted {
  readonly profile: CertificateProfile;
  /** RFC 4514. */
  readonly subject: string;
  readonly names: readonly AlternativeName[];
  /** How the operator chose the names. */
  readonly source: 'operator' | 'request';
}

/** Every wish of the request and every thing that the certificate gets, one row each. */
export function compareRequest(csr: CertificationRequest, granted: Granted): readonly RequestComparison[] {
  return [subjectRow(csr, granted), ...nameRows(csr, granted), ...extensionRows(csr, granted), ...attributeRows(csr)];
}

function subjectRow(csr: CertificationRequest, { subject }: Granted): RequestComparison {
  const asked = csr.subject.text === '' ? {} : { asked: csr.subject.text };
  return { item: 'subject', ...asked, granted: subject, rule: 'never from the request: --subject, or made from the names' };
}

function nameRows(csr: CertificationRequest, { names, profile, source }: Granted): RequestComparison[] {
  const wanted = csr.extensions.subjectAltName ?? [];
  const given = (name: GeneralName): boolean => isAlternativeName(name) && names.some((other) => equalAlternativeNames(other, name));
  const asked = wanted.map((name): RequestComparison => {
    const text = generalNameText(name);
    if (given(name))
      return {
        item: 'subjectAltName',
        asked: text,
        granted: text,
        rule: source === 'request' ? 'names from the request' : 'named by the operator',
      };
    return { item: 'subjectAltName', asked: text, rule: refusalOf(name, profile, source) };
  });
  const asText = new Set(wanted.map(generalNameText));
  const added = names.map(generalNameText).filter((text) => !asText.has(text));
  return [
    ...asked,
    ...added.map((text) => ({
      item: 'subjectAltName',
      granted: text,
      rule: profile.always.length === 0 ? 'named by the operator' : `named by the operator or always in profile ${profile.name}`,
    })),
  ];
}

function refusalOf({ kind }: GeneralName, { name, fromRequest }: CertificateProfile, source: Granted['source']): string {
  const possible = (fromRequest as readonly string[]).includes(kind);
  if (possible && source === 'operator') return 'not named by the operator';
  return possible ? 'not in the certificate' : `profile ${name} takes no ${kind} name from a request`;
}

/** Extensions that say what a key may be used for; all others of a request are refused in one row each. */
const SHOWN: Readonly<Record<string, string>> = {
  [OID.basicConstraints]: 'basicConstraints',
  [OID.keyUsage]: 'keyUsage',
  [OID.extKeyUsage]: 'extKeyUsage',
};

function extensionRows(csr: CertificationRequest, { profile }: Granted): RequestComparison[] {
  const { basicConstraints, keyUsage, extKeyUsage, list } = csr.extensions;
  const rule = `fixed by profile ${profile.name}`;
  const asked: Readonly<Record<string, string | undefined>> = {
    basicConstraints: basicConstraints && `CA:${basicConstraints.cA ? 'TRUE' : 'FALSE'}`,
    keyUsage: keyUsage && [...keyUsage].join(', '),
    extKeyUsage: extKeyUsage?.map(oidText).join(', '),
  };
  const granted: Readonly<Record<string, string>> = {
    basicConstraints: 'CA:FALSE',
    keyUsage: leafKeyUsage(profile.usage, csr.publicKey.key.kind).join(', '),
    extKeyUsage: profile.usage.extKeyUsage.map(oidText).join(', '),
  };
  const fixed = Object.values(SHOWN).map((item) => ({
    item,
    ...(asked[item] !== undefined && { asked: asked[item] }),
    granted: granted[item] as string,
    rule,
  }));
  const others = list.filter(({ oid }) => SHOWN[oid] === undefined && oid !== OID.subjectAltName);
  return [...fixed, ...others.map(({ oid }) => ({ item: 'extension', asked: oidText(oid), rule: 'never from a request' }))];
}

function attributeRows(csr: CertificationRequest): RequestComparison[] {
  return csr.otherAttributes.map((oid) => ({ item: 'attribute', asked: oid, rule: 'attributes of a request are not read' }));
}
