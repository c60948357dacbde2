/**
 * The package as the last part of a MIME multipart document (RFC 2046), after parts of the operator's own. cloud-init merges later into
 * earlier, by the `merge_how` of the later: ours comes last and appends, so neither replaces the other.
 */
import { decodeUtf8, fromBase64, utf8 } from '../../encoding.ts';
import type { NodePlan } from '../files.ts';
import type { UserPart } from '../model.ts';
import { type Artifact, artifactOf, base64Lines, type Carried, type Format, malformed } from './artifact.ts';
import { cloudConfigText, parseCloudConfig } from './cloud-config.ts';

/** Bodies are base64, in which no line starts with two dashes. */
const BOUNDARY = 'joinery-package';
const HEAD = `Content-Type: multipart/mixed; boundary="${BOUNDARY}"\nMIME-Version: 1.0\n\n`;
const OURS = 'joinery.cfg';
const WHAT = 'user-data';

export const multipart: Format = {
  encode: (plan) => document(utf8(cloudConfigText(plan)), plan),
  wrap: ({ bytes }, plan) => document(bytes, plan),
  decode: (artifacts) => parseMultipart(decodeUtf8(artifactOf(artifacts, 'user-data'), WHAT)),
};

function document(bytes: Uint8Array, { parts }: NodePlan): readonly Artifact[] {
  const ours: UserPart = { name: OURS, type: 'text/cloud-config', bytes };
  return [{ path: 'user-data', bytes: utf8(`${HEAD}${[...parts, ours].map(partText).join('')}--${BOUNDARY}--\n`) }];
}

function partText({ name, type, bytes }: UserPart): string {
  const head = `Content-Type: ${type}; charset="utf-8"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename="${name}"\n`;
  return `--${BOUNDARY}\n${head}\n${base64Lines(bytes)}`;
}

export function isMultipart(text: string): boolean {
  return text.startsWith(HEAD);
}

const PART =
  /^--joinery-package\nContent-Type: (text\/cloud-config|text\/x-shellscript); charset="utf-8"\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename="([A-Za-z0-9._-]{1,100})"\n\n((?:[A-Za-z0-9+/=]{1,76}\n)*)/gm;

function parseMultipart(text: string): Carried {
  const parts = [...text.matchAll(PART)].map(([, type, name, body]): UserPart => {
    const base64 = (body as string).replaceAll('\n', '');
    return { name: name as string, type: type as UserPart['type'], bytes: fromBase64(base64, `${WHAT}: ${name}`) };
  });
  const ours = parts.pop();
  if (ours?.name !== OURS) throw malformed(WHAT, `${OURS} as the last part`, 'another');
  return { ...parseCloudConfig(decodeUtf8(ours.bytes, OURS)), parts };
}
