/**
 * The package as cloud-init user-data. The body is JSON, which YAML 1.1 reads alike while none of its traps (0600, on, yes, 12:34,
 * anchors) exist. A content of printable ASCII is a JSON string, which compresses to half of its base64; any other is base64: no text of
 * the model can become structure. Keys are few and none is deprecated.
 */
import { type JsonObject, type JsonValue, parseStrictJson } from '../../canonical-json.ts';
import { decodeUtf8, fromBase64, utf8 } from '../../encoding.ts';
import { array, object, oneOf, optional, type Parsed, parseDocument, record, string } from '../../parse.ts';
import type { NodeFile, NodePlan } from '../files.ts';
import { fileOwner, nodePath } from '../values.ts';
import { artifactOf, base64Of, type Carried, type Format, malformed, octal } from './artifact.ts';

const HEADER = '#cloud-config\n';
const WHAT = 'user-data';
/** vSphere's limit is the largest that is documented (limits.ts); nothing bigger is ever rendered as user-data. */
export const MAX_USER_DATA_BYTES = 524288;

/** A later part would replace our lists; appending works only when it is asked for by the later part, which ours is (cloud-init, merging). */
const MERGE_HOW: readonly JsonObject[] = [
  { name: 'list', settings: ['append'] },
  { name: 'dict', settings: ['no_replace', 'recurse_list'] },
];

export const cloudConfig: Format = {
  encode: (plan) => [{ path: 'user-data', bytes: utf8(cloudConfigText(plan)) }],
  wrap: (text) => [{ path: 'user-data', ...text }],
  decode: (artifacts) => parseCloudConfig(decodeUtf8(artifactOf(artifacts, 'user-data'), WHAT)),
};

/** @returns the user-data: ASCII, LF, one final newline. */
export function cloudConfigText({ secrets, files, command }: NodePlan): string {
  const [user, group] = secrets.owner.split(':');
  const body = {
    // On every boot, before a file is written: write_files makes parents 0755 and a file before its mode is set.
    bootcmd: [['install', '-d', '-m', octal(secrets.mode), '-o', user, '-g', group, secrets.path]],
    write_files: files.map((file) => ({
      path: file.path,
      owner: file.owner,
      permissions: octal(file.mode),
      ...contentOf(file.bytes),
    })),
    runcmd: [command],
    merge_how: MERGE_HOW,
  };
  return `${HEADER}${JSON.stringify(body, null, 1)}\n`;
}

/** What JSON and YAML 1.1 read alike between quotes, escaped as JSON has it. */
const PLAIN = /^[\x20-\x7e\n]*$/;

function contentOf(bytes: Uint8Array): { readonly encoding?: 'b64'; readonly content: string } {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  return PLAIN.test(text) ? { content: text } : { encoding: 'b64', content: base64Of(bytes) };
}

const commands = array(array(string({ maxLength: 4096 }), { maxItems: 100 }), { maxItems: 10 });
const document = object({
  bootcmd: commands,
  write_files: array(
    object({
      path: nodePath(),
      owner: fileOwner(),
      permissions: oneOf(['0600', '0640', '0644', '0755']),
      encoding: optional(oneOf(['b64'])),
      content: string({ maxLength: MAX_USER_DATA_BYTES }),
    }),
    { maxItems: 100 },
  ),
  runcmd: commands,
  merge_how: array(record({ schema: {}, read: (value) => value as JsonValue }), { maxItems: 10 }),
});

export function parseCloudConfig(text: string): Carried {
  if (!text.startsWith(HEADER)) throw malformed(`${WHAT}, line 1`, '#cloud-config', 'something else');
  const json = parseStrictJson(text.slice(HEADER.length), WHAT, { maxLength: MAX_USER_DATA_BYTES, maxDepth: 8 });
  return { files: parseDocument(document, json, WHAT, 'ERR_PACKAGE_MALFORMED').write_files.map(readFile) };
}

function readFile({ path, owner, permissions, encoding, content }: Parsed<typeof document>['write_files'][number]): NodeFile {
  const bytes = encoding === 'b64' ? fromBase64(content, path) : utf8(content);
  return { path, owner, mode: Number.parseInt(permissions, 8), bytes };
}
