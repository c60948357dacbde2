import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/canonical-json.ts';
import { ALWAYS, FLAG, makeFleet } from '../../../src/core/drill/fleet.ts';
import { MAX_FLEET, parseInventory, withInventory } from '../../../src/core/drill/inventory.ts';
import { parseScenario, regionsOf } from '../../../src/core/drill/scenario.ts';
import { JoineryError } from '../../../src/core/errors.ts';

const CSV = `# who we are

node,region,skew,offline_percent,offline_for,certificate_life,certificate_age,stream
eu-1,eu,-5m,,,,,true
eu-2,eu,0,10,1h,12h,11h,false
us-1, us ,90s,100,30d,,20h,\r
`;
const JSONL = `{"node":"eu-1","region":"eu","skew":"-5m","stream":true}
{"node":"eu-2","region":"eu","skew":"0","offline_percent":10,"offline_for":"1h","certificate_life":"12h","certificate_age":"11h","stream":false}
# the other side
{"node":"us-1","region":"us","skew":"90s","offline_percent":100,"offline_for":"30d","certificate_age":"20h"}
`;

const document = (fleet: JsonObject, more: JsonObject = {}): JsonObject => ({
  schema: 'joinery/drill/1',
  name: 'smallest',
  title: 't',
  duration: '1d',
  fleet: { nodes: 10, ...fleet },
  phases: [{ phase: 'prepare' }],
  objectives: [{ metric: 'alerts', at_most: 0 }],
  ...more,
});

