import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { joineryCommand } from '../fakes/joinery-command.ts';

/** The report of a drill in a real browser: needs the Debian package chromium. */
const home = mkdtempSync(join(tmpdir(), 'joinery-report-'));
const [run, ...first] = joineryCommand();
const page = join(home, 'report.html');

beforeAll(() => {
  execFileSync(run, [...first, 'drill', 'run', 'compromised-node', '--nodes', '1000', '--report', page]);
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

function browse(...more: string[]): { readonly log: string; readonly dom: string } {
  const quiet = ['--disable-background-networking', '--disable-component-update', '--no-first-run', '--disable-sync', '--disable-gpu'];
  const profile = mkdtempSync(join(home, 'profile-'));
  const { error, stdout, stderr } = spawnSync(
    'chromium',
    ['--headless=new', '--no-sandbox', ...quiet, `--user-data-dir=${profile}`, '--enable-logging=stderr', ...more, `file://${page}`],
    { encoding: 'utf8', timeout: 120_000 },
  );
  if (error !== undefined) throw new Error(`chromium: ${error.message} (the packages are listed in .ci/run)`);
  return { log: stderr, dom: stdout };
}

test('draws its curves, runs nothing, says nothing on the console, and asks nobody for anything', () => {
  const net = join(home, 'net.json');
  const { log, dom } = browse('--dump-dom', `--log-net-log=${net}`);
  expect(dom.match(/<svg/g)).toHaveLength(3);
  expect(dom.match(/<polyline/g)?.length).toBeGreaterThanOrEqual(5);
  expect(log).not.toMatch(/CONSOLE|Content Security Policy/);
  const asked = readFileSync(net, 'utf8').match(/"url":"https?:[^"]*"/g) ?? [];
  expect(asked.filter((url) => !/google(apis)?\.com|gvt1\.com|chrome/.test(url))).toEqual([]);
});

test.each([
  ['light', []],
  ['dark', ['--force-dark-mode']],
])('has a %s look', (name, flags) => {
  const file = join(home, `${name}.png`);
  browse(...flags, '--hide-scrollbars', '--window-size=1000,1500', `--screenshot=${file}`);
  expect(statSync(file).size).toBeGreaterThan(20_000);
});

test('looks different in light and dark, and prints', () => {
  expect(readFileSync(join(home, 'light.png')).equals(readFileSync(join(home, 'dark.png')))).toBe(false);
  const pdf = join(home, 'report.pdf');
  browse(`--print-to-pdf=${pdf}`);
  expect(readFileSync(pdf).subarray(0, 5).toString()).toBe('%PDF-');
});
