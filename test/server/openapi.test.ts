/** docs/openapi.json: valid by the schema of OpenAPI, what the code says now, and of exactly the routes that there are. */
import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, it } from 'vitest';
import type { JoinService } from '../../src/app/join-service.ts';
import { adminRoutes } from '../../src/server/admin-routes.ts';
import { joinRoutes } from '../../src/server/join-routes.ts';
import { omnirelayRoutes } from '../../src/server/omnirelay-routes.ts';
import { publicRoutes, type PublicWorld } from '../../src/server/public-routes.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = readFileSync(`${root}docs/openapi.json`, 'utf8');
const published = JSON.parse(text) as { paths: Record<string, Record<string, { responses: Record<string, unknown> }>> };

it('is valid', async () => {
  const validator = new Validator();
  expect(await validator.validate(structuredClone(published))).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
});

it('is what npm run docs would write', async () => {
  const { openApi } = (await import(pathToFileURL(`${root}bin/openapi.js`).href)) as { openApi(): unknown };
  expect(published).toEqual(JSON.parse(JSON.stringify(openApi())));
});

it('names every route and no other', () => {
  const service = {} as JoinService;
  const routes = [...publicRoutes({} as PublicWorld), ...joinRoutes(service), ...adminRoutes(service), ...omnirelayRoutes(service)];
  const documented = Object.entries(published.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(documented.sort()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).sort());
});

it('has a problem for every refusal', () => {
  for (const methods of Object.values(published.paths))
    for (const { responses } of Object.values(methods))
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['429', '500', '503']));
});
