/**
 * The package as one shell script for a node with nothing but POSIX sh. Contents are base64 in quoted here-documents, paths and owners are
 * harmless words (values.ts): no text of the model is ever read as a command.
 */
import { decodeUtf8, fromBase64, utf8 } from '../../encoding.ts';
import type { NodeFile, NodePlan } from '../files.ts';
import { artifactOf, base64Lines, type Carried, type Format, malformed, octal } from './artifact.ts';

export const SHELL_PATH = 'setup.sh';
/** base64 comes in fours: no line of it is these seven letters. */
const END = 'JOINERY';

/** Base64 is decoded by coreutils, busybox, openssl or python3, whichever the node has. */
const HEAD = `#!/bin/sh
# Written by joinery: puts the files of an onboarding package in place and runs their setup, as root. Safe to run again.
set -eu
umask 077

decode() {
  if command -v base64 >/dev/null 2>&1; then base64 -d
  elif command -v openssl >/dev/null 2>&1; then openssl base64 -d
  else python3 -I -c 'import base64, sys; sys.stdout.buffer.write(base64.b64decode(sys.stdin.buffer.read()))'
  fi
}

# usage: file MODE OWNER PATH, with the content on stdin. A reader sees the old file or the new one.
file() {
  (umask 022 && mkdir -p "\${3%/*}")
  decode >"$3.tmp-$$"
  chmod "$1" "$3.tmp-$$"
  chown "$2" "$3.tmp-$$"
  mv -f "$3.tmp-$$" "$3"
}

`;

export const shell: Format = {
  encode: (plan) => [{ path: SHELL_PATH, bytes: utf8(scriptOf(plan)) }],
  decode: (artifacts) => parseScript(decodeUtf8(artifactOf(artifacts, SHELL_PATH), SHELL_PATH)),
};

function scriptOf({ secrets, files, command }: NodePlan): string {
  const { path, mode, owner } = secrets;
  const blocks = files.map((file) => `file ${octal(file.mode)} ${file.owner} ${file.path} <<'${END}'\n${base64Lines(file.bytes)}${END}\n`);
  const directory = `(umask 022 && mkdir -p ${path})\nchmod ${octal(mode)} ${path}\nchown ${owner} ${path}\n`;
  return `${HEAD}${directory}${blocks.join('')}${command.join(' ')}\n`;
}

const BLOCK = /^file (0[0-7]{3}) (\S{3,65}) (\/\S{1,240}) <<'JOINERY'$/;

/** By searching, not by one expression: the executable of an agent makes a block of many megabytes. */
function parseScript(text: string): Carried {
  const files: NodeFile[] = [];
  let at = text.indexOf('\nfile 0');
  while (at !== -1) {
    const start = text.indexOf('\n', at + 1);
    const end = text.indexOf(`\n${END}\n`, start);
    const [, mode, owner, path] = BLOCK.exec(text.slice(at + 1, start)) ?? [];
    if (mode === undefined || end === -1) throw malformed(SHELL_PATH, 'blocks that joinery wrote', 'another');
    const base64 = text.slice(start + 1, end).replaceAll('\n', '');
    files.push({ path: path as string, owner: owner as string, mode: Number.parseInt(mode, 8), bytes: fromBase64(base64, path) });
    at = text.indexOf('\nfile 0', end);
  }
  return { files };
}
