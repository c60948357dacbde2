/**
 * Runs stories: commands in a shell, with the built joinery (or the executable of JOINERY_BIN) and its Node.js on the PATH, in a directory of their own, held against what they print.
 *
 *   $ command          run in bash, in the story's directory; variables that it exports stay for the commands after it
 *   text               expected on stdout, line by line
 *   2| text            expected on stderr
 *   [exit 4]           expected exit status (0 where there is no such line)
 *   # text             a remark
 *
 * In an expected line `<anything>` stands for any characters; a line `...` stands for any lines.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { joineryWords } from '../fakes/joinery-command.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Step {
  readonly line: number;
  readonly command: string;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  readonly exit: number;
}

/** The steps of a story, or of all ```console blocks of a Markdown document. */
export function parseStory(text: string, markdown: boolean): Step[] {
  const steps: Step[] = [];
  let open = !markdown;
  let current: { line: number; command: string; stdout: string[]; stderr: string[]; exit: number } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    if (markdown && line.startsWith('```')) {
      open = line === '```console';
      current = undefined;
    } else if (open && line.startsWith('$ ')) {
      current = { line: index + 1, command: line.slice(2), stdout: [], stderr: [], exit: 0 };
      steps.push(current);
    } else if (open && current !== undefined) addExpectation(current, line);
  }
  return steps;
}

function addExpectation(step: { command: string; stdout: string[]; stderr: string[]; exit: number }, line: string): void {
  const exit = /^\[exit (\d+)\]$/.exec(line)?.[1];
  if (step.command.endsWith('\\') && step.stdout.length === 0) step.command = `${step.command.slice(0, -1)} ${line.trim()}`;
  else if (exit !== undefined) step.exit = Number(exit);
  else if (line.startsWith('2| ')) step.stderr.push(line.slice(3));
  else if (line !== '' && !line.startsWith('# ')) step.stdout.push(line);
}

/** The lines that are expected, as one pattern over the whole output. */
function patternOf(lines: readonly string[]): RegExp {
  const escaped = lines.map((line) =>
    line === '...'
      ? '(?:.*\\n)*?'
      : `${line
          .split(/<[^<>]*>/)
          .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
          .join('.*?')}\\n`,
  );
  return new RegExp(`^${escaped.join('')}$`);
}

export interface StepResult {
  readonly step: Step;
  readonly stdout: string;
  readonly stderr: string;
  readonly exit: number;
  readonly matches: boolean;
}

const withoutBlankLines = (text: string): string =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => `${line.trimEnd()}\n`)
    .join('');

/** Runs the steps one after the other in a new directory and removes it. Stops after the first step that differs, unless told to go on. */
export function runStory(steps: readonly Step[], toTheEnd = false): StepResult[] {
  const directory = mkdtempSync(join(tmpdir(), 'joinery-story-'));
  const bin = join(directory, '.bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'env'), '');
  symlinkSync(process.execPath, join(bin, 'node'));
  writeFileSync(join(bin, 'joinery'), `#!/bin/sh\nexec ${joineryWords()} "$@"\n`, { mode: 0o755 });
  // Compiled code is kept beside the program of the story, out of its sight.
  const cache = { XDG_CACHE_HOME: bin };
  const env = { ...cache, PATH: `${bin}:/usr/local/bin:/usr/bin:/bin`, HOME: directory, JOINERY_ACTOR: 'ops', TZ: 'UTC', LANG: 'C.UTF-8' };
  const results: StepResult[] = [];
  try {
    for (const step of steps) {
      const child = spawnSync(
        'bash',
        [
          '-c',
          `. .bin/env
${step.command}
status=$?; export -p > .bin/env; exit $status`,
        ],
        { cwd: directory, env, encoding: 'utf8', input: '', timeout: 60_000 },
      );
      const [stdout, stderr, exit] = [child.stdout, child.stderr, child.status ?? 128];
      const matches =
        exit === step.exit &&
        patternOf(step.stdout).test(withoutBlankLines(stdout)) &&
        patternOf(step.stderr).test(withoutBlankLines(stderr));
      results.push({ step, stdout, stderr, exit, matches });
      if (!matches && !toTheEnd) break;
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return results;
}

/** What differs, for a person. Empty when the story holds. */
export function explain(results: readonly StepResult[]): string {
  const failed = results.find((result) => !result.matches);
  if (failed === undefined) return '';
  const { step, stdout, stderr, exit } = failed;
  const expected = [...step.stdout, ...step.stderr.map((line) => `2| ${line}`), `[exit ${step.exit}]`].join('\n');
  const found = [
    stdout.trimEnd(),
    ...stderr
      .trimEnd()
      .split('\n')
      .map((line) => `2| ${line}`),
    `[exit ${exit}]`,
  ].join('\n');
  return `line ${step.line}: $ ${step.command}\n--- expected\n${expected}\n--- found\n${found}\n`;
}

export function readStory(path: string): Step[] {
  return parseStory(readFileSync(join(root, path), 'utf8'), path.endsWith('.md'));
}
