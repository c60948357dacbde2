import * as Flags from '@oclif/core/flags';
import { expect, test } from 'vitest';
import { BaseCommand, type Outcome } from '../../src/cli/base-command.ts';

class Probe extends BaseCommand<typeof Probe> {
  static override flags = { name: Flags.string({ required: true }), count: Flags.integer() };

  protected execute(): Promise<Outcome> {
    const name: string = this.flags.name;
    const count: number | undefined = this.flags.count;
    const json: boolean = this.flags.json;
    // @ts-expect-error -- a flag that does not exist must not compile: tsc -p test fails if it does
    const typo: unknown = this.flags['nmae'];
    return Promise.resolve({ data: { name, count: count ?? null, json, typo: typo === undefined }, text: '' });
  }
}

test('flags have the types of their definitions, and a typo does not compile', () => {
  expect(Object.keys(Probe.flags)).toEqual(['name', 'count']);
});
