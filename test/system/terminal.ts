/** A real terminal: tmux types the keys and reads the screen. Needs the Debian package tmux. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { joineryWords } from '../fakes/joinery-command.ts';

export interface TestTerminal {
  /** Directory in which commands run. */
  readonly home: string;
  /** Types keys by their names (`Down`, `C-c`), or text that is no name of one. */
  keys(...typed: string[]): void;
  /** Types text as it is, and Enter. */
  line(text: string): void;
  /** Waits until the screen shows what is expected, and gives it. */
  shows(expected: RegExp): Promise<string>;
  /** Runs joinery on a screen of its own; its status is shown as `status=N`. */
  start(words: string): Promise<void>;
  remove(): void;
}

export function openTerminal(): TestTerminal {
  const home = mkdtempSync(join(tmpdir(), 'joinery-terminal-'));
  const tmux = (...argv: string[]): string =>
    execFileSync('tmux', ['-S', join(home, 'tmux'), '-f', '/dev/null', ...argv], { encoding: 'utf8' });
  const screen = (): string => tmux('capture-pane', '-p', '-J', '-S', '-200', '-t', 'drill');
  const keys = (...typed: string[]): void => void tmux('send-keys', '-t', 'drill', ...typed);
  tmux('new-session', '-d', '-s', 'drill', '-x', '160', '-y', '50', '-c', home, 'env', 'PS1=$ ', 'sh');
  const terminal: TestTerminal = {
    home,
    keys,
    line(text) {
      keys('-l', text);
      keys('Enter');
    },
    async shows(expected) {
      for (let tries = 0; tries < 600; tries++) {
        const found = screen();
        if (expected.test(found)) return found;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      throw new Error(`expected ${String(expected)}, found\n${screen()}`);
    },
    async start(words) {
      keys('clear; echo "ready"', 'Enter');
      await terminal.shows(/^ready$/m);
      // What the last command left is not taken for what this one shows.
      tmux('send-keys', '-R', '-t', 'drill');
      tmux('clear-history', '-t', 'drill');
      terminal.line(`${joineryWords()} ${words}; echo "status=$?"`);
    },
    remove() {
      tmux('kill-server');
      rmSync(home, { recursive: true });
    },
  };
  return terminal;
}
