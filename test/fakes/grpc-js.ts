/** @grpc/grpc-js with @grpc/proto-loader: a gRPC client that shares no code with the server under test. */
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';

const proto = fileURLToPath(new URL('../../src/proto', import.meta.url));

export type Fields = Record<string, unknown>;

export interface GrpcJsOptions {
  readonly port: number;
  /** PEM of the anchors; none: whatever the server shows is accepted. */
  readonly anchors: string | undefined;
  readonly identity?: { readonly key: string; readonly certificates: string };
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface GrpcJsClient {
  call(method: string, request: Fields, seconds?: number): Promise<Fields>;
  /** Messages until the stream ends; `onMessage` may cancel it by returning false. */
  stream(method: string, request: Fields, onMessage: (message: Fields) => boolean): Promise<Fields[]>;
  close(): void;
}

/** What a client in another language sees of a refusal. */
export interface GrpcStatus {
  readonly code: number;
  readonly details: string;
  readonly reason: string | undefined;
  readonly info: Readonly<Record<string, string>>;
}

type Method = (...parameters: unknown[]) => unknown;

export function grpcJsClient(
  file: 'joinery/v1/bootstrap.proto' | 'gastrolog/v1/cluster.proto',
  service: string,
  options: GrpcJsOptions,
): GrpcJsClient {
  const definition = protoLoader.loadSync(file, { includeDirs: [proto], keepCase: true, longs: Number, defaults: false });
  const [pkg, version, name] = service.split('.') as [string, string, string];
  const loaded = grpc.loadPackageDefinition(definition) as unknown as Record<
    string,
    Record<string, Record<string, grpc.ServiceClientConstructor>>
  >;
  const Client = loaded[pkg]?.[version]?.[name] as grpc.ServiceClientConstructor;
  const { identity } = options;
  const credentials = grpc.credentials.createSsl(
    options.anchors === undefined ? null : Buffer.from(options.anchors),
    identity === undefined ? null : Buffer.from(identity.key),
    identity === undefined ? null : Buffer.from(identity.certificates),
    options.anchors === undefined ? { rejectUnauthorized: false } : {},
  );
  const client = new Client(`127.0.0.1:${options.port}`, credentials, { 'grpc.ssl_target_name_override': 'localhost' });
  const metadata = (): grpc.Metadata => {
    const all = new grpc.Metadata();
    for (const [name, value] of Object.entries(options.metadata ?? {})) all.set(name, value);
    return all;
  };
  const methods = client as unknown as Record<string, Method>;
  return {
    call: (method, request, seconds = 10) =>
      new Promise((resolve, reject) => {
        methods[method]?.call(
          client,
          request,
          metadata(),
          { deadline: Date.now() + seconds * 1000 },
          (error: grpc.ServiceError | null, reply: Fields) => (error === null ? resolve(reply) : reject(error)),
        );
      }),
    stream: (method, request, onMessage) =>
      new Promise((resolve, reject) => {
        const seen: Fields[] = [];
        const stream = methods[method]?.call(client, request, metadata()) as grpc.ClientReadableStream<Fields>;
        stream.on('data', (message: Fields) => {
          seen.push(message);
          if (!onMessage(message)) stream.cancel();
        });
        stream.on('end', () => resolve(seen));
        stream.on('error', (error: grpc.ServiceError) => (error.code === grpc.status.CANCELLED ? resolve(seen) : reject(error)));
      }),
    close: () => client.close(),
  };
}

/** Reads google.rpc.Status with its one ErrorInfo from the trailer, by hand: nothing here knows the generated code. */
export function statusOf(error: unknown): GrpcStatus {
  const { code, details, metadata } = error as grpc.ServiceError;
  const [binary] = metadata.get('grpc-status-details-bin');
  if (binary === undefined) return { code, details, reason: undefined, info: {} };
  const any = fields(fields(binary as Buffer).find(([number]) => number === 3)?.[1] as Buffer);
  const info = fields(any.find(([number]) => number === 2)?.[1] as Buffer);
  const text = (number: number): string | undefined => info.find(([found]) => found === number)?.[1].toString();
  const entries = info.filter(([number]) => number === 3).map(([, entry]) => fields(entry).map(([, value]) => value.toString()));
  return { code, details: unescaped(details), reason: text(1), info: Object.fromEntries(entries) as Record<string, string> };
}

/** grpc-js decodes a message by decodeURI, which leaves what is reserved in a URI as it was. */
function unescaped(details: string): string {
  return details.replace(/%(?:23|24|26|2B|2C|2F|3A|3B|3D|3F|40)/g, decodeURIComponent);
}

/** Length-delimited fields of a protobuf message; varints are skipped. */
function fields(message: Buffer): (readonly [number, Buffer])[] {
  const found: (readonly [number, Buffer])[] = [];
  for (let at = 0; at < message.length;) {
    const [tag, afterTag] = varint(message, at);
    const [value, afterValue] = varint(message, afterTag);
    const end = tag % 8 === 2 ? afterValue + value : afterValue;
    if (tag % 8 === 2) found.push([tag >> 3, message.subarray(afterValue, end)]);
    at = end;
  }
  return found;
}

function varint(message: Buffer, start: number): readonly [number, number] {
  let value = 0;
  for (let at = start, shift = 0; ; at++, shift += 7) {
    const byte = message[at] as number;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return [value, at + 1];
  }
}
