// Writes what the reference says of tables in the code: commands, error codes, audit events, the JSON Schema of the configuration, and OpenAPI.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { AUDIT_EVENTS } from '../src/core/audit/events.ts';
import { ceremonySchema } from '../src/core/ceremony/document.ts';
import { scenarioSchema } from '../src/core/drill/scenario.ts';
import { ERRORS, EXIT_STATUS } from '../src/core/errors.ts';
import { agentDocumentSchema } from '../src/core/join/agent-state.ts';
import { nodeDocumentSchemas } from '../src/core/join/node-directory.ts';
import { policySchema } from '../src/core/policy/document.ts';
import { realmConfigSchema } from '../src/core/realm/config.ts';
import { trustManifestSchema } from '../src/core/trust/manifest.ts';
import { commandsPage } from './commands-page.js';
import { packageJson, sourceManifest } from './manifest.js';
import { openApi } from './openapi.js';

const docs = fileURLToPath(new URL('../docs/', import.meta.url));

const table = (header, rows) => [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const errors = table(
  ['code', 'meaning', 'exit status', 'HTTP', 'gRPC'],
  Object.entries(ERRORS).map(([code, row]) => [`\`${code}\``, row.title, EXIT_STATUS[row.family], row.http, row.grpc]),
);
const families = table(['exit status', 'family'], [[0, 'ok'], ...Object.entries(EXIT_STATUS).map(([family, status]) => [status, family])]);
const events = table(
  ['event', 'recorded when'],
  Object.entries(AUDIT_EVENTS).map(([event, meaning]) => [`\`${event}\``, meaning]),
);

mkdirSync(`${docs}reference`, { recursive: true });
mkdirSync(`${docs}schema`, { recursive: true });
const note = 'Written by `npm run docs` from the table in the code; a test keeps the two equal.';
writeFileSync(
  `${docs}reference/errors.md`,
  `# Errors and exit status\n\n${note}\n\n## Exit status\n\n${families}\n\n## Codes\n\n${errors}\n`,
);
writeFileSync(`${docs}reference/commands.md`, commandsPage(await sourceManifest(), packageJson()));
writeFileSync(`${docs}reference/audit-events.md`, `# Audit events\n\n${note}\n\n${events}\n`);
writeFileSync(`${docs}schema/trust-bundle-1.json`, `${JSON.stringify(trustManifestSchema(), null, 2)}\n`);
writeFileSync(`${docs}schema/realm-config-1.json`, `${JSON.stringify(realmConfigSchema(), null, 2)}\n`);
writeFileSync(`${docs}schema/ceremony-1.json`, `${JSON.stringify(ceremonySchema(), null, 2)}\n`);
writeFileSync(`${docs}schema/drill-1.json`, `${JSON.stringify(scenarioSchema(), null, 2)}\n`);
writeFileSync(`${docs}schema/join-policy-1.json`, `${JSON.stringify(policySchema(), null, 2)}\n`);
for (const [name, schema] of Object.entries({ ...nodeDocumentSchemas(), 'node-agent-1': agentDocumentSchema() })) {
  writeFileSync(`${docs}schema/${name}.json`, `${JSON.stringify(schema, null, 2)}\n`);
}
writeFileSync(`${docs}openapi.json`, `${JSON.stringify(openApi(), null, 2)}\n`);
