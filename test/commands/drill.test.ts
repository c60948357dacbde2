import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli } from '../cli/harness.ts';

const home = mkdtempSync(join(tmpdir(), 'joinery-drill-'));
const joinery = (...argv: string[]) => runCli(['drill', ...argv], { cwd: home });
const at = (name: string): string => join(home, name);

describe('joinery drill', () => {
  it('lists and shows what comes with it', async () => {
    const listed = await joinery('list', '--json');
    const drills = listed.json().data['drills'] as { name: string }[];
    expect(drills.map(({ name }) => name)).toEqual([
      'cluster-certificate',
      'compromised-node',
      'faulty-trust',
      'issuing-ca',
      'policy-tampering',
      'renewal-outage',
      'stolen-token',
    ]);
    expect((await joinery('list')).stdout).toMatch(/^compromised-node +The key of a node was copied$/m);
    for (const { name } of drills) expect((await joinery('show', name)).stdout).toContain('objectives');
    const unknown = await joinery('show', 'compromised-nod', '--json');
    expect([unknown.exit, unknown.json().error]).toMatchObject([
      6,
      { code: 'ERR_DRILL_NOT_FOUND', hint: 'did you mean compromised-node?' },
    ]);
    expect((await joinery('run', 'zzzzzzzzzz')).stderr).toContain('joinery drill list');
  });

  it('runs one, writes log and reports, makes the reports again, and compares', async () => {
    const files = [
      '--report',
      at('r.html'),
      '--report',
      at('r.md'),
      '--report',
      at('r.txt'),
      '--report',
      at('r.json'),
      '--log',
      at('a.jsonl'),
    ];
    const ran = await joinery('run', 'stolen-token', '--simulate', '--nodes', '200', '--seed', '3', ...files);
    expect([ran.exit, ran.stdout]).toEqual([0, expect.stringContaining('every objective was met')]);
    for (const name of ['r.html', 'r.md', 'r.txt', 'r.json']) {
      const again = at(`again-${name}`);
      expect((await joinery('report', at('a.jsonl'), '--out', again)).stdout).toBe(`wrote ${again}\n`);
      expect(readFileSync(again, 'utf8')).toBe(readFileSync(at(name), 'utf8'));
    }
    expect((await joinery('report', at('a.jsonl'))).stdout).toBe(readFileSync(at('r.txt'), 'utf8'));
    expect((await joinery('report', at('a.jsonl'), '--format', 'markdown', '--json')).json().data['report']).toMatchObject({ met: true });
    expect((await joinery('replay', at('a.jsonl'))).stdout).toMatch(/^the same again: \d+ events of stolen-token, seed 3, 200 nodes\n$/);
    await joinery('run', 'stolen-token', '--nodes', '200', '--log', at('b.jsonl'));
    expect((await joinery('compare', at('a.jsonl'), at('b.jsonl'))).stdout).toMatch(/^attempts of the attacker that were accepted +3 +3$/m);
    const compared = await joinery('compare', at('a.jsonl'), at('b.jsonl'), '--json');
    expect(compared.json().data).toMatchObject({ first: { seed: 3 }, second: { seed: 1 } });
    writeFileSync(at('c.jsonl'), readFileSync(at('a.jsonl'), 'utf8').replace('"accepted":true', '"accepted":false'));
    expect((await joinery('replay', at('c.jsonl'))).exit).toBe(4);
  });

  it('ends with status 8 when an objective is missed', async () => {
    const { stdout } = await joinery('new', 'harder', '--from', 'compromised-node');
    writeFileSync(at('harder.yaml'), stdout.replace('evict_p50, at_most: 10s', 'evict_p50, at_most: 0'));
    const ran = await joinery('run', at('harder.yaml'), '--nodes', '100', '--json');
    expect([ran.exit, ran.json().data['report']]).toMatchObject([8, { name: 'harder', met: false }]);
    expect((await joinery('new', 'mine', '--out', at('mine.yaml'))).stdout).toBe(`wrote ${at('mine.yaml')}\n`);
    expect((await joinery('show', at('mine.yaml'))).exit).toBe(0);
  });

  it('takes the fleet from an inventory, also into a drill of its own', async () => {
    writeFileSync(at('fleet.csv'), 'node,region,certificate_age\nn1,eu,23h\nn2,us,1h\n');
    const ran = await joinery('run', 'stolen-token', '--inventory', at('fleet.csv'), '--log', at('f.jsonl'), '--report', at('f.html'));
    expect([ran.exit, ran.stdout]).toEqual([0, expect.stringMatching(/^us +1 +0 +0 +/m)]);
    expect((await joinery('replay', at('f.jsonl'))).stdout).toContain('seed 1, 2 nodes');
    await joinery('report', at('f.jsonl'), '--out', at('f-again.html'));
    expect(readFileSync(at('f-again.html'), 'utf8')).toBe(readFileSync(at('f.html'), 'utf8'));
    expect((await joinery('new', 'ours', '--from', 'stolen-token', '--inventory', at('fleet.csv'), '--out', at('ours.json'))).exit).toBe(0);
    expect(readFileSync(at('ours.json'), 'utf8')).toContain('\n      {"node":"n1","region":"eu","certificate_age":"23h"},\n');
    expect((await joinery('run', at('ours.json'), '--json')).json().data['report']).toMatchObject({ name: 'ours', nodes: 2 });
    expect((await joinery('run', at('ours.json'), '--nodes', '3')).exit).toBe(3);
    writeFileSync(at('wrong.csv'), 'node,region\nn1,eu\nn2\n');
    const wrong = await joinery('run', 'stolen-token', '--inventory', at('wrong.csv'), '--json');
    expect([wrong.exit, wrong.json().error]).toMatchObject([
      3,
      { code: 'ERR_DRILL_INVENTORY', message: expect.stringMatching(/wrong\.csv, line 3: expected 2 cells, found 1$/) },
    ]);
    expect((await joinery('run', 'stolen-token', '--inventory', at('fleet.csv'), '--nodes', '5')).exit).toBe(2);
  });

  it('goes by decisions that were taken before, and asks for some on a terminal only', async () => {
    const decision = { phase: 1, step: 0, do: 'act', late: 3600, note: 'asleep' };
    writeFileSync(
      at('answers.json'),
      JSON.stringify({ schema: 'joinery/drill-answers/1', drill: 'compromised-node', decisions: [decision] }),
    );
    const ran = await joinery('run', 'compromised-node', '--nodes', '50', '--answers', at('answers.json'));
    expect(ran.stdout).toMatch(/^ +9h +step +what the attacker holds certificates for is revoked: 1 node\(s\) - asleep$/m);
    const asked = await joinery('run', 'compromised-node', '--interactive', '--json');
    expect([asked.exit, asked.json().error]).toMatchObject([
      2,
      { code: 'ERR_USAGE_NO_TERMINAL', hint: expect.stringContaining('--answers') },
    ]);
    expect((await joinery('run', 'faulty-trust', '--answers', at('answers.json'))).exit).toBe(3);
  });

  it('refuses reports without a form, documents that are none, and names that are none', async () => {
    expect((await joinery('run', 'stolen-token', '--report', 'report')).exit).toBe(2);
    writeFileSync(at('bad.yaml'), 'schema: joinery/drill/1\n');
    expect((await joinery('show', at('bad.yaml'))).exit).toBe(3);
    expect((await joinery('new', '../x')).exit).toBe(3);
    const piped = await runCli(['drill', 'show', '-'], { stdin: readFileSync(at('mine.yaml'), 'utf8') });
    expect(piped.exit).toBe(0);
  });
});
