// Writes the TypeScript of src/proto/*.proto with protoc (Debian: protobuf-compiler) and protoc-gen-es. `node bin/proto.js [DIRECTORY]`
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const [out = `${root}src/proto/gen`] = process.argv.slice(2);
const protos = [
  'joinery/v1/bootstrap.proto',
  'gastrolog/v1/cluster.proto',
  'google/rpc/error_info.proto',
  'spiffe/workload.proto',
  'spire/api/server/svid/v1/svid.proto',
  'spire/api/server/bundle/v1/bundle.proto',
  'spire/api/server/agent/v1/agent.proto',
  'spire/api/types/spiffeid.proto',
  'spire/api/types/x509svid.proto',
  'spire/api/types/bundle.proto',
  'spire/api/types/jointoken.proto',
];

mkdirSync(out, { recursive: true });
execFileSync(
  'protoc',
  [
    `--plugin=${root}node_modules/.bin/protoc-gen-es`,
    `--proto_path=${root}src/proto`,
    `--es_out=${out}`,
    '--es_opt=target=ts,import_extension=ts,erasable_syntax=true',
    ...protos,
  ],
  { stdio: 'inherit' },
);
