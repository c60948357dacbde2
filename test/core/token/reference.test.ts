import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERRORS } from '../../../src/core/errors.ts';
import { tokenClaims } from '../../../src/core/token/claims.ts';
import { TOKEN_FORMATS } from '../../../src/core/token/grant.ts';

const page = readFileSync(new URL('../../../docs/reference/tokens.md', import.meta.url), 'utf8');
const section = (title: string) => page.split(/^## /m).find((part) => part.startsWith(title)) as string;
/** What stands in backticks in the first cell of each row. */
const firstCells = (title: string) => [...section(title).matchAll(/^\| `([^`]+)` +\|/gm)].map(([, cell]) => cell as string);

test('the reference lists every dialect and every claim, and no other', () => {
  expect(firstCells('Dialects').toSorted()).toEqual([...TOKEN_FORMATS].toSorted());
  const { properties } = tokenClaims.schema as { properties: object };
  expect(firstCells('Claims').toSorted()).toEqual(Object.keys(properties).toSorted());
});

test('the reference names every code of tokens and pins, and no code that does not exist', () => {
  const named = new Set(page.match(/ERR_[A-Z_]+/g));
  const ours = Object.keys(ERRORS).filter((code) => /^ERR_(?:TOKEN|PIN)_/.test(code));
  expect(ours.filter((code) => !named.has(code))).toEqual([]);
  expect([...named].filter((code) => !(code in ERRORS))).toEqual([]);
});

test('the codes of verification stand in the order in which the table of errors has them', () => {
  const order =
    section('The order')
      .match(/ERR_TOKEN_[A-Z_]+/g)
      ?.filter((code) => !/KEY_NOT_FOUND|HMAC_KEY|_NOT_FOUND/.test(code)) ?? [];
  const known = Object.keys(ERRORS).filter((code) => order.includes(code));
  expect(order.filter((code) => code !== 'ERR_TOKEN_UNKNOWN')).toEqual(known.filter((code) => code !== 'ERR_TOKEN_UNKNOWN'));
});