describe('an inventory', () => {
  it('is the same as CSV and as JSON lines', () => {
    const rows = parseInventory(CSV, 'f');
    expect(rows).toHaveLength(3);
    expect(parseInventory(JSONL, 'f')).toEqual(rows);
  });

  it('makes the fleet, in the place of what the drill would draw', () => {
    const regions = [{ name: 'elsewhere', share: 1 }];
    const drawn = document({ regions, offline_percent: 50, offline_for: '2h', certificate_life: '10h', skewed_percent: 100, skew: '1h' });
    const { fleet } = parseScenario(withInventory(drawn, parseInventory(CSV, 'f')), 'd');
    expect([fleet.nodes, regionsOf(fleet)]).toEqual([3, ['eu', 'us']]);
    const made = makeFleet({ fleet }, 3, 1);
    expect([...made.region]).toEqual([0, 0, 1]);
    expect([...made.skew]).toEqual([-300, 0, 90]);
    expect([...made.life]).toEqual([36000, 43200, 36000]);
    expect([...made.issuedAt].slice(1)).toEqual([-39600, -72000]);
    expect([...made.expiresAt].slice(1)).toEqual([3600, -36000]);
    expect([...made.offlineFor]).toEqual([7200, 3600, 2592000]);
    expect([...made.onlineFor]).toEqual([7200, 32400, 0]);
    expect([0, 1].map((node) => made.has(node, FLAG.STREAMS))).toEqual([true, false]);
    expect(made.has(2, FLAG.OFFLINE)).toBe(true);
    const still = parseScenario(withInventory(document({}), parseInventory('node\na', 'f')), 'd');
    expect([...makeFleet(still, 1, 1).onlineFor]).toEqual([ALWAYS]);
    expect(regionsOf(still.fleet)).toEqual([]);
  });

  it.each([
    ['no header', 'eu-1,eu\n', 'f, line 1: expected a header with node and any of region, skew'],
    ['an unknown column', 'node,colour\na,red\n', 'f, line 1: expected a header'],
    ['a column twice', 'node,region,region\na,b,c\n', 'f, line 1: expected a header'],
    ['nothing', '', 'f, line 1: expected a header'],
    ['a header alone', '\nnode\n', 'f: expected 1 to 100000 nodes, found 0'],
    ['a cell too many', 'node,region\na,b\nc,d,e\n', 'f, line 3: expected 2 cells, found 3'],
    ['a quote', 'node\n"a"\n', 'f, line 2: node: expected 1 to 63'],
    ['no name', 'node,region\n,eu\n', 'f, line 2: node: expected'],
    ['a node twice', 'node\na\n\na\n', 'f, line 4: expected each node once, found that of line 2 again'],
    ['a share above all', 'node,offline_percent\na,101\n', 'f, line 2: offline_percent: expected an integer from 0 to 100'],
    ['a share that is a text', 'node,offline_percent\na,1e1\n', 'f, line 2: offline_percent: expected an integer'],
    ['a skew without a unit', 'node,skew\na,5\n', 'f, line 2: skew: expected a duration like 90s or -90s'],
    ['a skew that is too far', 'node,skew\na,-10h\n', 'f, line 2: skew: expected a duration like 90s or -90s, at most 32000s'],
    ['a stream that is none', 'node,stream\na,yes\n', 'f, line 2: stream: expected true or false'],
    ['a long line', `node\n${'a'.repeat(1001)}\n`, 'f, line 2: expected at most 1000 characters, found 1001'],
    ['an unknown member', '{"node":"a","color":1}\n', 'f, line 1: color: unknown member'],
    ['a line that is no object', '{"node":"a"}\n[]\n', 'f, line 2: expected'],
  ])('is refused with its line: %s', (_what, text, message) => {
    expect(() => parseInventory(text, 'f')).toThrow(
      expect.objectContaining({ code: 'ERR_DRILL_INVENTORY', message: expect.stringContaining(message) }),
    );
  });

  it('is refused when it is no JSON, or has too many nodes', () => {
    expect(() => parseInventory('{"node":"a"}\n{"node":\n', 'f')).toThrow(
      expect.objectContaining({ code: 'ERR_JSON_MALFORMED', message: expect.stringContaining('f, line 2') }),
    );
    const many = `node\n${Array.from({ length: MAX_FLEET + 1 }, (_, index) => index).join('\n')}\n`;
    expect(() => parseInventory(many, 'f')).toThrow('found 100001');
  });

  it('never ends otherwise than with rows or a coded error, whatever it is', () => {
    const cell = fc.oneof(fc.constantFrom('', 'node', 'region', 'a', '90s', '-5m', '7', 'true', '{}', '{"node":"x"}', '"'), fc.string());
    const text = fc
      .array(fc.array(cell, { maxLength: 4 }), { maxLength: 5 })
      .map((lines) => lines.map((line) => line.join(',')).join('\n'));
    fc.assert(
      fc.property(text, (input) => {
        try {
          parseScenario(withInventory(document({}), parseInventory(input, 'f')), 'd');
        } catch (error) {
          expect(error).toBeInstanceOf(JoineryError);
          expect((error as JoineryError).code).toMatch(/^ERR_(DRILL|JSON)_/);
        }
      }),
      { numRuns: 300 },
    );
  });

  const two = [{ node: 'a' }, { node: 'b' }];
  it.each([
    ['as many nodes as in the inventory', document({ nodes: 3, inventory: two })],
    ['each node of the inventory once', document({ nodes: 2, inventory: [{ node: 'a' }, { node: 'a' }] })],
    ['regions in the inventory alone', document({ nodes: 2, inventory: two, regions: [{ name: 'a', share: 1 }] })],
    ['a region for every node', document({ nodes: 2, inventory: [{ node: 'a', region: 'eu' }, { node: 'b' }] })],
    [
      'at most 200 regions',
      document({ nodes: 201, inventory: Array.from({ length: 201 }, (_, index) => ({ node: `n${index}`, region: `r${index}` })) }),
    ],
    [
      'a region of the fleet',
      document({}, { phases: [{ phase: 'prepare', steps: [{ at: '1h', do: 'server-down', for: '1h', region: 'eu' }] }] }),
    ],
  ])('in a document is refused without %s', (message, value) => {
    expect(() => parseScenario(value, 'd')).toThrow(
      expect.objectContaining({ code: 'ERR_DRILL_MALFORMED', message: expect.stringContaining(message) }),
    );
  });
});
